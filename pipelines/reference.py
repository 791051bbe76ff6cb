"""The reference of all settings, from the dataclasses: python -m pipelines.reference > docs/recipes.md"""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

from pipelines import settings
from pipelines.curation import settings as curate_settings
from pipelines.curation.calibrating import Calibration
from pipelines.mixture import settings as mix_settings
from render.mix import Mix
from render.recipe import Recipe

Kinds = Sequence[type]
JOBS: Mapping[str, tuple[str, Kinds]] = {
    "render.py": ("pipelines/recipes", (Recipe, settings.Inputs, settings.Execution)),
    "curate.py": (
        "pipelines/recipes/curate",
        (
            curate_settings.Corpus,
            curate_settings.Measures,
            Calibration,
            curate_settings.Choice,
            curate_settings.Packing,
            curate_settings.Execution,
        ),
    ),
    "mix.py": ("pipelines/recipes/mix", (mix_settings.Mixture, mix_settings.Running)),
}
HEAD = """# Recipes: every setting

A recipe is a YAML file of these fields; `--recipe FILE.yaml` names one of your own, `--recipe NAME` one that comes
along. Every field is a flag too (`image_size` is `--image-size`), and a flag overrides the recipe. This page is made
from the code: `python -m pipelines.reference > docs/recipes.md`. With `base: NAME` a recipe takes all that it does not
say from another one, which comes along or is a file beside it."""


def reference() -> str:
    """The page."""
    return "\n\n".join([HEAD, *(part for name, job in JOBS.items() for part in _job(name, *job))]) + "\n"


def _job(name: str, folder: str, kinds: Kinds) -> Iterator[str]:
    yield f"## {name}\n\nRecipes that come along: `{folder}`."
    for kind in kinds:
        about = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        rows = [_row(field, texts_of(kind).get(field.name, "")) for field in fields(kind)]
        yield f"**{about}**\n\n| field | default | meaning |\n|---|---|---|\n" + "\n".join(rows)


def _row(field: "Field[Any]", text: str) -> str:
    meaning = " ".join(text.split()).replace("|", "\\|")
    return f"| `{field.name}` | {_plain(field)} | {meaning} |"


def _plain(field: "Field[Any]") -> str:
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    shown = str(value) if isinstance(value, Mix) else " ".join(map(str, value)) if isinstance(value, tuple) else value
    return "" if shown in ("", MISSING) else f"`{str(shown).replace('|', chr(92) + '|')}`"


def texts_of(kind: type) -> dict[str, str]:
    """The docstring under each field of a dataclass."""
    [made] = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body
    assert isinstance(made, ast.ClassDef), "only classes are described"
    found = {}
    for field, after in zip(made.body, made.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            text = after.value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[field.target.id] = text.value
    return found


if __name__ == "__main__":
    print(reference(), end="")
