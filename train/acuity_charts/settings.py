"""Which models an acuity measurement looks at, on what charts and how: the fields of acuity.py's command line."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Self

import tyro

from pipelines.recipe_files import absolute_path
from train.peers.autoencoders import Running
from train.peers.files import digest_of, files_of
from train.peers.references import REFERENCES

ORIGINAL = "original"  # the charts themselves, measured as if a model had made them
OCR_ENGINES = ("rapidocr", "paddleocr", "none")
DESCRIPTION = """Measure the smallest character that autoencoders still transmit, on charts that pipelines/acuity.py \
made: by forced choice among ten characters that look alike, and by what an OCR engine reads.

Models that are finished are not measured again; those of earlier runs with the same --out stay in table and plot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One autoencoder to be measured: its name in tables, its kind (see `train.peers.autoencoders`), its path."""

    name: str
    kind: str
    path: str

    def digest(self) -> str:
        """A hash of its files' content, so that a model that was trained on is measured again."""
        return self.path if self.kind == "reference" else digest_of(files_of(Path(self.path)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """What is measured; each model gets a name of its own."""

    models: tuple[str, ...] = ()
    """Models of ours, NAME=FOLDER each: config.json and model.safetensors."""
    diffusers: tuple[str, ...] = ()
    """Autoencoders of diffusers, NAME=FOLDER each."""
    modules: tuple[str, ...] = ()
    """Python files with encode and decode, NAME=FILE.py each (see `train/evaluate.py --help`)."""
    taef2: str = ""
    """Folder of taef2_encoder.pth and taef2_decoder.pth."""
    references: tuple[str, ...] = tuple(REFERENCES)
    """Known losses in place of models: identity (the ceiling), bicubic-x2, bicubic-x4, jpeg-q30, jpeg-q10."""

    def __post_init__(self) -> None:
        for name in self.references:
            if name not in REFERENCES:
                raise ValueError(f"references has {name!r}: choose from {', '.join(REFERENCES)}")
        names = [subject.name for subject in self.all()]
        if len({*names, ORIGINAL}) <= len(names):
            raise ValueError(f"models are called {', '.join(names)}: give each a name of its own, not {ORIGINAL!r}")

    def all(self) -> tuple[Subject, ...]:
        """Every subject, references first. Raises ValueError for one without a name."""
        named = [Subject(name=name, kind="reference", path=name) for name in self.references]
        for kind, values in (("model", self.models), ("diffusers", self.diffusers), ("module", self.modules)):
            named += [_named(kind, value) for value in values]
        if self.taef2:
            named.append(Subject(name="taef2", kind="taef2", path=self.taef2))
        return tuple(named)

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(
            self,
            models=tuple(map(_absolute, self.models)),
            diffusers=tuple(map(_absolute, self.diffusers)),
            modules=tuple(map(_absolute, self.modules)),
            taef2=absolute_path(self.taef2),
        )


def _named(kind: str, value: str) -> Subject:
    name, _, path = value.partition("=")
    if not name or not path or not all(char.isalnum() or char in "-_.+" for char in name):
        raise ValueError(f"{value!r} names no model: write NAME=PATH, the name of letters, digits, - _ . +")
    return Subject(name=name, kind=kind, path=path)


def _absolute(value: str) -> str:
    name, sign, path = value.partition("=")
    return f"{name}{sign}{absolute_path(path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ocr:
    """How lines are read."""

    ocr: str = "rapidocr"
    """Engine: rapidocr (its models come with it), paddleocr or none (forced choice alone)."""
    ocr_models: str = ""
    """Folder of PaddleOCR's models, det/ and rec/, each with inference.onnx and inference.yml."""
    ocr_device: str = "cpu"
    """cpu or gpu (onnxruntime-gpu)."""
    ocr_workers: int = -1
    """Processes that read; -1: one a CPU, 0: none but this one."""
    ocr_cache: str = ""
    """Folder that keeps what was read; by default $SMALLPRINT_CACHE, else ~/.cache/smallprint."""
    lines_per_chart: int = 3
    """Lines of each chart that are read, evenly spread (20 ms each at 20 px, 60 at 6 px, on a CPU)."""

    def __post_init__(self) -> None:
        if self.ocr not in OCR_ENGINES:
            raise ValueError(f"ocr is {self.ocr!r}: choose {', '.join(OCR_ENGINES)}")
        if self.ocr_workers < -1 or self.lines_per_chart < 1:
            raise ValueError(
                f"ocr_workers is {self.ocr_workers}, lines_per_chart {self.lines_per_chart}: give at least -1 and 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A measurement."""

    charts: str
    """Folder of charts that pipelines/acuity.py made."""
    out: str
    """Folder of the results: acuity.json, plot.svg, report.html, and measured/ with each model's charts."""
    subjects: Subjects = Subjects()
    ocr: Ocr = Ocr()
    running: Running = field(default_factory=Running)
    seed: int = 0
    """Seed of the bootstrap."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: give at least 0")

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        ocr = replace(
            self.ocr,
            ocr_models=absolute_path(self.ocr.ocr_models),
            ocr_cache=absolute_path(self.ocr.ocr_cache),
        )
        return replace(
            self,
            charts=absolute_path(self.charts),
            out=absolute_path(self.out),
            subjects=self.subjects.absolute(),
            ocr=ocr,
        )


def parse_settings(args: Sequence[str]) -> Settings:
    """The measurement of a command line. Raises SystemExit with a message where a flag or a value does not fit."""
    try:
        return tyro.cli(
            Annotated[Settings, tyro.conf.OmitArgPrefixes],
            args=list(args),
            prog="acuity.py",
            description=DESCRIPTION,
        ).absolute()
    except ValueError as error:
        raise SystemExit(f"acuity.py: {error}") from None
