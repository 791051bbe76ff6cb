"""What an evaluation starts from: pairs of files, the autoencoder, the reader, and the hashes that identify them."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.shards.folder import Folder
from train.evaluation.measuring import Samples
from train.evaluation.picture_files import Pair, list_pictures, to_make, to_match
from train.evaluation.published_models import published_models
from train.evaluation.reading import Reader, engine_installed
from train.evaluation.settings import Measures, Settings
from train.peers.autoencoders import open_autoencoder
from train.peers.files import digest_of, files_of

LIBRARIES = ("numpy", "pillow", "torch")


def chosen_metrics(settings: Settings) -> tuple[str, ...]:
    """The metrics that are measured: those given, or the default."""
    if settings.measures.metrics:
        return settings.measures.metrics
    reads = settings.measures.ocr != "rapidocr" or engine_installed()
    return ("psnr", "ssim", "ned") if reads and not settings.originals.preset else ("psnr", "ssim")


def make_pairs(settings: Settings) -> list[Pair]:
    """Each original with the name of its reconstruction. Raises ValueError where there is nothing to pair."""
    for flag, folder in (("--gt", settings.originals.gt), ("--recon", settings.subject.recon)):
        if folder and Path(folder).resolve() == Path(settings.out).resolve():
            raise ValueError(f"--out is the folder of {flag}, {folder}: name another, for a figure is written there")
    originals = list_pictures(Path(settings.originals.gt))
    if not settings.subject.recon:
        return to_make(originals)
    pairs = to_match(originals, list_pictures(Path(settings.subject.recon)))
    if not any(pair.reconstruction for pair in pairs):
        raise ValueError(f"no file of {settings.subject.recon} is named as one of {settings.originals.gt}")
    return pairs


def open_samples(settings: Settings, out: Folder) -> Samples:
    """The pairs as pixels; the autoencoder, where there is one, is loaded here."""
    subject, preset = settings.subject, settings.originals.preset
    if subject.recon:
        return Samples(out, preset, ready=subject.recon)
    model = open_autoencoder(subject.kind, subject.path, name=subject.title, running=settings.running)
    return Samples(out, preset, autoencoder=model)


def open_reader(measures: Measures) -> Reader:
    """The OCR engine that is asked for. Raises as `reading.EngineChoice.open` and `published_models`."""
    models = measures.ocr_models
    if measures.ocr == "paddleocr" and not models:
        models = published_models(measures.ocr_cache)
    return Reader(
        measures.ocr,
        models=models,
        device=measures.ocr_device,
        cache=measures.ocr_cache,
        workers=measures.ocr_workers,
    )


def identify(settings: Settings, pairs: Sequence[Pair]) -> dict[str, Any]:
    """What the figures depend on, text apart: a name is kept with a hash of the files' content."""
    subject, running = settings.subject, settings.running
    about: dict[str, Any] = {"name": subject.title, "kind": subject.kind, "preset": settings.originals.preset}
    about["originals"] = digest_of([pair.original for pair in pairs])
    if subject.kind == "recon":
        names = [Path(subject.recon, pair.reconstruction) for pair in pairs if pair.reconstruction]
        return about | {"subject": digest_of(names), "versions": _versions()}
    about["subject"] = subject.reference or digest_of(files_of(Path(subject.path)))
    about["running"] = running.identity()
    return about | {"versions": _versions()}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}
