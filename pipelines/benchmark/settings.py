"""Settings of the benchmark builder: frozen parts, one command line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

import tyro

from curate.benchchoice import Rules
from curate.benchreading import Bounds
from curate.ocr import ENGINES
from curate.picture import Limits
from curate.tokenbench import CATEGORIES
from pipelines.corpora.pdfs import PageOptions
from pipelines.recipe_files import absolute_path, output_path
from pipelines.runner import BACKENDS

PROG = "tokenbench.py"
MEGA = 1_000_000
DESCRIPTION = """Build a benchmark of small text from document pages: blocks of text cut out and resized to 256x256 \
px, so that a Chinese character takes about 16x16 px and an English one 10x10 px.

Pages come with annotations in OmniDocBench's format (--annotations FILE.json --images DIR), or without (--pages), \
where OCR finds their blocks; both may be given. OUT holds a Hugging Face dataset (data/), the same images as plain \
PNG files (bench/), what became of every crop (candidates.parquet) and a page to review it (review.html). The same \
command again resumes; other rules, --exclude or --strikes choose anew without reading a page again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where pages come from."""

    annotations: str = ""
    """A JSON file of annotations in OmniDocBench's format; with it, images."""
    images: str = ""
    """The images that the annotations name: a folder, WebDataset tars or Parquet files, local or an fsspec URL."""
    pages: tuple[str, ...] = ()
    """Pages without annotations: PDFs, images, or folders of them, local paths or fsspec URLs. A page's category is
    the last part of its path that is one of the nine (slides counts as PPT2PDF)."""
    category: str = ""
    """Category of the pages whose path names none; without it they are left out, and counted."""
    licence: str = "unknown"
    """Licence of the pages, kept with every sample, where the corpus has no manifest.jsonl that says it."""
    sample_pages: int = 0
    """Take at most this many of the pages without annotations, categories, languages in file names (en_, zh_) and
    documents in turn; 0: all."""
    dpi: float = 150.0
    """Resolution at which pages of PDFs are drawn, pixels an inch, 10 to 1200."""
    max_mpx: float = 128.0
    """Largest page, in megapixels by its header; a larger one is not decoded but listed as a fault."""
    max_mb: float = 96.0
    """Largest image file, in MB of 1,000,000 bytes; a larger one is not decoded but listed as a fault."""

    def __post_init__(self) -> None:
        if bool(self.annotations) != bool(self.images):
            raise ValueError("annotations and images belong together: give both, or only --pages")
        if not (self.annotations or self.pages):
            raise ValueError("there are no pages: give --annotations FILE.json --images DIR, or --pages DIR or PDF")
        if self.category and self.category not in CATEGORIES:
            raise ValueError(f"category is {self.category!r}: choose one of {', '.join(CATEGORIES)}")
        if self.sample_pages < 0:
            raise ValueError(f"sample_pages is {self.sample_pages}: give 0 (all) or more")
        for name, high in (("max_mpx", 4000.0), ("max_mb", 1500.0)):
            if not 0 < getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}: give above 0, at most {high:,.0f}")
        _ = self.page_options  # checks dpi

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        annotations, images = absolute_path(self.annotations), absolute_path(self.images)
        return replace(self, annotations=annotations, images=images, pages=tuple(map(absolute_path, self.pages)))

    @property
    def limits(self) -> Limits:
        return Limits(max_pixels=round(self.max_mpx * MEGA), max_bytes=round(self.max_mb * MEGA))

    @property
    def page_options(self) -> PageOptions:
        return PageOptions(dpi=self.dpi, limits=self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reads them."""

    ocr: str = "rapidocr"
    """Engine that reads: rapidocr (its models come with it) or paddleocr."""
    ocr_models: str = ""
    """Folder of PaddleOCR's models, det and rec, each with inference.onnx and inference.yml."""
    chars_zh: tuple[int, int] = (200, 600)
    """Fewest and most recognised characters of a Chinese sample, spaces not counted."""
    chars_en: tuple[int, int] = (300, 600)
    """Fewest and most recognised characters of an English sample, spaces not counted."""

    def __post_init__(self) -> None:
        if self.ocr not in ENGINES:
            raise ValueError(f"ocr is {self.ocr!r}: choose {', '.join(ENGINES)}")
        if self.ocr == "paddleocr" and not self.ocr_models:
            raise ValueError("ocr is 'paddleocr' without ocr_models: name the folder of its models")
        _ = self.bounds  # checks the counts

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, ocr_models=absolute_path(self.ocr_models))

    @property
    def bounds(self) -> Bounds:
        return Bounds(chars_zh=self.chars_zh, chars_en=self.chars_en)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What becomes a sample. None of it makes a page be read again."""

    target: int = 3000
    """Samples at most."""
    least_share: float = 0.4
    """Share of the rarer of English and Chinese at least, 0 (take all there are) to 0.5 (equal numbers)."""
    page_overlap: float = 0.2
    """Texts of one page that share more of the shorter's n-grams (3 Han characters, 5 letters) are one, 0 to 1."""
    category_overlap: float = 0.3
    """The same for texts of one category, 0 to 1."""
    size_tolerance: float = 0.25
    """How far the size of the characters read may be from 16 px (Chinese) or 10 px (English), as a share of it, 0
    to 1."""
    min_clarity: float = 0.5
    """Least probability that a sample is sharp, 0 to 1."""
    max_blank: float = 0.2
    """Largest rectangle without text, as a share of the sample, 0 to 1."""
    exclude: tuple[str, ...] = ()
    """Training datasets: shards of this package, or any folder of images, PDFs, tars and Parquet files, local paths or
    fsspec URLs. What they hold is left out: by the SHA-256 of images, by the names of documents and by text, which
    is also the text layer of PDFs and all strings in rows of Parquet."""
    exclude_overlap: float = 0.3
    """Samples that share more of their n-grams with one record of a training dataset are left out, 0 to 1."""
    strikes: str = ""
    """The strikes.json that OUT/review.html saves: the samples it names are left out."""

    def __post_init__(self) -> None:
        if not 0 <= self.exclude_overlap <= 1:
            raise ValueError(f"exclude_overlap is {self.exclude_overlap}: use a share from 0 to 1")
        _ = self.rules(Bounds())  # checks the others

    def rules(self, bounds: Bounds) -> Rules:
        overlaps, others = ("page_overlap", "category_overlap"), ("size_tolerance", "min_clarity", "max_blank")
        names = ("target", "least_share", *overlaps, *others)
        return Rules(bounds=bounds, **{name: getattr(self, name) for name in names})

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, exclude=tuple(map(absolute_path, self.exclude)), strikes=absolute_path(self.strikes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How and where it runs; none of it changes a byte of what is written."""

    out: str = "tokenbench"
    """Folder of the benchmark, a local path or an fsspec URL such as s3://bucket/name."""
    backend: str = "ray"
    """ray (the cluster at hand, or one started here), processes (this machine, no Ray) or inline."""
    workers: int = -1
    """Groups of pages read at a time; -1: one a CPU, 0: in this process."""
    images_per_shard: int = 250
    """Images a Parquet shard holds (about 0.1 MB each)."""
    dry_run: bool = False
    """Print how many pages there are and the time they would take, and stop."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f"backend is {self.backend!r}: choose {', '.join(BACKENDS)}")
        for name, low in (("workers", -1), ("images_per_shard", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, out=output_path("out", self.out))


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """All of it."""

    pages: Pages
    reading: Reading = Reading()
    choice: Choice = Choice()
    execution: Execution = Execution()

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        parts = {name: getattr(self, name).absolute() for name in ("pages", "reading", "choice", "execution")}
        return replace(self, **parts)


def parse_build(args: Sequence[str]) -> Build:
    """The settings of a command line, with absolute paths. Raises SystemExit with a message where one does not fit."""
    try:
        return tyro.cli(
            Annotated[Build, tyro.conf.OmitArgPrefixes],
            args=args,
            prog=PROG,
            description=DESCRIPTION,
        ).absolute()
    except ValueError as error:
        raise SystemExit(f"{PROG}: {error}") from None
