"""The run that a recipe file and a command line describe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from pipelines.recipe_files import field_names, part, read_recipe, recipe_path, take_recipe
from train.curriculum import read_stages
from train.settings import Execution, Model, Optimiser, Run, Terms

RECIPES = Path(__file__).parent / "recipes"
PARTS: dict[str, type] = {"model": Model, "terms": Terms, "optimiser": Optimiser, "execution": Execution}


def load_run(recipe: str) -> Run:
    """The run of a recipe file, or of an included one by its name. Raises FileNotFoundError where there is none of the
    name, ValueError naming file, field and value for what does not fit."""
    path = recipe_path(recipe, RECIPES)
    values = read_recipe(path, [*field_names(*PARTS.values()), "stages"], RECIPES)
    try:
        stages = read_stages(values.pop("stages", []))
        return Run(recipe=path.stem, stages=stages, **{name: part(kind, values) for name, kind in PARTS.items()})
    except ValueError as error:
        raise ValueError(f"recipe {path}: {error}") from None


def check_sizes(run: Run) -> None:
    """Raise ValueError for a stage whose crops the model cannot take."""
    factor = run.model.config().factor
    for stage in run.stages:
        for size in stage.sizes:
            if size[0] % factor or size[1] % factor:
                raise ValueError(
                    f"stage {stage.name!r}: crops of {size[1]} x {size[0]} px are no multiple of {factor}, the factor "
                    f"of {run.model.model}: choose another resolution_px or other aspects"
                )


def parse_run(args: Sequence[str], description: str, prog: str) -> Run:
    """The run of a command line: `--recipe NAME|FILE` is the base, every other flag overrides it.

    Raises SystemExit with a message where a flag or a value does not fit.
    """
    recipe, rest = take_recipe(args, "tiny")
    try:
        run = load_run(recipe)
        hidden = Annotated[Run, tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes]
        run = tyro.cli(hidden, args=rest, default=run, prog=prog, description=description)
        run.curriculum()
        check_sizes(run)
        run = run.absolute()
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"{prog}: {error}") from None
    if not run.execution.data and not run.execution.dry_run:
        raise SystemExit(f"{prog}: no data: name folders of shards with --data")
    return run
