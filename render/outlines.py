"""Glyph outlines in font units, read once from FreeType and kept as line, conic and cubic segments."""

import ctypes
from functools import lru_cache
from typing import TypeVar

import freetype
import numpy as np
from freetype.raw import FT_Load_Glyph
from numba import njit
from numpy.typing import NDArray

from fonts.catalog import FontFace, open_face

Scalar = TypeVar("Scalar", bound=np.generic)
Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Contours = tuple[Floats, Bytes, NDArray[np.int16]]  # points (n, 2), tags (n,), last points of contours (m,)

LINE, CONIC, CUBIC = 2, 3, 4  # how many points such a segment has
ON, IS_CUBIC = 1, 2  # FreeType's tags of points
NO_SCALE = freetype.FT_LOAD_NO_SCALE | freetype.FT_LOAD_NO_HINTING | freetype.FT_LOAD_NO_BITMAP


@njit(cache=True)
def _close(points: Floats, tags: Bytes, xs: Floats, ys: Floats, on: Bytes) -> int:
    """One contour with implied points made real, starting and ending on the curve; returns its length."""
    n, count = len(points), 0
    start = 0
    while start < n and not tags[start] & ON:
        start += 1
    implied_start = start == n
    start %= n
    if implied_start:
        xs[0], ys[0] = (points[0] + points[n - 1]) / 2
        on[0] = ON
        count = 1
    for k in range(n):
        i, before = (start + k) % n, (start + k - 1) % n
        if k and not tags[i] & 3 and not tags[before] & 3:
            xs[count], ys[count] = (points[i] + points[before]) / 2
            on[count] = ON
            count += 1
        xs[count], ys[count] = points[i]
        on[count] = tags[i] & 3
        count += 1
    xs[count], ys[count], on[count] = xs[0], ys[0], ON
    return count + 1


@njit(cache=True)
def decompose(contours: Contours, kinds: Bytes, segments: NDArray[np.float32], box: NDArray[np.float32]) -> int:
    """Write a FreeType outline as segments; returns how many. box (4,): xmin, ymin, xmax, ymax of its points, where
    it has any.

    kinds[i] is the number of points of segment i (2 line, 3 conic, 4 cubic); segments[i] holds them
    as x0 y0 x1 y1 ... in font units, y up.
    """
    points, tags, ends = contours
    for axis in range(2 if len(points) else 0):
        box[axis], box[axis + 2] = points[:, axis].min(), points[:, axis].max()
    size = 2 * len(points) + 2
    xs, ys, on = np.empty(size), np.empty(size), np.empty(size, np.uint8)
    count, first = 0, 0
    for end in ends:
        n = _close(points[first : end + 1], tags[first : end + 1], xs, ys, on)
        i = 0
        while i < n - 1:
            kind = LINE if on[i + 1] & ON else (CUBIC if on[i + 1] & IS_CUBIC else CONIC)
            kinds[count] = kind
            for j in range(kind):
                segments[count, 2 * j] = xs[i + j]
                segments[count, 2 * j + 1] = ys[i + j]
            i += kind - 1
            count += 1
        first = end + 1
    return count


@njit(cache=True)
def _look_up(slot_of: NDArray[np.int32], glyph_ids: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Slots of the glyphs (n,), -1 where there is none yet, and how many those are."""
    slots, num_missing = np.empty(len(glyph_ids), np.int32), 0
    for i in range(len(glyph_ids)):
        slots[i] = slot_of[glyph_ids[i]]
        num_missing += slots[i] < 0
    return slots, num_missing


class Outlines:
    """Segments of the glyphs of one face, loaded when first asked for.

    Glyphs get consecutive *slots* in order of first use. Arrays by slot: first, count (segments),
    box (xmin, ymin, xmax, ymax in font units, of the control points).
    """

    def __init__(self, face: FontFace) -> None:
        self.ft = open_face(face)
        self.units_per_em = int(self.ft.units_per_EM) or 1000
        self.slot_of: NDArray[np.int32] = np.full(self.ft.num_glyphs, -1, np.int32)
        self.glyph_of: list[int] = []  # by slot
        self.num_slots = 0
        self._num_segments = 0
        self.first: NDArray[np.int32] = np.zeros(64, np.int32)
        self.count: NDArray[np.int32] = np.zeros(64, np.int32)
        self.box: NDArray[np.float32] = np.zeros((64, 4), np.float32)
        self.kinds: NDArray[np.uint8] = np.zeros(4096, np.uint8)
        self.segments: NDArray[np.float32] = np.zeros((4096, 8), np.float32)

    def slots(self, glyph_ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Slots of the glyphs (n,), loading those not seen before."""
        found, num_missing = _look_up(self.slot_of, glyph_ids)
        if num_missing:
            for glyph_id in np.unique(glyph_ids[found < 0]).tolist():
                self._load(glyph_id)
            found, _ = _look_up(self.slot_of, glyph_ids)
        return found

    def _load(self, glyph_id: int) -> None:
        error = FT_Load_Glyph(self.ft._FT_Face, glyph_id, NO_SCALE)
        contours = _contours(self.ft.glyph._FT_GlyphSlot.contents.outline, error)
        points, _, ends = contours
        self._reserve(2 * len(points) + 2 * len(ends) + 2)
        slot, first = self.num_slots, self._num_segments
        count = decompose(contours, self.kinds[first:], self.segments[first:], self.box[slot])
        self.first[slot], self.count[slot] = first, count
        self.slot_of[glyph_id] = slot
        self.glyph_of.append(glyph_id)
        self.num_slots, self._num_segments = slot + 1, first + count

    def _reserve(self, num_segments: int) -> None:
        if self.num_slots + 1 > len(self.first):
            self.first, self.count, self.box = _doubled(self.first), _doubled(self.count), _doubled(self.box)
        while self._num_segments + num_segments > len(self.kinds):
            self.kinds, self.segments = _doubled(self.kinds), _doubled(self.segments)


@lru_cache(maxsize=64)
def outlines_of(face: FontFace) -> Outlines:
    """The outlines of a face, shared by every size and style of it in this process."""
    return Outlines(face)


def _doubled(array: NDArray[Scalar]) -> NDArray[Scalar]:
    return np.concatenate([array, np.zeros_like(array)])


def _contours(outline: freetype.FT_Outline, error: int) -> Contours:
    """The arrays of an FT_Outline, copied; empty ones after an error."""
    n, m = (0, 0) if error else (outline.n_points, outline.n_contours)
    long_size = ctypes.sizeof(ctypes.c_long)
    raw = ctypes.string_at(outline.points, 2 * long_size * n) if n else b""
    points = np.frombuffer(raw, np.int64 if long_size == 8 else np.int32).reshape(-1, 2).astype(np.float64)
    tags = np.frombuffer(ctypes.string_at(outline.tags, n) if n else b"", np.uint8)
    ends = np.frombuffer(ctypes.string_at(outline.contours, 2 * m) if m else b"", np.int16)
    return points, tags, ends
