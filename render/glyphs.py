"""Coverage masks of glyphs at one size and style, made when first needed and kept in one flat array."""

import ctypes
import math
from collections import OrderedDict
from dataclasses import dataclass

import freetype
import numpy as np
from freetype.raw import FT_Load_Glyph
from numba import njit
from numpy.typing import NDArray

from fonts.catalog import FontFace
from render.blit import Atlas, Placed
from render.hinting import FLAGS, sized_face
from render.masks import fill, measure, spread, totals
from render.outlines import outlines_of
from render.raster import Halo, Raster

Ints = NDArray[np.int32]

MAX_INSTANCES = 48  # whose masks are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One face at one size, angle and style: what a set of masks is made for."""

    face: FontFace
    size_px: float
    raster: Raster = Raster()
    angle_deg: float = 0.0
    halo: Halo = Halo()


class Masks:
    """Masks of one instance. By mask: first (into `bytes`), width, height, left, top (px from the pen,
    y down), total (sum of coverage / 255). An LCD mask holds three bytes a pixel."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.outlines = outlines_of(instance.face)
        self.channels = 3 if instance.raster.kind == "lcd" else 1
        self.phases_x = instance.raster.phases
        self.phases_y = 4 if instance.angle_deg else 1
        self.index: Ints = np.full((0, self.phases_x * self.phases_y), -1, np.int32)
        self.bytes: NDArray[np.uint8] = np.zeros(1 << 14, np.uint8)
        self.boxes: Ints = np.zeros((256, 5), np.int32)  # first, width, height, left, top
        self.total: NDArray[np.float32] = np.zeros(256, np.float32)
        self.num_masks = self._used = 0
        kind = instance.raster.kind
        self._ft = sized_face(instance.face, instance.size_px, kind) if kind in FLAGS else None

    @property
    def atlas(self) -> Atlas:
        """All masks made so far, as `blit` takes them."""
        return self.bytes, self.boxes, self.channels

    def at(self, glyph_ids: Ints, x: NDArray[np.float64], y: NDArray[np.float64]) -> Placed:
        """Masks and whole-pixel origins for pens at x, y (n,): three int32 arrays (n,)."""
        slots = self.outlines.slots(glyph_ids)
        if len(self.index) < self.outlines.num_slots:
            missing = np.full((len(self.outlines.count) - len(self.index), self.index.shape[1]), -1, np.int32)
            self.index = np.concatenate([self.index, missing])
        phases = self.phases_x, self.phases_y
        masks, px, py, num_missing = _snap(slots, x, y, self.index, phases)
        if num_missing:
            self._make(np.unique(-1 - masks[masks < 0]))
            masks, px, py, _ = _snap(slots, x, y, self.index, phases)
        return masks, px, py

    def _make(self, keys: Ints) -> None:
        first = self.num_masks
        self._reserve(len(keys))
        if self._ft is None:
            self._fill_from_outlines(keys, first)
        else:
            for phase in range(self.phases_x):
                _set_pen(self._ft, phase / self.phases_x)
                for i in np.flatnonzero(keys % self.phases_x == phase).tolist():
                    self._fill_from_freetype(first + i, self.outlines.glyph_of[int(keys[i]) // self.phases_x])
        made = self.boxes[first : first + len(keys)]
        halo = self.instance.halo
        if halo.pad_px:
            spread(made, self.bytes, halo.grow_px, halo.blur_px, self.channels)
        totals(made, self.bytes, self.channels, self.total[first:])
        self.index.reshape(-1)[keys] = np.arange(first, first + len(keys), dtype=np.int32)
        self.num_masks += len(keys)

    def _fill_from_outlines(self, keys: Ints, first: int) -> None:
        raster, o = self.instance.raster, self.outlines
        how = (
            _matrix(self.instance, o.units_per_em),
            (self.channels, raster.factor, self.phases_x, self.phases_y),
        )
        made = self.boxes[first : first + len(keys)]
        need = measure(keys, o.box, how, self.instance.halo.pad_px, made)
        made[:, 0] += self._used
        self._reserve_bytes(need)
        fill(keys, (o.first, o.count, o.kinds, o.segments), how, made, self.bytes)
        self._used += need

    def _fill_from_freetype(self, number: int, glyph_id: int) -> None:
        """One hinted glyph or strike, with room around it for its halo."""
        pixels, left, top = _freetype_bitmap(self._ft, glyph_id, FLAGS[self.instance.raster.kind])
        pad = self.instance.halo.pad_px
        (high, wide), height, width = pixels.shape, pixels.shape[0] + 2 * pad, pixels.shape[1] + 2 * pad
        self._reserve_bytes(height * width)
        self.boxes[number] = (self._used, width, height, left - pad, top - pad)
        mask = self.bytes[self._used : self._used + height * width].reshape(height, width)  # still all zero
        mask[pad : pad + high, pad : pad + wide] = pixels
        self._used += height * width

    def _reserve(self, num_masks: int) -> None:
        while self.num_masks + num_masks > len(self.total):
            self.boxes = np.concatenate([self.boxes, np.zeros_like(self.boxes)])
            self.total = np.concatenate([self.total, np.zeros_like(self.total)])

    def _reserve_bytes(self, num_bytes: int) -> None:
        while self._used + num_bytes > len(self.bytes):
            self.bytes = np.concatenate([self.bytes, np.zeros_like(self.bytes)])


class MaskCache:
    """Masks of the instances used last: some 0.3 MB each in Chinese, much less in English."""

    def __init__(self) -> None:
        self._masks: OrderedDict[Instance, Masks] = OrderedDict()

    def __getitem__(self, instance: Instance) -> Masks:
        masks = self._masks.get(instance)
        if masks is None:
            masks = self._masks[instance] = Masks(instance)
            if len(self._masks) > MAX_INSTANCES:
                self._masks.popitem(last=False)
        self._masks.move_to_end(instance)
        return masks


def _matrix(instance: Instance, units_per_em: int) -> NDArray[np.float64]:
    """Font units (y up) to pixels (y down), turned clockwise by angle_deg; (m0, m1, m3, m4)."""
    scale = instance.size_px / units_per_em
    angle = math.radians(instance.angle_deg)
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    return np.array([cos, sin, sin, -cos])


def _set_pen(ft: freetype.Face, phase: float) -> None:
    ft.set_transform(freetype.Matrix(65536, 0, 0, 65536), freetype.Vector(round(phase * 64), 0))


def _freetype_bitmap(ft: freetype.Face, glyph_id: int, flags: int) -> tuple[NDArray[np.uint8], int, int]:
    """Coverage (h, w) 0..255 of a glyph and its left and top, px from the pen, y down.

    Straight from FreeType's structures: freetype-py's own properties make a Python list of the bytes.
    """
    error = FT_Load_Glyph(ft._FT_Face, glyph_id, flags | freetype.FT_LOAD_RENDER)
    if error:
        raise ValueError(
            f"glyph {glyph_id} of {ft.postscript_name!r}: FreeType error {error}; run `python -m fonts check`"
        )
    slot = ft._FT_Face.contents.glyph.contents
    rows, width, pitch = slot.bitmap.rows, slot.bitmap.width, abs(slot.bitmap.pitch)
    raw = ctypes.string_at(slot.bitmap.buffer, rows * pitch) if rows and width else b""
    pixels = np.frombuffer(raw, np.uint8).reshape(rows, pitch)
    if slot.bitmap.pixel_mode == freetype.FT_PIXEL_MODE_MONO:
        pixels = np.unpackbits(pixels, axis=1) * np.uint8(255)
    return pixels[:, :width], slot.bitmap_left, -slot.bitmap_top


@njit(cache=True)
def _snap(
    slots: Ints, x: NDArray[np.float64], y: NDArray[np.float64], index: Ints, phases: tuple[int, int]
) -> tuple[Ints, Ints, Ints, int]:
    """Round pens to the nearest phase; masks[i] is the mask, or -1 - key where it is to be made (counted)."""
    n, num_missing = len(slots), 0
    masks, px, py = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    nx, ny = phases
    for i in range(n):
        fx, fy = math.floor(x[i] * nx + 0.5), math.floor(y[i] * ny + 0.5)
        px[i], py[i] = math.floor(fx / nx), math.floor(fy / ny)
        phase = int(fx - px[i] * nx) + nx * int(fy - py[i] * ny)
        mask = index[slots[i], phase]
        masks[i] = mask if mask >= 0 else -1 - (slots[i] * nx * ny + phase)
        num_missing += mask < 0
    return masks, px, py, num_missing
