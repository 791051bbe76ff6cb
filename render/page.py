"""A page about to be filled: its size, faces and texts, and what a layout hands back."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from fonts.catalog import Catalog, FontFace
from fonts.coverage import Coverage
from render.raster import Raster
from render.scene import Block, Shape
from render.text import Writer
from render.typeset import Typeset, fit

MAX_SIZE_PX = 20.0
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Draft:
    """What a layout makes: blocks in reading order, and the shapes beneath them, still without colour."""

    blocks: tuple[Block, ...]
    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a layout is given. size_px is the em of the body text; nothing may be set smaller than
    min_size_px (the foot of the record's band) or larger than 20. With plates, a layout may put text on
    filled shapes, as user interfaces do; without, only rules and frames. counts gathers what was rejected."""

    width_px: int
    height_px: int
    language: str
    size_px: float
    min_size_px: float
    body: FontFace
    display: FontFace
    mono: FontFace
    raster: Raster
    writer: Writer
    faces: Catalog
    plates: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def fit(self, block: Block) -> tuple[Block, Typeset]:
        """The block with only the text that fits, and where its lines came to lie."""
        return fit(block, self.faces)

    def larger(self, factor: float) -> float:
        """The body size times factor, at most 20 px and at least the foot of the band."""
        return float(min(MAX_SIZE_PX, max(self.min_size_px, self.size_px * factor)))

    def drawable(self, make: Callable[[], str], face: FontFace | None = None) -> str:
        """A text of make() that the face (by default the body's) draws whole; after some tries, the drawn part."""
        coverage = coverage_of(face or self.body)
        for _ in range(_TRIES):
            text = make()
            missing = coverage.missing(text)
            if not missing:
                return text
            self.counts["reject/text/not drawn by its face"] += 1
        return text.translate(dict.fromkeys(map(ord, missing))).strip()


Layout = Callable[[Page, np.random.Generator], Draft]


@lru_cache(maxsize=128)
def coverage_of(face: FontFace) -> Coverage:
    """What a face draws, loaded once a process."""
    return Coverage(face)
