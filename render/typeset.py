"""Blocks to placed glyphs: shaping, line breaking, alignment. Pure; the same block gives the same glyphs."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fonts.catalog import Catalog, FontFace
from render.linebreak import HAN, SPACE, break_lines, classify
from render.outlines import outlines_of
from render.scene import Block
from render.shape import Shaped, shaper_of

MAX_WORD_GAP, MAX_HAN_GAP = (
    0.6,
    0.12,
)  # em a justified line may add in one gap; beyond it, the line stays ragged


class NotDrawnError(ValueError):
    """A text that its face cannot draw whole."""


@dataclass(frozen=True, slots=True)
class Typeset:
    """Placed glyphs of a block, before any rotation: pens x, y in px (n,); lines (m, 5) as in
    `break_lines`; starts, ends (m,) px along the line; across (m,): the baseline's y, or a column's centre x;
    char_at (characters,) px along the line; whole: nothing was left out."""

    glyph_ids: NDArray[np.int32]
    clusters: NDArray[np.int32]
    line_of: NDArray[np.int32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    lines: NDArray[np.int32]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    across: NDArray[np.float64]
    char_at: NDArray[np.float64]
    texts: tuple[str, ...]
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
        box = outlines.box[outlines.slots(np.array([glyph_id], np.int32))[0]]
        heights.append(float(box[3] - box[1]) / outlines.units_per_em if glyph_id else 0.0)
    return FaceMetrics(ascent, *heights)


_memo: OrderedDict[Block, Typeset] = OrderedDict()


def typeset(block: Block, faces: Catalog) -> Typeset:
    """Place a block's glyphs; what does not fit its frames is left out of `texts`.

    Raises NotDrawnError where the face lacks a character.
    """
    done = _memo.get(block)
    if done is None:
        done = _memo[block] = _typeset(block, faces[block.face])
        if len(_memo) > 64:
            _memo.popitem(last=False)
    return done


def fit(block: Block, faces: Catalog) -> tuple[Block, Typeset]:
    """The block with only the text that fits its frames, and that text placed."""
    done = typeset(block, faces)
    if done.whole:
        return block, done
    fitted = replace(block, text=_kept(block, done))
    return (block, done) if fitted == block else (fitted, typeset(fitted, faces))


def _kept(block: Block, done: Typeset) -> str:
    if block.flow == "through" and block.wrap:
        return block.text[: int(done.lines[-1, 1])] if len(done.lines) else ""
    paragraphs = [""] * (block.text.count("\n") + 1)
    starts = np.cumsum([0] + [len(p) + 1 for p in block.text.split("\n")])
    for (start, end, *_), _text in zip(done.lines.tolist(), done.texts, strict=True):
        k = int(np.searchsorted(starts, start, side="right")) - 1
        paragraphs[k] = block.text[int(starts[k]) : end]
    while paragraphs and not paragraphs[-1]:
        paragraphs.pop()
    return "\n".join(paragraphs)


def _typeset(block: Block, face: FontFace) -> Typeset:
    shaped = shaper_of(face).shape(block.text, block.language, block.vertical)
    if shaped.glyph_ids.size and not shaped.glyph_ids.all():
        missing = {block.text[i] for i in shaped.clusters[shaped.glyph_ids == 0]}
        raise NotDrawnError(
            f"face {face.id} does not draw {''.join(sorted(missing))!r}: choose another face or text"
        )
    scale = block.size_px / outlines_of(face).units_per_em
    classes = classify(block.text)
    advances = (
        np.bincount(shaped.clusters, shaped.advances, len(classes)) * scale if len(classes) else np.zeros(0)
    )
    advances[advances > 0] += block.tracking * block.size_px
    measures, rows = _room(block)
    flags, indent = (block.wrap, block.flow == "each"), block.indent * block.size_px
    lines, whole = break_lines(classes, advances, measures, rows, flags, indent)
    return _placed(block, face, shaped, (classes, advances, lines, scale, bool(whole)))


def _room(block: Block) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each frame's line length in px and how many lines it holds."""
    frames = np.array(block.frames, np.float64)
    along, across = (3, 2) if block.vertical else (2, 3)
    pitch = block.leading * block.size_px
    rows = np.floor((frames[:, across] - block.size_px) / pitch + 1e-6).astype(np.int64) + 1
    rows[frames[:, across] < block.size_px - 1e-6] = 0
    return frames[:, along].copy(), rows


