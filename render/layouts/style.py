"""How a piece of text is set on a page: face, size, pitch, alignment; and what follows for its measure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import FontFace
from render.hinting import character_advances
from render.layouts.box import Box
from render.outlines import outlines_of
from render.page import MAX_SIZE_PX, Page
from render.raster import Raster
from render.scene import Block, Frame
from render.shape import shaper_of
from render.typeset import typeset

_SAMPLE = "it was a matter of some interest to the engineers who had by 1998 put the question in writing."
_LONG_PX = 1e6
_UPRIGHT_KINDS = ("light", "full", "strike")  # FreeType hints only what stands upright


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStyle:
    """Fields as in Block; face is the face itself."""

    face: FontFace
    size_px: float
    language: str
    raster: Raster
    role: str = "body"
    align: str = "left"
    leading: float = 1.3
    indent: float = 0.0
    tracking: float = 0.0
    wrap: bool = True
    vertical: bool = False
    angle_deg: float = 0.0

    @property
    def pitch_px(self) -> float:
        """From baseline to baseline."""
        return self.leading * self.size_px

    def height(self, num_lines: int) -> float:
        """Height in px of that many lines; 0 for none."""
        return self.size_px + (num_lines - 1) * self.pitch_px if num_lines > 0 else 0.0

    def num_lines(self, height_px: float) -> int:
        """How many lines a height holds."""
        return int((height_px - self.size_px) / self.pitch_px + 1e-6) + 1 if height_px >= self.size_px else 0

    def num_chars(self, width_px: float) -> int:
        """About how many characters of running text a line holds, at least 1."""
        per_char = ems_per_char(self.face, self.language) + self.tracking
        return max(1, int(width_px / (self.size_px * per_char)))

    def chars_in(self, boxes: Sequence[Box]) -> int:
        """About how many characters of running text fill boxes."""
        sides = ((box.height, box.width) if self.vertical else (box.width, box.height) for box in boxes)
        return sum(self.num_chars(along) * self.num_lines(across) for along, across in sides)

    def block(self, text: str, frames: Sequence[Frame], flow: str = "through") -> Block:
        """The text as a block in frames."""
        return Block(
            text=text,
            frames=tuple(frames),
            face=self.face.id,
            size_px=self.size_px,
            language=self.language,
            raster=self.raster,
            role=self.role,
            flow=flow,
            align=self.align,
            leading=self.leading,
            indent=self.indent,
            tracking=self.tracking,
            wrap=self.wrap,
            vertical=self.vertical,
            angle_deg=self.angle_deg,
        )

    def turned(self, angle_deg: float) -> "TextStyle":
        """The same, turned; without hinting, which is made for upright text."""
        raster = Raster(phases=self.raster.phases) if self.raster.kind in _UPRIGHT_KINDS else self.raster
        return replace(self, angle_deg=round(angle_deg, 1), raster=raster)


def style_of(page: Page, face: FontFace, factor: float, role: str, leading: float) -> TextStyle:
    """A style at `factor` times the body size, within the band's foot and 20 px.

    Where hinting or embedded bitmaps allow only whole sizes, the size is the nearest that is allowed.
    """
    size, raster = page.larger(factor), page.raster
    if (face, size) != (page.body, page.size_px) and raster.kind in ("full", "strike"):
        raster = Raster(kind="full", phases=1)
        size = min(max(round(size), math.ceil(page.min_size_px)), MAX_SIZE_PX)
    size = round(size, 4)
    leading = max(leading, round(0.93 + 1 / size, 2))  # baselines are rounded to px: small lines need the room
    return TextStyle(face=face, size_px=size, language=page.language, raster=raster, role=role, leading=leading)


@lru_cache(maxsize=128)
def ems_per_char(face: FontFace, language: str) -> float:
    """Mean advance of a character of running text, em."""
    if language != "en":
        return 1.0
    advances = shaper_of(face).shape(_SAMPLE, language).advances
    return float(advances.sum()) / len(_SAMPLE) / outlines_of(face).units_per_em


def widths_of(texts: Sequence[str], style: TextStyle) -> NDArray[np.float64]:
    """Advance in px of each text (n,) set on one line."""
    if not texts:
        return np.zeros(0)
    shaped = shaper_of(style.face).shape("\n".join(texts), style.language)
    ends = np.cumsum([len(text) + 1 for text in texts])
    advances = character_advances(shaped, int(ends[-1]), style.face, style)
    advances[ends - 1] = 0.0  # newlines
    return np.asarray(np.add.reduceat(advances, ends - [len(text) + 1 for text in texts]))


def line_counts(page: Page, texts: Sequence[str], boxes: Sequence[Box], style: TextStyle) -> NDArray[np.int64]:
    """How many lines each text (n,) takes in a box as wide as its own and high enough."""
    frames = [(box.x, box.y, box.width, _LONG_PX) for box in boxes]
    done = typeset(style.block("\n".join(texts), frames, "each"), page.faces)
    return np.bincount(done.lines[:, 3], minlength=len(texts))
