"""Settings of acuity charts: frozen parts over which the command line is made."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

import tyro

from pipelines.photos import PHOTOS, SPLITS
from pipelines.recipe_files import absolute_path, output_path
from pipelines.settings import Execution
from render.recipe import BANDS

SIDE_PX = 256
CONTRASTS = ("dark", "light")  # of the ink: dark on light ground, light on dark ground
GROUNDS = ("paper", "photo")
LANGUAGES = ("en", "zh")
SMALLEST_PX, LARGEST_PX = 5, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """What is on the charts; all of it decides their bytes."""

    languages: tuple[str, ...] = LANGUAGES
    """Languages: en, zh."""
    size_px: tuple[int, int] = (SMALLEST_PX, LARGEST_PX)
    """Smallest and largest character, em in px, within 5 to 20, in steps of 1."""
    grounds: tuple[str, ...] = GROUNDS
    """What lies under the text: paper, photo."""
    contrasts: tuple[str, ...] = CONTRASTS
    """The ink: dark (on a light ground), light (on a dark one)."""
    faces_per_language: int = 6
    """Faces that take turns line by line: upright, of regular weight, each of another family."""
    targets_per_chart: int = 128
    """Most characters of a chart that are stored with their look-alikes."""
    contrast_floor: float = 45.0
    """Least APCA contrast Lc, 30 to 75, of ink to the nearest tenth of the 4 px tiles under a line; photos are dimmed
    or lightened as far as that takes."""

    def __post_init__(self) -> None:
        for name, allowed in (("languages", LANGUAGES), ("grounds", GROUNDS), ("contrasts", CONTRASTS)):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values) or not set(values) <= set(allowed):
                raise ValueError(f"{name} is {values}: choose one or more of {', '.join(allowed)}, each once")
        low, high = self.size_px
        if not SMALLEST_PX <= low <= high <= LARGEST_PX:
            raise ValueError(f"size_px is {low} {high}: choose smallest and largest within 5 to 20 px")
        for name, least, most in (
            ("faces_per_language", 1, 32),
            ("targets_per_chart", 1, 1000),
            ("contrast_floor", 30, 75),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}: choose {least} to {most}")

    def cells(self) -> tuple["ChartCell", ...]:
        """Every kind of chart, in order."""
        low, high = self.size_px
        return tuple(
            ChartCell(language=language, size_px=size, ground=ground, contrast=contrast)
            for size in range(low, high + 1)
            for language in self.languages
            for ground in self.grounds
            for contrast in self.contrasts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartCell:
    """One kind of chart."""

    language: str
    size_px: int
    ground: str
    contrast: str

    @property
    def band(self) -> str:
        """The band of the records' sizes that it falls in."""
        return next(name for name, (low, _) in reversed(BANDS.items()) if low <= self.size_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What charts are made from, and how many."""

    photos: tuple[str, ...] = ("builtin",)
    """Where photos come from: folders, Parquet files or Hugging Face dataset folders, WebDataset tars; local
    paths or fsspec URLs. "builtin": the few small photographs that come with scikit-image."""
    photo_licence: str = "unknown"
    """Licence of the photos, kept with every record, where the corpus has no manifest.jsonl that says it."""
    split: str = "all"
    """Which photos are used, by a hash of their bytes: all, train (95%) or held-out (5%)."""
    fonts: tuple[str, ...] = ("default",)
    """Where faces come from: "default", "system", "fetched", and font folders or files."""
    corpus: tuple[str, ...] = ()
    """Text files, folders, or FILE.parquet:COLUMN to write from; none: generated text."""
    seed: int = 0
    """Seed of every choice."""
    charts_per_cell: int = 24
    """Charts of each language, size, ground and contrast; raising it later extends the set, and what was measured.
    The standard error of a size's forced choice is then at most about 0.01, that of its NED, two lines read of each
    chart, 0.02. Near a share of 0.9, where acuity is decided, 7 are enough for the former."""
    charts_per_shard: int = 64
    """Charts a Parquet shard holds (about 0.3 MB each)."""

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split is {self.split!r}: choose one of {', '.join(SPLITS)}")
        for name, low in (("charts_per_cell", 1), ("charts_per_shard", 1), ("seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")
        if not self.fonts:
            raise ValueError('fonts is empty: give "default", "system", or a folder of fonts')


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSettings:
    """Charts, with what they are made from and how."""

    charts: Charts = Charts()
    inputs: Inputs = Inputs()
    execution: Execution = field(default_factory=Execution)

    @property
    def num_charts(self) -> int:
        return self.inputs.charts_per_cell * len(self.charts.cells())

    @property
    def num_shards(self) -> int:
        return -(-self.num_charts // self.inputs.charts_per_shard)

    @property
    def photo_index(self) -> str:
        """The folder of the photo index, "" where no ground is a photo."""
        if "photo" not in self.charts.grounds:
            return ""
        return self.execution.photo_index or f"{self.execution.out}/{PHOTOS}"

    def absolute(self) -> "ChartSettings":
        """The same with local paths made absolute: workers have another working directory."""
        inputs = self.inputs
        photos, fonts, corpus = (
            tuple(map(absolute_path, paths)) for paths in (inputs.photos, inputs.fonts, inputs.corpus)
        )
        out, index = output_path("out", self.execution.out), absolute_path(self.execution.photo_index)
        execution = replace(self.execution, out=out, photo_index=index)
        inputs = replace(inputs, photos=photos, fonts=fonts, corpus=corpus)
        return replace(self, inputs=inputs, execution=execution)

    def identity(self) -> dict[str, Any]:
        """The fields that decide the charts' bytes: no paths, since what is read there counts by its content."""
        inputs = {"seed": self.inputs.seed, "split": self.inputs.split, "per_shard": self.inputs.charts_per_shard}
        return {"charts": asdict(self.charts), "inputs": inputs}


def parse_settings(args: Sequence[str], description: str, prog: str) -> ChartSettings:
    """Settings of a command line. Raises SystemExit with a message where a flag or a value does not fit."""
    try:
        return tyro.cli(
            Annotated[ChartSettings, tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes],
            args=list(args),
            prog=prog,
            description=description,
        )
    except ValueError as error:
        raise SystemExit(f"{prog}: {error}") from None
