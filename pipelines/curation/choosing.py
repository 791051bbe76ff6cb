"""Which selections of which rules files a command is about, and whether the scores have what they read."""

from collections.abc import Iterator, Sequence

from curate.categories import CATEGORY
from curate.expressions import expression, no_column
from curate.rules import Selection
from curate.scorers import BUILT_IN, open_scorers
from curate.textcolumns import SCHEMA
from pipelines.curation.carrying import carried_names, parse_carried
from pipelines.curation.columns import LAYER_TEXT, score_names
from pipelines.curation.deduplicating import PRINTS
from pipelines.curation.deduplicating import SCHEMA as DUPLICATE_SCHEMA
from pipelines.curation.packing import all_selections
from pipelines.curation.scoretable import OUTCOME, PATH, PLACE, TEXT, part_of
from pipelines.curation.selecting import chosen, load_rules, read_cuts
from pipelines.curation.selection_counts import alone
from pipelines.curation.settings import Choice, Measures
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE

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


def columns_to_come(measures: Measures, out: str, carry: Sequence[str] = ()) -> list[str]:
    """The columns that the scores of a curation will have once all is measured. Raises ValueError as `open_scorers`
    and `parse_carried`."""
    scores = score_names(measures.scorers)
    carried = [one.name for one in parse_carried(carry, scores)] or carried_names(out)
    with_text = measures.ocr != "none" or part_of(out, TEXT).exists(JOB_FILE)  # of an earlier run
    text = TEXT_COLUMNS if with_text else ()
    duplicates = DUPLICATE_SCHEMA.names if set(PRINTS) <= set(scores) else ()
    return list(dict.fromkeys(["id", *OUTCOME, *PLACE, *scores, *text, *duplicates, *carried, PATH]))


def possible_names(choice: Choice, columns: Sequence[str], ocr: str = "") -> tuple[str, ...]:
    """The selections asked for that can be made of these columns.

    Where no text is to be looked for (`ocr` is "none"), those that read text are left out, which is told. Raises
    ValueError for a column that is not there for another reason, and where no selection is left.
    """
    possible = []
    for rules, names in chosen_rules(choice):
        for selection in chosen(load_rules(rules), names):
            missing = [(what, name) for what, name in _needs(selection) if name not in columns]
            for what, name in missing:
                if ocr != "none" or name not in TEXT_COLUMNS:
                    raise ValueError(_absent(selection, what, name, columns))
            if missing:
                print(f"{selection.name:<12} left out: it reads {missing[0][1]}, and --ocr none was given")
                continue
            possible.append(selection.name)
    if not possible:
        raise ValueError("no selection is left: give --rules that read no text, or an --ocr engine")
    return tuple(possible)


def _needs(selection: Selection) -> Iterator[tuple[str, str]]:
    """What of a selection reads a column, and which; optional rules need none."""
    own = {CATEGORY} if selection.categories else set()  # which rules may read
    for rule in selection.rules:
        for name in rule.columns:
            if not rule.optional and name not in own:
                yield f"rule {str(rule)!r}", name
    for category in selection.categories:
        for name in expression(category.where).columns if category.where else ():
            yield f"category {category.name!r}", name
    for name in expression(selection.weight.column).columns if selection.weight else ():
        yield "the weight", name


def _absent(selection: Selection, what: str, name: str, columns: Sequence[str]) -> str:
    """What is wrong where a column is not there, and the remedy."""
    givers = (scorer for scorer in BUILT_IN if name in open_scorers([scorer])[0].schema.names)
    if name in TEXT_COLUMNS:
        why = "a column of text, for which nobody has looked: run `curate.py score` with an --ocr engine first"
    elif giver := next(givers, ""):
        why = f"a column of scorer {giver}: add {giver} to --scorers"
    else:
        why = no_column(name, columns)
    return f"selection {selection.name!r}: {what} reads {name!r}, {why}"
