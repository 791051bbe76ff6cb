"""Exact labels of what was drawn: where each line lies, how large it is, and its words and characters."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog, FontFace
from render.blit import Placed, ink_boxes
from render.linebreak import has_han
from render.outlines import outlines_of
from render.scene import Block
from render.typeset import NUM_KEPT, Typeset, metrics_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LineGeometry:
    """Where the lines of one block lie: quads (m, 4, 2) px clockwise from the top left of the text, their
    upright bounds (m, 4) x0 y0 x1 y1, and ink heights (m,) px across the line."""

    quads: Floats
    bounds: Floats
    ink_px: Floats


@dataclass(slots=True)
class Lines:
    """Labels of all lines of an image in reading order; numeric columns (m,) float32, quads (m, 4, 2)."""

    text: list[str] = field(default_factory=list)
    face: list[str] = field(default_factory=list)
    language: list[str] = field(default_factory=list)
    role: list[str] = field(default_factory=list)
    style: list[str] = field(default_factory=list)
    quad_px: list[Floats] = field(default_factory=list)
    size_px: list[float] = field(default_factory=list)
    ink_px: list[Floats] = field(default_factory=list)
    x_height_px: list[float] = field(default_factory=list)
    contrast: list[Floats] = field(default_factory=list)
    ink_density: list[Floats] = field(default_factory=list)
    ground_std: list[Floats] = field(default_factory=list)


_memo: OrderedDict[tuple[Block, FontFace], LineGeometry] = OrderedDict()


def geometry(block: Block, done: Typeset, faces: Catalog) -> LineGeometry:
    """Quads around advance and em box, widened to hold all ink of the outlines. Pure; the last few are kept."""
    key = block, faces[block.face]
    if key not in _memo:
        _memo[key] = _measured(block, done, faces)
        if len(_memo) > NUM_KEPT:
            _memo.popitem(last=False)
    return _memo[key]


def _measured(block: Block, done: Typeset, faces: Catalog) -> LineGeometry:
    face = faces[block.face]
    outlines = outlines_of(face)
    slots = outlines.slots(done.glyph_ids)  # first: this may make outlines.box anew
    boxes = outlines.box[slots]
    scale = block.size_px / outlines.units_per_em
    ink = ink_boxes(done.line_of, boxes, (done.x, done.y), scale, len(done.lines))
    em = _em_boxes(block, done, metrics_of(face).ascent)
    box = np.concatenate([np.minimum(em[:, :2], ink[:, :2]), np.maximum(em[:, 2:], ink[:, 2:])], axis=1)
    quads = turned(_corners(box), block)
    bounds = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
    side = 0 if block.vertical else 1
    return LineGeometry(quads, bounds, np.maximum(ink[:, side + 2] - ink[:, side], 0))


def _em_boxes(block: Block, done: Typeset, ascent: float) -> Floats:
    size, half = block.size_px, block.size_px / 2
    if block.vertical:
        return np.stack([done.across - half, done.starts, done.across + half, done.ends], axis=1)
    top, bottom = done.across - ascent * size, done.across + (1 - ascent) * size
    return np.stack([done.starts, top, done.ends, bottom], axis=1)


def _corners(box: Floats) -> Floats:
    """(m, 4) x0 y0 x1 y1 -> (m, 4, 2), clockwise from the top left."""
    return box[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]


def turned(points: Floats, block: Block) -> Floats:
    """Points (..., 2) turned with the block about the centre of its first frame."""
    if not block.angle_deg:
        return points
    x, y, width, height = block.frames[0]
    centre = np.array([x + width / 2, y + height / 2])
    angle = math.radians(block.angle_deg)
    matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray((points - centre) @ matrix + centre)


def x_height_px(block: Block, face: FontFace, language: str) -> float:
    """Height of x, or of a Han character's face where the language is Chinese, px."""
    metrics = metrics_of(face)
    return block.size_px * (metrics.x_height if language == "en" else metrics.han_height)


def drawn_px(placed: Placed, boxes: NDArray[np.int32], line_of: NDArray[np.int32], num_lines: int, axis: int) -> Floats:
    """Extent (m,) px of each line's masks along an axis, 0 for x and 1 for y: of bitmaps that are no outlines."""
    masks, *origins = placed
    start = origins[axis] + boxes[masks, 3 + axis]
    first, last = np.full(num_lines, np.inf), np.full(num_lines, -np.inf)
    inked = boxes[masks, 1 + axis] > 0
    np.minimum.at(first, line_of[inked], start[inked])
    np.maximum.at(last, line_of[inked], (start + boxes[masks, 1 + axis])[inked])
    return np.asarray(np.maximum(last - first, 0))


def character_quads(block: Block, done: Typeset, geo: LineGeometry) -> tuple[list[int], Floats]:
    """Line number and quad (k, 4, 2) px of every character drawn, in order; a ligature is shared out evenly."""
    numbers, spans = [], []
    for i, (start, end) in enumerate(done.lines[:, :2].tolist()):
        edges = np.append(done.char_at[start:end], done.ends[i])
        known = np.ones(len(edges), bool)
        known[:-1] = np.isin(np.arange(start, end), done.clusters)
        edges = np.interp(np.arange(len(edges)), np.flatnonzero(known), edges[known])
        numbers += [i] * (end - start)
        spans.append(np.stack([edges[:-1], edges[1:]], axis=1))
    if not spans:
        return [], np.zeros((0, 4, 2))
    share = _shares(np.concatenate(spans), numbers, done)
    return numbers, _along(geo.quads[numbers], share, block.vertical)


def _shares(spans: Floats, numbers: list[int], done: Typeset) -> Floats:
    """Spans along the line as shares of the line's advance."""
    start, end = done.starts[numbers], done.ends[numbers]
    return np.asarray((spans - start[:, None]) / np.maximum(end - start, 1e-9)[:, None])


def _along(quads: Floats, share: Floats, vertical: bool) -> Floats:
    """The part of each quad between two shares of its length (its width, or its height when vertical)."""
    a, b, c, d = (quads[:, i] for i in range(4))
    low, high = share[:, :1], share[:, 1:]
    if vertical:
        return np.stack([a + (d - a) * low, b + (c - b) * low, b + (c - b) * high, a + (d - a) * high], axis=1)
    return np.stack([a + (b - a) * low, a + (b - a) * high, d + (c - d) * high, d + (c - d) * low], axis=1)


def words_of(text: str) -> list[tuple[int, int]]:
    """Spans of the words of a line: between spaces, and each Han character by itself."""
    spans: list[tuple[int, int]] = []
    start = 0
    for i, char in enumerate(text):
        if char.isspace() or has_han(char):
            if start < i:
                spans.append((start, i))
            if not char.isspace():
                spans.append((i, i + 1))
            start = i + 1
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def characters_of(text: str) -> list[tuple[int, int]]:
    """Spans of the characters of a line, but for spaces."""
    return [(i, i + 1) for i, char in enumerate(text) if not char.isspace()]
