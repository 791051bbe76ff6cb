"""Settings of a rendering job: a recipe file and command-line overrides over frozen dataclasses."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from pipelines.photos import SPLITS
from pipelines.recipe_files import (
    absolute_path,
    convert,
    field_names,
    output_path,
    part,
    read_recipe,
    recipe_path,
    take_recipe,
)
from pipelines.runner import BACKENDS
from pipelines.shards.codec import FORMATS
from render.mix import Mix
from render.recipe import Recipe

ELSEWHERE = ("num_images", "photos", "photo_licence", "fonts", "corpus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is rendered from, how many and into what files."""

    photos: tuple[str, ...] = ("builtin",)
    """Where photos come from: folders, Parquet files or Hugging Face dataset folders, WebDataset tars; local
    paths or fsspec URLs. "builtin": the few small photographs that come with scikit-image, for a first look."""
    photo_licence: str = "unknown"
    """Licence of the photos, kept with every record, where the corpus has no manifest.jsonl that says it."""
    split: str = "all"
    """Which photos are used, by a hash of their bytes: all, train (95%) or held-out (5%)."""
    fonts: tuple[str, ...] = ("default",)
    """Where faces come from: "default" (installed with this package), "system", "fetched" (see `python -m fonts
    fetch`), and font folders or files."""
    corpus: tuple[str, ...] = ()
    """Text files, folders, or FILE.parquet:COLUMN to write from; none: generated text."""
    seed: int = 0
    """Seed of every choice."""
    num_images: int = 1000
    """Images in the finished set; raising it later extends the set."""
    images_per_shard: int = 250
    """Images a Parquet shard holds (about 0.5 MB each at 512 px)."""
    image_format: str = "png"
    """png (lossless, fastest), webp (lossless, a quarter smaller, a third slower in all) or jpeg (4:4:4 q95, lossy)."""

    def __post_init__(self) -> None:
        for name, allowed in (("split", SPLITS), ("image_format", FORMATS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        for name, low in (("num_images", 1), ("images_per_shard", 1), ("seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")
        if not self.fonts:
            raise ValueError('fonts is empty: give "default", "system", or a folder of fonts')

    @property
    def num_shards(self) -> int:
        return -(-self.num_images // self.images_per_shard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How and where the job runs; none of it changes a byte of the images."""

    out: str = "out"
    """Folder of the dataset, a local path or an fsspec URL such as s3://bucket/name."""
    photo_index: str = ""
    """Folder of the photo index, to share it between datasets whose images have the same least side; by default
    OUT/photos."""
    backend: str = "ray"
    """ray (the cluster at hand, or one started here), processes (this machine, no Ray) or inline."""
    workers: int = -1
    """Shards made at a time; -1: one a CPU, of a Ray cluster also of nodes that join later; 0: in this process."""
    dry_run: bool = False
    """Print the plan, expected bytes and time, and stop."""
    preview: int = 0
    """Render only this many images into OUT/preview.png (a contact sheet) and stop."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f"backend is {self.backend!r}: choose {', '.join(BACKENDS)}")
        if self.workers < -1 or self.preview < 0:
            raise ValueError(f"workers is {self.workers}, preview {self.preview}: give at least -1 and 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A recipe with what it is rendered from and how."""

    recipe: Recipe = Recipe()
    inputs: Inputs = Inputs()
    execution: Execution = Execution()

    def absolute(self) -> "Settings":
        """The same settings with local paths made absolute: workers have another working directory."""
        inputs, execution = self.inputs, self.execution
        photos, fonts, corpus = (
            tuple(map(absolute_path, paths)) for paths in (inputs.photos, inputs.fonts, inputs.corpus)
        )
        out = output_path("out", execution.out)
        index = output_path("photo_index", execution.photo_index)
        inputs = replace(inputs, photos=photos, fonts=fonts, corpus=corpus)
        return replace(self, inputs=inputs, execution=replace(execution, out=out, photo_index=index))

    def identity(self) -> dict[str, Any]:
        """The fields that decide the images' bytes; not num_images, since raising it extends the set, and no paths:
        what is read there counts by its content."""
        inputs = {k: v for k, v in asdict(self.inputs).items() if k not in ELSEWHERE}
        recipe = {f.name: getattr(self.recipe, f.name) for f in fields(self.recipe)}
        plain = {name: str(value) if isinstance(value, Mix) else value for name, value in recipe.items()}
        return {"recipe": plain, "inputs": inputs}


def _mix_spec() -> tyro.constructors.PrimitiveConstructorSpec[Mix]:
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="NAME=SHARE,...",
        instance_from_str=lambda args: Mix.parse(",".join(args)),
        is_instance=lambda value: isinstance(value, Mix),
        str_from_instance=lambda mix: [str(mix)],
    )


_registry = tyro.constructors.ConstructorRegistry()


@_registry.primitive_rule
def _mix_rule(info: tyro.constructors.PrimitiveTypeInfo) -> Any:
    return _mix_spec() if info.type is Mix else None


def parse_settings(args: Sequence[str], description: str, prog: str) -> Settings:
    """Settings of a command line: `--recipe NAME|FILE` is the base, every other flag overrides it.

    Raises SystemExit with a message where a flag or a value does not fit.
    """
    recipe, rest = take_recipe(args, "default")
    try:
        default = load_settings(recipe)
        with _registry:
            return tyro.cli(
                Annotated[Settings, tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes],
                args=rest,
                default=default,
                prog=prog,
                description=description,
            )
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"{prog}: {error}") from None


def load_settings(recipe: str) -> Settings:
    """Settings of a recipe file, or of one that comes with the package by its name."""
    path = recipe_path(recipe)
    values = read_recipe(path, field_names(Recipe, Inputs, Execution))
    return _settings_of({"name": path.stem} | values, path)


def _settings_of(values: dict[str, Any], path: Path) -> Settings:
    try:
        return Settings(
            recipe=part(Recipe, values, _typed), inputs=part(Inputs, values), execution=part(Execution, values)
        )
    except ValueError as error:  # msgspec's own are ValueErrors too
        raise ValueError(f"recipe {path}: {error}") from None


def _typed(name: str, value: Any, hint: Any) -> Any:
    if hint is Mix:
        return Mix.read(name, value)
    return convert(name, value, hint)
