"""Settings of curation: frozen parts, shared by the subcommands; a recipe file is the base of a command line."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from curate.ocr import ENGINES
from curate.picture import Limits
from curate.text import MODES
from pipelines.corpora.pdfs import PageOptions
from pipelines.recipe_files import RECIPES, absolute_path, output_path
from pipelines.runner import BACKENDS

CURATE_RECIPES = RECIPES / "curate"
OCR_ENGINES = (*ENGINES, "none")
MEGA = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What is curated."""

    source: tuple[str, ...] = ()
    """Where images come from: folders, Parquet files or Hugging Face dataset folders, WebDataset tars, PDFs;
    local paths or fsspec URLs; several make one corpus. "builtin": six small photographs, for a first look."""
    source_licence: str = "unknown"
    """Licence of the images, kept with every row, where the corpus has no manifest.jsonl and no column that
    says it."""
    carry: tuple[str, ...] = ()
    """Columns of the corpus's own metadata to keep beside the scores, for rules and categories: a column of Parquet
    files, a field of the .json beside an image in a tar, or of the image's line in manifest.jsonl, metadata.jsonl or
    metadata.csv; `FIELD`, `FIELD:number` or `NAME=FIELD`. Others may be asked for later."""
    dpi: float = 150.0
    """Resolution at which pages of PDFs are drawn, pixels an inch, 10 to 1200."""
    max_mpx: float = 128.0
    """Largest image, in megapixels by its header; a larger one is not decoded but listed as a fault."""
    max_mb: float = 96.0
    """Largest image file, in MB of 1,000,000 bytes; a larger one is not decoded but listed as a fault."""

    def __post_init__(self) -> None:
        for name, high in (("max_mpx", 4000.0), ("max_mb", 1500.0)):
            if not 0 < getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}: give above 0, at most {high:,.0f}")
        _ = self.pages  # checks dpi

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, source=tuple(map(absolute_path, self.source)))

    @property
    def limits(self) -> Limits:
        return Limits(max_pixels=round(self.max_mpx * MEGA), max_bytes=round(self.max_mb * MEGA))

    @property
    def pages(self) -> PageOptions:
        return PageOptions(dpi=self.dpi, limits=self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is measured."""

    scorers: tuple[str, ...] = ("sanity", "compression", "fingerprint", "sharpness")
    """Scorers by name, or path/to/file.py:ClassName for one of your own."""
    ocr: str = "rapidocr"
    """Engine that counts characters: rapidocr (its models come with it), paddleocr or none (no text columns)."""
    ocr_models: str = ""
    """Folder of PaddleOCR's models, det and rec, each with inference.onnx and inference.yml."""
    text: str = "auto"
    """How much is read: density (samples of lines), auto (all lines where a sample cannot tell whether there is
    much text) or full (all lines of every image)."""

    def __post_init__(self) -> None:
        if not self.scorers:
            raise ValueError("scorers is empty: name at least one, such as sanity")
        if self.ocr not in OCR_ENGINES:
            raise ValueError(f"ocr is {self.ocr!r}: choose {', '.join(OCR_ENGINES)}")
        if self.text not in MODES:
            raise ValueError(f"text is {self.text!r}: choose {', '.join(MODES)}")
        if self.ocr == "paddleocr" and not self.ocr_models:
            raise ValueError("ocr is 'paddleocr' without ocr_models: name the folder of its models")

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        scorers = tuple(map(_absolute_scorer, self.scorers))
        return replace(self, scorers=scorers, ocr_models=absolute_path(self.ocr_models))


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How and where it runs. Of it `ocr_gpus` alone may change what is written: whether OCR runs on a GPU or the CPU
    is part of what the text scores are made with, and they are not continued on the other."""

    out: str = "curated"
    """Folder of the curation (list, scores, text, selections, packed sets, report), a local path or an fsspec
    URL such as s3://bucket/name."""
    backend: str = "ray"
    """ray (the cluster at hand, or one started here), processes (this machine, no Ray) or inline."""
    workers: int = -1
    """Shards made at a time; -1: one a CPU, of a Ray cluster also of nodes that join later; 0: in this process."""
    ocr_workers: int = -1
    """OCR workers, each with its own models; -1: as many as workers, or as a Ray cluster has room for."""
    ocr_cpus: float = 1.0
    """CPUs that Ray sets aside for each OCR worker."""
    ocr_gpus: float = 0.0
    """GPUs, or a share of one, that Ray sets aside for each OCR worker."""
    dry_run: bool = False
    """Print what would be done, how many images there are, and the time it would take, and stop."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f"backend is {self.backend!r}: choose {', '.join(BACKENDS)}")
        for name, low in (("workers", -1), ("ocr_workers", -1), ("ocr_cpus", 0), ("ocr_gpus", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, out=output_path("out", self.out))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is kept."""

    rules: tuple[str, ...] = ("general", "text-rich")
    """Rules files: YAML of your own, or those that come with the package (general, text-rich, stages)."""
    selection: tuple[str, ...] = ()
    """Only the selections of these names; none: all there are."""

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, rules=tuple(absolute_path(name) if Path(name).is_file() else name for name in self.rules))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How kept images are packed."""

    images_per_shard: int = 250
    """Images a Parquet shard holds."""
    shuffle_seed: int = 0
    """Seed of the order of the packed images, a whole number from 0."""

    def __post_init__(self) -> None:
        for name, low in (("images_per_shard", 1), ("shuffle_seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")


def _absolute_scorer(name: str) -> str:
    file, colon, class_name = name.rpartition(":")
    return f"{absolute_path(file)}:{class_name}" if colon else name
