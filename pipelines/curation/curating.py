"""The subcommands of curation: `curate.py score | calibrate | select | pack | report | run`."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields, make_dataclass, replace
from typing import Any

import tyro

from pipelines.curation.calibrating import Calibration, calibrate
from pipelines.curation.choosing import chosen_names, chosen_rules, columns_to_come, packed_names, possible_names
from pipelines.curation.estimating import estimate_packing, estimate_scoring
from pipelines.curation.measurement import describe_scores, score
from pipelines.curation.packing import pack
from pipelines.curation.report import REPORT_FILE, write_report
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import Selected, select
from pipelines.curation.settings import CURATE_RECIPES, Choice, Corpus, Execution, Measures, Packing
from pipelines.exits import exit_code
from pipelines.pools import one_thread
from pipelines.recipe_files import field_names, part, read_recipe, recipe_path, take_recipe
from pipelines.shardloop import ShardsFailed
from pipelines.shards.folder import Folder

PROG = "curate.py"
MAX_REASONS = 5  # that the terminal shows of a selection
PARTS = {
    "corpus": Corpus,
    "measures": Measures,
    "calibration": Calibration,
    "choice": Choice,
    "packing": Packing,
    "execution": Execution,
}
DESCRIPTION = """Measure every image of a corpus once, decide later by rules, pack what is kept as Hugging Face \
datasets.

