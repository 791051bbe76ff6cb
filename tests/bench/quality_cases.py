"""The files that curation's scores are judged on: crops of real photos, and copies damaged in known ways."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from curate.damage import DAMAGES
from curate.picture import Picture, Pixels
from pipelines.shards.seeds import rng_for

MIN_PIXELS = 1_000_000  # of a photo, and of its crop
MAX_CROP_PIXELS = 2_000_000
JITTER = 0.1  # a strength is drawn within this of the one in its case's name, evenly in the logarithm

# name -> (damage, strength)
CASES: dict[str, tuple[str, float]] = {
    "bokeh": ("bokeh", 8),
    "contrast": ("contrast", 0.5),
    "q92": ("jpeg", 92),
    "gaussian 1": ("gaussian", 1),
    "gaussian 2": ("gaussian", 2),
    "gaussian 4": ("gaussian", 4),
    "motion 9": ("motion", 9),
    "motion 21": ("motion", 21),
    "upscale 2": ("upscale", 2),
    "upscale 4": ("upscale", 4),
    "upscale 2 sharpened": ("upscale_sharpened", 2),
    "blur 2 noise 5": ("blur_noise", 2),
    "subject out of focus": ("defocused_subject", 6),
    "jpeg 30": ("jpeg", 30),
    "resaved 30": ("resave", 30),
    "noise 10": ("noise", 10),
}
EXACT = ("jpeg", "resave")  # a quality is not drawn
ORIGINAL = "original"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One file to score: which photo, and what was done to its crop."""

    photo: str
    case: str
    path: Path


def large_photos(data: Path) -> list[str]:
    """Names, under `natural`, of the photos of a million px or more."""
    rows = map(json.loads, (data / "natural" / "manifest.jsonl").read_text().splitlines())
    return [row["file"] for row in rows if row["width"] * row["height"] >= MIN_PIXELS]


def make_copies(data: Path, folder: Path, seed: int) -> Iterator[Copy]:
    """Every case of every large photo as a lossless PNG, unless it is there. One crop a photo and seed."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, photo in enumerate(large_photos(data)):
        copies = [_copy(folder, photo, case) for case in (ORIGINAL, *CASES)]
        if not all(copy.path.exists() for copy in copies):
            crop = _crop(Picture((data / "natural" / photo).read_bytes()).rgb, rng_for(seed, "crop", index))
            for number, copy in enumerate(copies):
                _save(_damaged(crop, copy.case, rng_for(seed, "damage", index, number)), copy.path)
        yield from copies


def _damaged(crop: Pixels, case: str, rng: np.random.Generator) -> Pixels:
    if case == ORIGINAL:
        return crop
    damage, strength = CASES[case]
    drawn = strength if damage in EXACT else strength * float(np.exp(rng.uniform(-JITTER, JITTER)))
    return DAMAGES[damage](crop, drawn, rng)


def _crop(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """One to two million px at native resolution, near the photo's aspect."""
    height, width = rgb.shape[:2]
    share = np.sqrt(min(1.0, rng.uniform(MIN_PIXELS, MAX_CROP_PIXELS) / (height * width)))
    down, across = int(np.ceil(height * share)), int(np.ceil(width * share))
    top, left = rng.integers(height - down + 1), rng.integers(width - across + 1)
    return np.ascontiguousarray(rgb[top : top + down, left : left + across])


def _copy(folder: Path, photo: str, case: str) -> Copy:
    stem = photo.replace("/", "_").rsplit(".", 1)[0]
    return Copy(photo=photo, case=case, path=folder / f"{stem}-{case.replace(' ', '_')}.png")


def _save(rgb: Pixels, path: Path) -> None:
    part = path.with_suffix(".part.png")
    cv2.imwrite(str(part), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    part.rename(path)
