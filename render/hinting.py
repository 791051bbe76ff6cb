"""Hinted glyphs and embedded bitmaps of a face at one size, by FreeType: how they are loaded, and how they advance."""

from functools import lru_cache
from typing import Protocol

import freetype
import numpy as np
from freetype.raw import FT_Load_Glyph
from numpy.typing import NDArray

from fonts.catalog import FontFace, open_face
from render.outlines import outlines_of
from render.raster import Raster
from render.shape import Shaped

FLAGS = {
    "light": freetype.FT_LOAD_TARGET_LIGHT | freetype.FT_LOAD_NO_BITMAP,
    "full": freetype.FT_LOAD_TARGET_NORMAL | freetype.FT_LOAD_NO_BITMAP,
    "strike": freetype.FT_LOAD_TARGET_MONO,
}
WHOLE_PIXELS = ("full", "strike")  # kinds of raster whose advances are


def sized_face(face: FontFace, size_px: float, kind: str) -> freetype.Face:
    """The FreeType face at a size. ValueError where a strike of that size is asked for and there is none."""
    ft = open_face(face)
    if kind == "strike":
        sizes = [round(size.y_ppem / 64) for size in ft.available_sizes]
        if size_px not in sizes:
            raise ValueError(f"{face.id} has no strike of {size_px} px: it has {sizes}")
        ft.select_size(sizes.index(size_px))
    else:
        ft.set_char_size(round(size_px * 64))
    return ft


class Advances:
    """Advances of glyphs in whole pixels, as `kind` draws them; kept once known."""

    def __init__(self, face: FontFace, size_px: float, kind: str) -> None:
        self._ft, self._flags = sized_face(face, size_px, kind), FLAGS[kind]
        self._scale = size_px / outlines_of(face).units_per_em
        self._known: dict[int, tuple[float, float]] = {}

    def of(self, shaped: Shaped) -> NDArray[np.float64]:
        """Advance of each glyph (n,), px: hinted, and kerned by whole pixels."""
        glyphs, places = np.unique(shaped.glyph_ids, return_inverse=True)
        hinted, unhinted = np.array([self._both(glyph) for glyph in glyphs.tolist()]).reshape(-1, 2)[places].T
        return np.asarray(hinted + np.round(shaped.advances * self._scale - unhinted))

    def _both(self, glyph: int) -> tuple[float, float]:
        """A glyph's advance, px: as drawn, in whole pixels, and as its outline has it."""
        if glyph not in self._known:
            FT_Load_Glyph(self._ft._FT_Face, glyph, self._flags)  # where it fails, drawing will say so
            slot = self._ft._FT_Face.contents.glyph.contents
            self._known[glyph] = float(round(slot.advance.x / 64)), slot.linearHoriAdvance / 65536
        return self._known[glyph]


@lru_cache(maxsize=32)
def advances_of(face: FontFace, size_px: float, kind: str) -> Advances:
    """Kept for this process."""
    return Advances(face, size_px, kind)


class Setting(Protocol):
    """How a text is set: a block, or the style of one."""

    @property
    def size_px(self) -> float: ...
    @property
    def raster(self) -> Raster: ...
    @property
    def tracking(self) -> float: ...
    @property
    def vertical(self) -> bool: ...


def character_advances(shaped: Shaped, num_chars: int, face: FontFace, how: Setting) -> NDArray[np.float64]:
    """Advance along the line of each character (num_chars,), tracking included, px; whole pixels where the raster asks
    for them."""
    kind, tracking = how.raster.kind, how.tracking * how.size_px
    if kind in WHOLE_PIXELS and not how.vertical:
        by_glyph, tracking = advances_of(face, how.size_px, kind).of(shaped), round(tracking)
    else:
        by_glyph = np.asarray(shaped.advances * (how.size_px / outlines_of(face).units_per_em), np.float64)
    advances: NDArray[np.float64] = np.asarray(np.bincount(shaped.clusters, by_glyph, num_chars), np.float64)
    advances[advances > 0] += tracking
    return advances
