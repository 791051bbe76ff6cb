"""Pictures to fit the sharpness scores on: crops of real photos and pages, most of them spoiled in a drawn way."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from spoiled_lens import LENS, through_lens

from curate.damage import DAMAGES
from curate.picture import Picture, Pixels
from pipelines.shards.seeds import rng_for

PAGES_AT_DPI, POINTS_AN_INCH = (100, 220), 72
NUM_PAGES = 8
KEPT = {"none": 6, "contrast": 2, "bokeh": 3, "noise": 2, "jpeg": 2, "sharpened": 1}
SPOILED = {
    "gaussian": 4,
    "motion": 3,
    "shake": 2,
    "defocus": 3,
    "upscale": 4,
    "upscale_sharpened": 4,
    "blur_noise": 2,
}
OFF_SUBJECT = {"defocused_subject": 1}
# Drawn between these, evenly in the logarithm.
STRENGTHS = {
    "contrast": (0.4, 0.9),
    "bokeh": (2.5, 20),
    "noise": (1.5, 10),
    "jpeg": (60, 95),
    "gaussian": (0.85, 7),
    "motion": (6, 35),
    "shake": (6, 35),
    "defocus": (1.6, 12),
    "upscale": (1.6, 5),
    "upscale_sharpened": (1.6, 4.5),
    "blur_noise": (1.2, 5),
    "defocused_subject": (2, 14),
}
# A sample's kind: spoiled as a whole, only its subject, or not at all.
GROUPS = {"kept": KEPT, "spoiled": SPOILED, "off_subject": OFF_SUBJECT}
CAMERA = {"kept": 0.3, "spoiled": 0.5, "off_subject": 0.3}  # how often a camera comes after
ENLARGED = ("upscale", "upscale_sharpened")
CAMERA_AFTER_ENLARGING = 0.1
PILLOWS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
WHOLE_FACTORS = (1.5, 2.0, 3.0, 4.0)
SHARE = {"kept": 0.44, "spoiled": 0.46, "off_subject": 0.10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    rgb: Pixels
    group: str  # of GROUPS
    way: str
    strength: float


def sources(data: Path) -> list[tuple[str, Path]]:
    """("folder/name", path) of every photo of `natural`, in the manifest's order."""
    lines = (data / "natural" / "manifest.jsonl").read_text().splitlines()
    return [(name, data / "natural" / name) for name in (json.loads(line)["file"] for line in lines)]


def pages(data: Path, seed: int) -> list[tuple[str, tuple[Path, float, float]]]:
    """("documents/name", where) of drawn documents; `load_page` takes where: file, place in it, pixels a point."""
    rng = rng_for(seed, "pages", 0)
    files = sorted((data / "documents").rglob("*.pdf"))
    chosen = sorted(rng.choice(len(files), NUM_PAGES, replace=False))
    scales = rng.uniform(*PAGES_AT_DPI, NUM_PAGES) / POINTS_AN_INCH
    return [
        (f"documents/{files[i].stem}", (files[i], float(rng.random()), float(scale)))
        for i, scale in zip(chosen, scales, strict=True)
    ]


def load(path: Path) -> Pixels:
    return Picture(path.read_bytes()).rgb


def load_page(where: tuple[Path, float, float]) -> Pixels:
    import pypdfium2

    path, place, scale = where
    with pypdfium2.PdfDocument(path) as document:
        page = document[int(place * len(document))]
        return np.array(page.render(scale=scale).to_pil().convert("RGB"))


def samples(rgb: Pixels, count: int, rng: np.random.Generator) -> Iterator[Sample]:
    """`count` samples of one picture: cut out, perhaps reduced, perhaps spoiled, perhaps saved as JPEG."""
    for _ in range(count):
        base = _cut(_reduced(rgb, rng), rng)
        group = str(rng.choice(list(SHARE), p=list(SHARE.values())))
        ways = GROUPS[group]
        weights = np.array(list(ways.values()), float)
        way = str(rng.choice(list(ways), p=weights / weights.sum()))
        strength = float(np.exp(rng.uniform(*np.log(STRENGTHS.get(way, (1, 1))))))
        rgb_out = _side_effects(_spoil(base, way, strength, rng), group, way, rng)
        yield Sample(rgb=rgb_out, group=group, way=way, strength=strength)


def doubled(rgb: Pixels, count: int, rng: np.random.Generator) -> Iterator[Sample]:
    """`count` samples enlarged by 2 to the pixel: the commonest way, and the one that leaves least trace."""
    for _ in range(count):
        base = _cut(_reduced(rgb, rng), rng)
        way = ENLARGED[int(rng.integers(len(ENLARGED)))]
        rgb_out = _side_effects(_enlarge(base, way, 2.0, rng), "spoiled", way, rng)
        yield Sample(rgb=rgb_out, group="spoiled", way=way, strength=2.0)


