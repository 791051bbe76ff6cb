"""Which selections of which rules files a command is about."""

from collections.abc import Sequence
from dataclasses import replace

from curate.rules import Selection
from curate.select import columns_of
from curate.textcolumns import SCHEMA
from pipelines.curation.packing import all_selections
from pipelines.curation.scoring import LAYER_TEXT
from pipelines.curation.selecting import chosen, load_rules, read_cuts
from pipelines.curation.selection_counts import alone
from pipelines.curation.settings import Choice
from pipelines.shards.folder import Folder

TEXT_COLUMNS = (*SCHEMA.names, LAYER_TEXT.name)


def chosen_names(choice: Choice) -> tuple[str, ...]:
    """The selections that are asked for. Raises ValueError as `chosen_rules` does."""
    return tuple(name for _, names in chosen_rules(choice) for name in names)


def chosen_rules(choice: Choice) -> list[tuple[str, list[str]]]:
    """Each rules file with its selections that are asked for.

    Raises ValueError for a name that is in none of the files, and for one that is in two: the second would
    replace the first.
    """
    found = [(rules, list(load_rules(rules))) for rules in choice.rules]
    known = [name for _, names in found for name in names]
    if unknown := [name for name in choice.selection if name not in known]:
        raise ValueError(f"selection {', '.join(unknown)} is in none of the rules; they have {', '.join(known)}")
    wanted = [(rules, [name for name in names if name in (choice.selection or known)]) for rules, names in found]
    for name in dict.fromkeys(name for _, names in wanted for name in names):
        if len(files := [rules for rules, names in wanted if name in names]) > 1:
            raise ValueError(f"selection {name!r} is in {' and in '.join(files)}: give one of them, or rename it")
    return [(rules, names) for rules, names in wanted if names]


def packed_names(out: str, choice: Choice) -> tuple[str, ...]:
    """The selections of a curation that are to be packed: those of these names, else those of rules of your own,
    else all there are. Raises ValueError where rules were given by which nothing was selected yet."""
    there = all_selections(out)
    if choice.rules == Choice().rules:
        return choice.selection or tuple(there)
    for rules, names in chosen_rules(choice):
        for name, selection in zip(names, chosen(load_rules(rules), names), strict=True):
            if name not in there or read_cuts(Folder(out), name)["rules_file"] != alone(selection):
                raise ValueError(
                    f"{name} was not selected by {rules} as it is now: run `curate.py select` with it first"
                )
    return chosen_names(choice)


def possible_names(choice: Choice, measured: Sequence[str], ocr: str) -> tuple[str, ...]:
    """The selections asked for that can be made of the columns that were measured.

    Where no text was looked for (`ocr` is "none"), those that read text are left out, which is told. Raises
    ValueError for a column that is not there for another reason, and where no selection is left.
    """
    possible = []
    for rules, names in chosen_rules(choice):
        for selection in chosen(load_rules(rules), names):
            text_column = missing_text(selection, measured) if ocr == "none" else ""
            if text_column:
                print(f"{selection.name:<12} left out: it reads {text_column}, and --ocr none was given")
                continue
            columns_of(selection, measured)  # raises for what is not there
            possible.append(selection.name)
    if not possible:
        raise ValueError("no selection is left: give --rules that read no text, or an --ocr engine")
    return tuple(possible)


def missing_text(selection: Selection, measured: Sequence[str]) -> str:
    """A text column that the selection needs and that is not there, or "". Raises ValueError for other columns
    that are not there."""
    all_columns = [*measured, *(name for name in TEXT_COLUMNS if name not in measured)]
    required = replace(selection, rules=tuple(rule for rule in selection.rules if not rule.optional))
    return next((name for name in columns_of(required, all_columns) if name not in measured), "")
