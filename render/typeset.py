"""Blocks to placed glyphs: shaping, line breaking, alignment. Pure; the same block gives the same glyphs."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog, FontFace
from render.hinting import character_advances
from render.linebreak import break_lines, classify
from render.outlines import outlines_of
from render.placing import ALIGN_CODE, align, place
from render.scene import Block
from render.shape import Shaped, shaper_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


class NotDrawnError(ValueError):
    """A text that its face cannot draw whole."""


@dataclass(frozen=True, slots=True)
class Typeset:
    """Placed glyphs of a block, before any rotation: pens x, y in px (n,); lines (m, 5) as in
    `break_lines`; starts, ends (m,) px along the line; across (m,): the baseline's y, or a column's centre x;
    char_at (characters,) px along the line; whole: nothing was left out."""

    glyph_ids: Ints
    clusters: Ints
    line_of: Ints
    x: Floats
    y: Floats
    lines: Ints
    starts: Floats
    ends: Floats
    across: Floats
    char_at: Floats
    texts: tuple[str, ...]
    whole: bool


class _Broken(NamedTuple):
    """A text shaped and broken into lines: class and advance (px) of each character, the lines, px in a font unit,
    and whether the lines hold all of it."""

    shaped: Shaped
    classes: NDArray[np.uint8]
    advances: Floats
    lines: Ints
    scale: float
    whole: bool


@dataclass(frozen=True, slots=True)
class FaceMetrics:
    """Heights in em: ascent + descent = 1 (the em box about the baseline), x height, a Han face's height."""

    ascent: float
    x_height: float
    han_height: float


@lru_cache(maxsize=64)
def metrics_of(face: FontFace) -> FaceMetrics:
    """Metrics measured on the outlines of x and of the character 国."""
    outlines = outlines_of(face)
    ft = outlines.ft
    span = max(ft.ascender - ft.descender, 1)
    ascent = 0.88 if "zh" in face.languages or "zh-Hant" in face.languages else ft.ascender / span
    heights = []
    for char in "x国":
        glyph_id = ft.get_char_index(char)
        slot = outlines.slots(np.array([glyph_id], np.int32))[0]
        box = outlines.box[slot]
        heights.append(float(box[3] - box[1]) / outlines.units_per_em if glyph_id else 0.0)
    return FaceMetrics(ascent, *heights)


NUM_KEPT = 128  # blocks of a picture of 2,048 px
_memo: OrderedDict[tuple[Block, FontFace], Typeset] = OrderedDict()  # ids of faces mean little across catalogues


def typeset(block: Block, faces: Catalog) -> Typeset:
    """Place a block's glyphs; what does not fit its frames is left out of `texts`.

    Raises NotDrawnError where the face lacks a character.
    """
    face = faces[block.face]
    return _memo.get((block, face)) or _place(block, face, _break(block, face))


def fit(block: Block, faces: Catalog) -> tuple[Block, Typeset]:
    """The block with only the text that fits its frames, and that text placed."""
    face = faces[block.face]
    broken = _break(block, face)
    while not broken.whole:  # a cut may change the kerning at its edge, and so what fits
        fitted = replace(block, text=_kept(block, broken.lines))
        if fitted == block:
            break
        block, broken = fitted, _break(fitted, face)
    return block, _place(block, face, broken)


def _kept(block: Block, lines: Ints) -> str:
    if block.flow == "through" and block.wrap:
        return block.text[: int(lines[-1, 1])] if len(lines) else ""
    paragraphs = [""] * (block.text.count("\n") + 1)
    starts = np.cumsum([0] + [len(p) + 1 for p in block.text.split("\n")])
    for start, end, *_ in lines.tolist():
        k = int(np.searchsorted(starts, start, side="right")) - 1
        paragraphs[k] = block.text[int(starts[k]) : end]
    while paragraphs and not paragraphs[-1]:
        paragraphs.pop()
    return "\n".join(paragraphs)


def _break(block: Block, face: FontFace) -> _Broken:
    shaped = shaper_of(face).shape(block.text, block.language, block.vertical)
    drawn = (shaped.glyph_ids > 0) & (shaped.glyph_ids < len(outlines_of(face).slot_of))  # a font may name others
    if not drawn.all():
        missing = {block.text[i] for i in shaped.clusters[~drawn]}
        raise NotDrawnError(f"face {face.id} does not draw {''.join(sorted(missing))!r}: choose another face or text")
    scale = block.size_px / outlines_of(face).units_per_em
    classes = classify(block.text)
    advances = character_advances(shaped, len(classes), face, block)
    flags, indent = (block.wrap, block.flow == "each"), block.indent * block.size_px
    lines, whole = break_lines(classes, advances, _room(block), flags, indent)
    return _Broken(shaped, classes, advances, lines, scale, bool(whole))


def _room(block: Block) -> tuple[Floats, NDArray[np.int64]]:
    """Each frame's line length in px and how many lines it holds."""
    frames = np.array(block.frames, np.float64)
    along, across = (3, 2) if block.vertical else (2, 3)
    pitch = block.leading * block.size_px
    rows = np.floor((frames[:, across] - block.size_px) / pitch + 1e-6).astype(np.int64) + 1
    rows[frames[:, across] < block.size_px - 1e-6] = 0
    return frames[:, along].copy(), rows


def _place(block: Block, face: FontFace, broken: _Broken) -> Typeset:
    """The broken text placed, which is kept for a while: it is set, then coloured, then drawn."""
    done = _memo[block, face] = _placed(block, face, broken)
    if len(_memo) > NUM_KEPT:
        _memo.popitem(last=False)
    return done


def _placed(block: Block, face: FontFace, broken: _Broken) -> Typeset:
    shaped, lines, frames = broken.shaped, broken.lines, np.array(block.frames, np.float64)
    spec = (ALIGN_CODE[block.align], block.vertical, block.size_px, block.indent * block.size_px)
    starts, ends, char_at = align(broken.classes, broken.advances, lines, frames, spec)
    across = _across(block, lines, frames, metrics_of(face).ascent * block.size_px)
    glyphs = shaped.clusters, shaped.advances, shaped.x_offsets, shaped.y_offsets
    keep, line_of, x, y = place(glyphs, lines, char_at, across, (broken.scale, block.vertical))
    texts = tuple(block.text[a:b] for a, b in lines[:, :2].tolist())
    placed = shaped.glyph_ids[keep], shaped.clusters[keep], line_of, x, y
    return Typeset(*placed, lines, starts, ends, across, char_at, texts, broken.whole)


def _across(block: Block, lines: Ints, frames: Floats, ascent_px: float) -> Floats:
    """Each line's baseline, or the centre of its column, px; on whole pixels unless the block is turned."""
    x0, y0, wide = (frames[lines[:, 3], i] for i in range(3))
    pitch = block.leading * block.size_px
    if block.vertical:
        return np.asarray(np.round(x0 + wide - block.size_px / 2 - lines[:, 4] * pitch))
    across = y0 + ascent_px + lines[:, 4] * pitch
    return np.asarray(across if block.angle_deg else np.round(across))