def _placed(block: Block, face: FontFace, shaped: Shaped, broken) -> Typeset:
    classes, advances, lines, scale, whole = broken
    frames = np.array(block.frames, np.float64)
    spec = (ALIGN_CODE[block.align], block.vertical, block.size_px, block.indent * block.size_px)
    starts, ends, char_at = _align(classes, advances, lines, frames, spec)
    pitch, ascent = block.leading * block.size_px, metrics_of(face).ascent * block.size_px
    x0, y0, wide = (frames[lines[:, 3], i] for i in range(3))
    if block.vertical:
        across = np.round(x0 + wide - block.size_px / 2 - lines[:, 4] * pitch)
    else:
        across = y0 + ascent + lines[:, 4] * pitch
        across = across if block.angle_deg else np.round(across)
    spans = lines, char_at, across
    offsets = shaped.x_offsets, shaped.y_offsets
    keep, line_of, x, y = _place(shaped.clusters, shaped.advances, offsets, spans, (scale, block.vertical))
    texts = tuple(block.text[a:b] for a, b in lines[:, :2].tolist())
    placed = shaped.glyph_ids[keep], shaped.clusters[keep], line_of, x, y
    return Typeset(*placed, lines, starts, ends, across, char_at, texts, whole)


ALIGN_CODE = {"left": 0, "centre": 1, "right": 2, "justify": 3}


@njit(cache=True)
def _align(classes, advances, lines, frames, spec):
    """Start and end of each line and the position of each character along it, px."""
    align, vertical, size, indent = spec
    m = len(lines)
    starts, ends, at = np.zeros(m), np.zeros(m), np.full(len(classes) + 1, -1.0)
    for i in range(m):
        a, b, nxt, frame = lines[i, 0], lines[i, 1], lines[i, 2], lines[i, 3]
        first = a == 0 or classes[a - 1] == 5
        inset = indent if first else 0.0
        begin = frames[frame, 1] if vertical else frames[frame, 0]
        room = (frames[frame, 3] if vertical else frames[frame, 2]) - inset
        width, spaces, gaps = 0.0, 0, 0
        for c in range(a, b):
            width += advances[c]
            if classes[c] == SPACE:
                spaces += 1
            elif c + 1 < b and (classes[c] == HAN or classes[c + 1] == HAN):
                gaps += 1
        slack = room - width
        x = begin + inset
        extra_space, extra_gap = 0.0, 0.0
        last = nxt >= len(classes) or classes[nxt - 1] == 5
        if align == 1:
            x += slack / 2
        elif align == 2:
            x += slack
        elif align == 3 and not last and slack > 0:
            if gaps > 4 and slack <= gaps * MAX_HAN_GAP * size:
                extra_gap = slack / gaps
            elif spaces and slack <= spaces * MAX_WORD_GAP * size:
                extra_space = slack / spaces
        starts[i] = x
        for c in range(a, b):
            at[c] = x
            x += advances[c]
            if classes[c] == SPACE:
                x += extra_space
            elif c + 1 < b and (classes[c] == HAN or classes[c + 1] == HAN):
                x += extra_gap
        ends[i] = x
    return starts, ends, at


@njit(cache=True)
def _place(clusters, advances, offsets, spans, spec):
    """Pens of the glyphs that lie on a line: which glyphs, their lines, x, y."""
    lines, char_at, across = spans
    x_offsets, y_offsets = offsets
    scale, vertical = spec
    n = len(clusters)
    keep, line_of = np.empty(n, np.int64), np.empty(n, np.int32)
    x, y = np.empty(n), np.empty(n)
    count, line, pen, before = 0, 0, 0.0, -1
    for g in range(n):
        c = clusters[g]
        while line < len(lines) and c >= lines[line, 1]:
            line += 1
        if line >= len(lines):
            break
        if c < lines[line, 0]:  # a space between lines
            continue
        pen = pen if c == before else char_at[c]
        dx, dy = x_offsets[g] * scale, -y_offsets[g] * scale
        x[count] = across[line] + dx if vertical else pen + dx
        y[count] = pen + dy if vertical else across[line] + dy
        keep[count], line_of[count] = g, line
        pen, before, count = pen + advances[g] * scale, c, count + 1
    return keep[:count], line_of[:count], x[:count], y[:count]