def _reduced(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Often as it is; else smaller, as pictures on the web are, if enough is left."""
    factor = rng.uniform(0.3, 0.8)
    if rng.random() < 0.6 or rgb.shape[0] * rgb.shape[1] * factor**2 < 400_000:
        return rgb
    if rng.random() < 0.4:
        return _pillow(rgb, round(factor * rgb.shape[1]), round(factor * rgb.shape[0]), rng)
    way = cv2.INTER_AREA
    if rng.random() < 0.4:
        rgb = cv2.GaussianBlur(rgb, (0, 0), 0.35 / factor)  # type: ignore[assignment]
        way = cv2.INTER_CUBIC
    return cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=way)  # type: ignore[return-value]


def _cut(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """A window of .4 to 1.8 million pixels, or all where there are not more."""
    height, width = rgb.shape[:2]
    num_pixels = np.exp(rng.uniform(np.log(0.4e6), np.log(1.8e6)))
    aspect = np.exp(rng.uniform(-0.45, 0.45))
    across = int(min(width, np.sqrt(num_pixels * aspect)))
    down = int(min(height, num_pixels / across))
    top, left = rng.integers(height - down + 1), rng.integers(width - across + 1)
    return np.ascontiguousarray(rgb[top : top + down, left : left + across])


def _spoil(rgb: Pixels, way: str, strength: float, rng: np.random.Generator) -> Pixels:
    if way == "none":
        return rgb
    if way == "sharpened":
        soft = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.7, 1.5))
        return cv2.addWeighted(rgb, 1.6, soft, -0.6, 0)  # type: ignore[return-value]
    if way in ENLARGED:
        return _enlarged(rgb, way, strength, rng)
    if way in LENS:
        return through_lens(rgb, way, strength, rng)
    return DAMAGES[way](rgb, strength, rng)


def _enlarged(rgb: Pixels, way: str, factor: float, rng: np.random.Generator) -> Pixels:
    """By OpenCV or by Pillow, whose kernels differ; at times by a round factor, or stored as JPEG while small."""
    if rng.random() < 0.25:
        factor = float(rng.choice(WHOLE_FACTORS))
    return _enlarge(rgb, way, factor, rng)


def _enlarge(rgb: Pixels, way: str, factor: float, rng: np.random.Generator) -> Pixels:
    stored = rng.random() < 0.3
    if not stored and rng.random() < 0.5:
        return DAMAGES[way](rgb, factor, rng)
    height, width = rgb.shape[:2]
    small = _pillow(rgb, max(1, round(width / factor)), max(1, round(height / factor)), rng)
    if stored:
        small = DAMAGES["jpeg"](small, rng.uniform(60, 96), rng)
    large = _pillow(small, width, height, rng)
    if way == "upscale":
        return large
    soft = cv2.GaussianBlur(large, (0, 0), 0.5 * factor * rng.uniform(0.7, 1.6))
    amount = rng.uniform(0.5, 1.6)
    return cv2.addWeighted(large, 1 + amount, soft, -amount, 0)  # type: ignore[return-value]


def _pillow(rgb: Pixels, width: int, height: int, rng: np.random.Generator) -> Pixels:
    way = PILLOWS[int(rng.integers(len(PILLOWS)))]
    return np.array(Image.fromarray(rgb).resize((width, height), way))


def _side_effects(rgb: Pixels, group: str, way: str, rng: np.random.Generator) -> Pixels:
    """What may come on top and decides nothing: contrast, a camera's noise and sharpening, storing as JPEG."""
    if rng.random() < 0.12:
        rgb = DAMAGES["contrast"](rgb, rng.uniform(0.4, 0.9), rng)
    if rng.random() < (CAMERA_AFTER_ENLARGING if way in ENLARGED else CAMERA[group]):
        rgb = _camera(rgb, rng)
    if rng.random() < 0.45:
        rgb = DAMAGES["jpeg"](rgb, rng.uniform(70, 98), rng)
    return rgb


def _camera(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """The sensor's noise, at times smoothed, and sharpening: real blur comes from the lens, before these."""
    common = rng.standard_normal((*rgb.shape[:2], 1), dtype=np.float32)
    grain = common + rng.uniform(0, 0.7) * rng.standard_normal(rgb.shape, dtype=np.float32)
    if rng.random() < 0.6:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.4, 0.9)), np.float32)
    sigma = np.exp(rng.uniform(np.log(0.3), np.log(5)))
    noisy = rgb + (sigma / grain.std()) * grain
    if rng.random() < 0.5:
        noisy += rng.uniform(0.3, 1.2) * (noisy - cv2.GaussianBlur(noisy, (0, 0), rng.uniform(0.7, 1.4)))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
