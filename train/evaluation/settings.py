"""What is evaluated, with what measures, and how: the fields of evaluate.py's command line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

import tyro

from pipelines.recipe_files import absolute_path
from train.evaluation.picture_files import PRESETS
from train.peers.autoencoders import Running

METRICS = ("psnr", "ssim", "lpips", "fid", "ned")
Parsed = TypeVar("Parsed")
KINDS = ("recon", "model", "diffusers", "module", "taef2", "reference")
DESCRIPTION = """Measure how well an autoencoder keeps images and the text on them: PSNR, SSIM, LPIPS, FID and NED \
with the choices of the benchmark's official evaluator, its two result files, a figure and a report.

Give one of --recon, --model, --diffusers, --module, --taef2 and --reference. The same command again resumes. \
`evaluate.py compare OUT OUT ... --out DIR` puts several evaluations into one table, plot and report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is evaluated: one of these."""

    recon: str = ""
    """Folder of ready reconstructions, named as the originals (or with another ending)."""
    model: str = ""
    """Folder of a model of ours: config.json and model.safetensors."""
    diffusers: str = ""
    """Folder of a diffusers autoencoder, or of a pipeline with one in vae/; needs diffusers installed."""
    module: str = ""
    """Python file with encode(images) and decode(latents): images are float tensors (n, 3, h, w) from -1 to 1.
    Optional: FACTOR, the number whose multiples the sides must be (32), and setup(device), called once."""
    taef2: str = ""
    """Folder of taef2_encoder.pth and taef2_decoder.pth."""
    reference: str = ""
    """A known loss in place of a model: identity, bicubic-x2, bicubic-x4, jpeg-q30 or jpeg-q10."""
    name: str = ""
    """How it is called in tables; by default as its folder or file."""

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            flags = ", ".join(f"--{kind}" for kind in KINDS)
            raise ValueError(
                f"{len(given)} things to evaluate are given ({', '.join(given) or 'none'}): give one of {flags}"
            )

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def path(self) -> str:
        return str(getattr(self, self.kind))

    @property
    def title(self) -> str:
        """Its name in tables."""
        if self.name or self.kind == "reference":
            return self.name or self.reference
        path = Path(self.path)
        if path.name == "model":  # as runs call what they leave
            return path.resolve().parent.name
        return path.stem if path.suffix == ".py" else path.name

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        paths = {kind: absolute_path(getattr(self, kind)) for kind in KINDS if kind != "reference"}
        return replace(self, **paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """The images."""

    gt: str
    """Folder of the originals: .png .jpg .jpeg .bmp .tiff .webp, those of its subfolders not."""
    preset: str = ""
    """general-256 or general-1k: the short side reduced to 256 or 1024 px, the centre cut out square, smaller images
    left out; and PSNR and SSIM are the default metrics."""

    def __post_init__(self) -> None:
        if self.preset and self.preset not in PRESETS:
            raise ValueError(f"preset is {self.preset!r}: choose {' or '.join(PRESETS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is measured, and with whose weights."""

    metrics: tuple[str, ...] = ()
    """psnr ssim lpips fid ned; by default psnr, ssim, and ned where an OCR engine is installed."""
    ocr: str = "rapidocr"
    """Engine that reads for ned: rapidocr (its models come with it) or paddleocr (PP-OCRv5, as published)."""
    ocr_models: str = ""
    """Folder of PaddleOCR's models, det/ and rec/, each with inference.onnx and inference.yml; without it they are
    downloaded."""
    ocr_device: str = "cpu"
    """cpu or gpu (onnxruntime-gpu)."""
    ocr_workers: int = -1
    """Processes that read; -1: one a CPU, 0: none but this one."""
    ocr_cache: str = ""
    """Folder that keeps what was read, so that originals are read once for all models; by default
    $SMALLPRINT_CACHE, else ~/.cache/smallprint."""
    lpips_trunk: str = ""
    """File of VGG16's weights, vgg16-397923af.pth; by default in torch's cache of downloads."""
    fid_weights: str = ""
    """File of InceptionV3's weights, pt_inception-2015-12-05-6726825d.pth; by default in torch's cache."""

    def __post_init__(self) -> None:
        for metric in self.metrics:
            if metric not in METRICS:
                raise ValueError(f"metrics has {metric!r}: choose from {', '.join(METRICS)}")
        if self.ocr_workers < -1:
            raise ValueError(f"ocr_workers is {self.ocr_workers}: give at least -1")

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(
            self,
            ocr_models=absolute_path(self.ocr_models),
            ocr_cache=absolute_path(self.ocr_cache),
            lpips_trunk=absolute_path(self.lpips_trunk),
            fid_weights=absolute_path(self.fid_weights),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An evaluation."""

    originals: Originals
    subject: Subject
    measures: Measures
    running: Running
    out: str
    """Folder of the results: results.json, ned_details.json, per_image.json, side_by_side.png, report.html and the
    reconstructions."""

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        originals = replace(self.originals, gt=absolute_path(self.originals.gt))
        return replace(
            self,
            originals=originals,
            subject=self.subject.absolute(),
            measures=self.measures.absolute(),
            out=absolute_path(self.out),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several evaluations of the same originals in one table, plot and report."""

    evaluations: tyro.conf.Positional[tuple[str, ...]]
    """Folders that evaluate.py wrote."""
    out: str
    """Folder of comparison.json, side_by_side.png and report.html."""

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, evaluations=tuple(map(absolute_path, self.evaluations)), out=absolute_path(self.out))


def parse_settings(args: Sequence[str]) -> Settings:
    """The evaluation of a command line. Raises SystemExit with a message where a flag or a value does not fit."""
    return _parse(Settings, args, "evaluate.py").absolute()


def parse_comparison(args: Sequence[str]) -> Comparison:
    """The comparison of a command line."""
    return _parse(Comparison, args, "evaluate.py compare").absolute()


def _parse(kind: type[Parsed], args: Sequence[str], prog: str) -> Parsed:
    try:
        return tyro.cli(
            kind,
            args=args,
            prog=prog,
            description=DESCRIPTION if kind is Settings else kind.__doc__,
            config=(tyro.conf.OmitArgPrefixes,),
        )
    except ValueError as error:
        raise SystemExit(f"{prog}: {error}") from None
