"""A page about to be filled: its size, faces and texts, and what a layout hands back."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
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

    def block(self, text: str, *frames: tuple[float, float, float, float], **options) -> Block:
        """A block in the body face and size unless `options` (fields of Block) say otherwise."""
        chosen = {"face": self.body.id, "size_px": self.size_px, "language": self.language, "raster": self.raster}
        chosen |= options
        face = self.faces[chosen["face"]]
        chosen["raster"] = possible(chosen["raster"], face, chosen["size_px"], chosen.get("angle_deg", 0.0))
        return Block(text=text, frames=frames, **chosen)

    def fit(self, block: Block) -> tuple[Block, Typeset]:
        """The block with only the text that fits, and where its lines came to lie."""
        return fit(block, self.faces)

    def larger(self, factor: float) -> float:
        """The body size times factor, at most 20 px and at least the foot of the band."""
        return float(min(MAX_SIZE_PX, max(self.min_size_px, self.size_px * factor)))

    def at(self, size_px: float) -> "Page":
        """The same page with another body size."""
        return replace(self, size_px=size_px)

    def drawable(self, make: Callable[[], str], face: FontFace | None = None) -> str:
        """A text of make() that the face (the body's by default) draws whole; after a few tries, what it draws of one."""
        coverage = coverage_of(face or self.body)
        for _ in range(_TRIES):
            text = make()
            missing = coverage.missing(text)
            if not missing:
                return text
            self.counts["reject/text/not drawn by its face"] += 1
        return text.translate(dict.fromkeys(map(ord, missing))).strip()

    def chars_for(self, width_px: float, height_px: float, leading: float, size_px: float | None = None) -> int:
        """About how many characters fill an area, a tenth too many."""
        size = size_px or self.size_px
        per_em = 1.0 if self.language != "en" else 2.1
        return int(1.1 * per_em * (width_px / size) * (height_px / (leading * size))) + 8


def possible(raster: Raster, face: FontFace, size_px: float, angle_deg: float) -> Raster:
    """The style, or the nearest one that this face has at this size and angle: strikes come in a few sizes, full
    hinting in whole ones, and only outlines can be turned."""
    if angle_deg and raster.kind in ("light", "full", "strike"):
        return Raster()
    if raster.kind == "strike" and size_px not in face.strikes:
        return Raster()
    if raster.kind == "full" and size_px != round(size_px):
        return Raster(kind="light")
    return raster


Layout = Callable[[Page, np.random.Generator], Draft]


@lru_cache(maxsize=128)
def coverage_of(face: FontFace) -> Coverage:
    """What a face draws, loaded once a process."""
    return Coverage(face)
