"""Which characters look alike in a face: the wrong answers that make a choice among ten hard."""

import hashlib
import io
import string
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import render
from fonts.cache import cache_folder, keep
from fonts.catalog import FontFace
from pipelines.tallies import NUM_LEVEL_1
from render.glyphs import Instance, Masks
from render.page import coverage_of
from render.raster import Raster
from render.shape import shaper_of
from render.writers.words import standard_characters

Ints = NDArray[np.int32]
DRAWN_PX, CELL_PX = 48, 4  # drawn large, then summed over cells: what is a pixel apart at 12 px counts as near
NUM_NEAR = 48
_SOURCES = (Path(__file__), *(Path(render.__path__[0], f"{name}.py") for name in ("masks", "rasterise", "outlines")))


class LookAlikes(NamedTuple):
    """The common characters that a face draws and their numbers, their glyphs (n,), and of each the numbers of the
    others that look most like it, nearest first (n, m)."""

    characters: str
    numbers: dict[str, int]
    glyph_ids: Ints
    near: Ints


def common_characters(language: str) -> str:
    """Letters and digits; in Chinese the 3,755 characters of level 1 of GB2312."""
    if language == "en":
        return string.ascii_letters + string.digits
    return "".join(standard_characters("zh")[:NUM_LEVEL_1])


@lru_cache(maxsize=32)
def look_alikes(face: FontFace, language: str) -> LookAlikes:
    """Those of a face, from the disk cache where it holds them.

    Likeness is the cosine between two glyphs drawn from one pen: neither weight nor contrast counts.
    """
    missing = set(coverage_of(face).missing(common_characters(language)))
    characters = "".join(char for char in common_characters(language) if char not in missing)
    glyph_ids = _glyphs(face, characters, language)
    name = f"alike/{_rules()}/{face.sha256}-{face.index}{face.axes}-{language}.npz"
    near = _read(name, len(characters))
    if near is None:
        near = nearest(_drawn(face, glyph_ids), NUM_NEAR)
        content = io.BytesIO()
        np.savez_compressed(content, near=near)
        keep(name, content.getvalue())
    return LookAlikes(characters, {char: i for i, char in enumerate(characters)}, glyph_ids, near)


def _glyphs(face: FontFace, characters: str, language: str) -> Ints:
    """The glyph of each character standing by itself."""
    shaped = shaper_of(face).shape(" ".join(characters), language)
    glyph_of = dict(zip(shaped.clusters.tolist(), shaped.glyph_ids.tolist(), strict=True))
    return np.array([glyph_of[2 * i] for i in range(len(characters))], np.int32)


def _drawn(face: FontFace, glyph_ids: Ints) -> NDArray[np.float64]:
    """Ink of the glyphs in square cells about one pen (n, cells), whole numbers."""
    masks = Masks(Instance(face=face, size_px=DRAWN_PX, raster=Raster(kind="grey", phases=1)))
    pens = np.zeros(len(glyph_ids))
    rows = masks.at(glyph_ids, pens, pens)[0]
    boxes = masks.boxes[rows]
    left, top = boxes[:, 3].min(), boxes[:, 4].min()
    wide, high = (boxes[:, 3] + boxes[:, 1]).max() - left, (boxes[:, 4] + boxes[:, 2]).max() - top
    across, down = -(-int(wide) // CELL_PX), -(-int(high) // CELL_PX)
    drawn = np.zeros((len(rows), down * CELL_PX, across * CELL_PX), np.uint8)
    for picture, (first, width, height, x, y) in zip(drawn, boxes.tolist(), strict=True):
        mask = masks.bytes[first : first + width * height].reshape(height, width)
        picture[y - top : y - top + height, x - left : x - left + width] = mask
    cells = drawn.reshape(len(rows), down, CELL_PX, across, CELL_PX).sum(axis=(2, 4), dtype=np.int64)
    return np.asarray(cells.reshape(len(rows), -1), np.float64)


def nearest(ink: NDArray[np.float64], count: int) -> Ints:
    """Of each row (n, k) of whole numbers the `count` others of the largest cosine, nearest first."""
    products = ink @ ink.T  # whole numbers below 2**53: exact, in whatever order they are summed
    squares = np.maximum(np.diag(products), 1.0)
    likeness = products**2 / (squares[:, None] * squares)
    np.fill_diagonal(likeness, -1.0)
    return np.argsort(-likeness, axis=1, kind="stable")[:, : min(count, len(ink) - 1)].astype(np.int32)


@lru_cache(maxsize=1)
def _rules() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]


def _read(name: str, num_characters: int) -> Ints | None:
    try:
        with (cache_folder() / name).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            near = stored["near"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return near if near.dtype == np.int32 and near.ndim == 2 and len(near) == num_characters else None
