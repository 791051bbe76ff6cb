"""Recipe files: YAML of the fields of frozen dataclasses, checked by name and type; and paths among their values."""

import difflib
import os
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec
import yaml

JOB_COPIES = "working_dir_files"  # where Ray unpacks the working directories of its jobs
NAMED_SOURCES = ("builtin", "default", "system", "fetched")
RECIPES = Path(__file__).parent / "recipes"
Part = TypeVar("Part")


def take_recipe(args: Sequence[str], default: str) -> tuple[str, list[str]]:
    """The value of --recipe, taken out of the arguments, or `default` where there is none."""
    rest, recipe = list(args), default
    for i, arg in enumerate(args):
        if arg == "--recipe" and i + 1 < len(args):
            recipe, rest = args[i + 1], [*args[:i], *args[i + 2 :]]
        elif arg.startswith("--recipe="):
            recipe, rest = arg.partition("=")[2], [*args[:i], *args[i + 1 :]]
    return recipe, rest


def recipe_path(recipe: str, folder: Path = RECIPES) -> Path:
    """The file of a recipe, or of one that comes with the package by its name."""
    path = folder / f"{recipe}.yaml"
    if not path.exists():
        path = Path(recipe)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
        raise FileNotFoundError(f"recipe {recipe!r} is neither a file nor one of: {known}")
    return path


def read_recipe(
    path: Path, known: Sequence[str], folder: Path = RECIPES, above: tuple[Path, ...] = ()
) -> dict[str, Any]:
    """The fields that a recipe file sets, over those of the recipe that its `base` names: a file beside it, or one
    that comes with the package. Raises ValueError for a field that is not known."""
    try:
        values = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"recipe {path} is no YAML ({error}): write `field: value` lines") from None
    if not isinstance(values, dict):
        raise ValueError(f"recipe {path} holds a {type(values).__name__}: write `field: value` lines")
    base = values.pop("base", "")
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            raise ValueError(f"recipe {path}: no field {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if not base:
        return values
    if not isinstance(base, str):
        raise ValueError(f"recipe {path}: base is {reprlib.repr(base)}: name one recipe")
    beside = path.parent / base
    lower = beside if beside.is_file() else recipe_path(base, folder)
    if lower in (path, *above):
        raise ValueError(f"recipe {path}: its base, {base}, is based on it: leave one of them out")
    return read_recipe(lower, known, folder, (path, *above)) | values


def flags_of(cls: type, prefix: str = "") -> dict[str, str]:
    """The command-line flag of each field of a dataclass, by its path: {"recipe.image_size": "--image-size"}."""
    return {f"{prefix}{field.name}": f"--{field.name.replace('_', '-')}" for field in fields(cls)}


def field_names(*kinds: type) -> list[str]:
    """The names of the fields of dataclasses."""
    return [field.name for kind in kinds for field in fields(kind)]


def convert(name: str, value: Any, hint: Any) -> Any:
    """A value of a file as the type of its field. Raises ValueError naming the field."""
    try:
        return msgspec.convert(value, hint, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        shown = reprlib.repr(value)  # a few lines of YAML may stand for a value without end
        raise ValueError(f"{name} is {shown}: {error}") from None


def part(kind: type[Part], values: dict[str, Any], convert_one: Callable[[str, Any, Any], Any] = convert) -> Part:
    """One of the dataclasses from the values that are its own."""
    hints = get_type_hints(kind)
    return kind(**{name: convert_one(name, values[name], hints[name]) for name in hints if name in values})


def absolute_path(path: str) -> str:
    """A local path made absolute; names and URLs as they are."""
    if not path or "://" in path or path in NAMED_SOURCES:
        return path
    return os.path.abspath(os.path.expanduser(path))


def output_path(name: str, path: str) -> str:
    """The path of an output made absolute; ValueError where it lies in the copy of a job that Ray will remove."""
    place = absolute_path(path)
    if "://" not in place and JOB_COPIES in Path(place).parts:
        raise ValueError(
            f"{name} is {path!r}, which here is {place}: a job runs in a copy of its working directory, and Ray "
            "removes that with all that was written there; give an absolute path on a disk that every node has, or a "
            "URL such as s3://bucket/name"
        )
    return place