--recipe NAME|FILE is the base (default, or a YAML file of the fields of all subcommands); every other flag \
overrides it. The same command again resumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """List the sources and measure every image; the good and the bad get a row each."""

    corpus: Corpus
    measures: Measures
    execution: Execution

    def plan(self) -> str:
        """What would be scored, and how long it would take."""
        return estimate_scoring(self.corpus, self.measures, self.execution)

    def run(self) -> None:
        """Score what is missing and tell the totals."""
        score(self.corpus, self.measures, self.execution)
        print(describe_scores(self.execution.out))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrate:
    """Damage a sample of the corpus's own images in known ways, and write rules with bounds that tell them apart."""

    calibration: Calibration
    execution: Execution

    def plan(self) -> str:
        """What would be tried."""
        return f"would try {self.calibration.calibrate_images:,} images of {self.execution.out}"

    def run(self) -> None:
        """Calibrate and tell where the rules are."""
        path = calibrate(
            self.execution.out, self.calibration, num_workers=self.execution.workers, backend=self.execution.backend
        )
        print(f"rules    {path}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Decide by rules over the scores what is kept, and why not; no image is touched."""

    choice: Choice
    execution: Execution

    def plan(self) -> str:
        """Which selections would be made."""
        return f"would select {', '.join(chosen_names(self.choice))} in {self.execution.out}"

    def run(self) -> None:
        """Write the selections and tell how many rows each keeps."""
        table = ScoreTable(self.execution.out)
        possible_names(self.choice, table.schema.names)  # faults show before any is made
        for rules, names in chosen_rules(self.choice):
            for selected in select(table, rules, names):
                print(describe_selected(selected))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Write the kept images of each selection as a Hugging Face dataset, their scores as columns."""

    choice: Choice
    packing: Packing
    execution: Execution

    def plan(self) -> str:
        """What would be packed."""
        names = packed_names(self.execution.out, self.choice)
        return "\n".join(estimate_packing(name, self.packing, self.execution) for name in names)

    def run(self) -> None:
        """Pack what is missing and tell what there is."""
        for name in packed_names(self.execution.out, self.choice):
            print(pack(name, self.packing, self.execution))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Write OUT/report.html, a page that needs nothing else."""

    execution: Execution

    def plan(self) -> str:
        """What would be written."""
        return f"would write {self.execution.out}/{REPORT_FILE}"

    def run(self) -> None:
        """Write the report and tell where it is."""
        print(f"report   {write_report(self.execution.out)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All of it: score, calibrate, select, pack, report; selected and packed is by the rules given."""

    corpus: Corpus
    measures: Measures
    calibration: Calibration
    choice: Choice
    packing: Packing
    execution: Execution

    def plan(self) -> str:
        """What each step would do, as far as that is known before the first."""
        names = self._possible().selection
        scoring = estimate_scoring(self.corpus, self.measures, self.execution)
        return f"{scoring}\nwould select and pack {', '.join(names)}"

    def run(self) -> None:
        """Do what is missing of each step."""
        choice = self._possible()  # faults in rules show before hours of work
        Score(corpus=self.corpus, measures=self.measures, execution=self.execution).run()
        try:
            Calibrate(calibration=self.calibration, execution=self.execution).run()
        except ValueError as error:  # too few good images: the rules given need none
            print(f"rules    none calibrated: {error}")
        Select(choice=choice, execution=self.execution).run()
        Pack(choice=choice, packing=self.packing, execution=self.execution).run()
        Report(execution=self.execution).run()

    def _possible(self) -> Choice:
        """The choice without the selections that read text where none is looked for. Raises ValueError for a rule
        that reads what nothing will measure."""
        columns = columns_to_come(self.measures, self.execution.out, self.corpus.carry)
        return replace(self.choice, selection=possible_names(self.choice, columns, self.measures.ocr))


Command = Score | Calibrate | Select | Pack | Report | Run
COMMANDS = (Score, Calibrate, Select, Pack, Report, Run)


def describe_selected(selected: Selected) -> str:
    """A selection for the terminal, with what drops most by the first rule that each image fails."""
    share = selected.num_kept / max(1, selected.num_rows)
    lines = [f"{selected.name:<12} {selected.num_kept:,} of {selected.num_rows:,} kept ({share:.1%})"]
    reasons = list(selected.dropped.items())
    lines += [f"  dropped    {count:,} {reason}" for reason, count in reasons[:MAX_REASONS]]
    if rest := sum(count for _, count in reasons[MAX_REASONS:]):
        lines.append(f"  dropped    {rest:,} by {len(reasons) - MAX_REASONS} other rules")
    return "\n".join(lines)


def parse_command(args: Sequence[str]) -> Command:
    """The command of a command line: `--recipe NAME|FILE` is the base, every other flag overrides it.

    Paths are made absolute. Raises SystemExit with a message where a flag or a value does not fit.
    """
    recipe, rest = take_recipe(args, "default")
    try:
        parts = load_parts(recipe)
        defaults = {kind.__name__.lower(): kind(**_own(kind, parts)) for kind in COMMANDS}
        subcommands = tyro.extras.subcommand_type_from_defaults(
            defaults, {kind.__name__.lower(): inspect.cleandoc(kind.__doc__ or "") for kind in COMMANDS}
        )
        line: Any = tyro.cli(
            make_dataclass("Line", [("settings", subcommands)]),  # which errors name
            args=rest,
            prog=PROG,
            description=DESCRIPTION,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
        command: Command = line.settings
        parts = {field.name: getattr(command, field.name) for field in fields(command)}
        return replace(command, **{name: absolute(value) for name, value in parts.items()})
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"{PROG}: {error}") from None


def absolute(value: Any) -> Any:
    """A part of the settings with paths that hold in any working directory."""
    return value.absolute() if hasattr(value, "absolute") else value


def _own(kind: type, parts: dict[str, Any]) -> dict[str, Any]:
    return {field.name: parts[field.name] for field in fields(kind)}


def load_parts(recipe: str) -> dict[str, Any]:
    """The settings of a recipe file by part."""
    path = recipe_path(recipe, CURATE_RECIPES)
    values = read_recipe(path, field_names(*PARTS.values()), CURATE_RECIPES)
    try:
        return {name: part(kind, values) for name, kind in PARTS.items()}
    except ValueError as error:
        raise ValueError(f"recipe {path}: {error}") from None


def execute(command: Command) -> int:
    """Run a command; the process's exit code."""
    one_thread()

    def run() -> None:
        if command.execution.dry_run:
            print(command.plan())
        else:
            Folder(command.execution.out).sweep()  # what a killed driver was writing
            command.run()

    return exit_code(f"{PROG} {type(command).__name__.lower()}", run, faults=(ImportError, ShardsFailed))
