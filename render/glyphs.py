"""Coverage masks of glyphs at one size and style, made when first needed and kept in one flat array."""

import ctypes
import math
from collections import OrderedDict
from dataclasses import dataclass

import freetype
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fonts.catalog import FontFace, open_face
from render.outlines import outlines_of
from render.raster import Halo, Raster
from render.masks import LCD_FILTER, fill, measure, spread, totals

_HINTING = {
    "light": freetype.FT_LOAD_TARGET_LIGHT | freetype.FT_LOAD_NO_BITMAP,
    "full": freetype.FT_LOAD_TARGET_NORMAL | freetype.FT_LOAD_NO_BITMAP,
    "strike": freetype.FT_LOAD_TARGET_MONO,
}


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
        self.index: NDArray[np.int32] = np.full((0, self.phases_x * self.phases_y), -1, np.int32)
        self.bytes: NDArray[np.uint8] = np.zeros(1 << 14, np.uint8)
        self.boxes: NDArray[np.int32] = np.zeros((256, 5), np.int32)  # first, width, height, left, top
        self.total: NDArray[np.float32] = np.zeros(256, np.float32)
        self.num_masks = self._used = 0
        self._ft = _sized_face(instance) if instance.raster.kind in _HINTING else None

    def at(self, glyph_ids: NDArray[np.int32], x: NDArray[np.float64], y: NDArray[np.float64]):
        """Masks and whole-pixel origins for pens at x, y (n,): three int32 arrays (n,)."""
        slots = self.outlines.slots(glyph_ids)
        if len(self.index) < self.outlines.num_slots:
            missing = np.full((len(self.outlines.count) - len(self.index), self.index.shape[1]), -1, np.int32)
            self.index = np.concatenate([self.index, missing])
        masks, px, py = _snap(slots, x, y, self.index, (self.phases_x, self.phases_y))
        if masks.size and masks.min() < 0:
            self._make(np.unique(-1 - masks[masks < 0]), slots, glyph_ids)
            masks, px, py = _snap(slots, x, y, self.index, (self.phases_x, self.phases_y))
        return masks, px, py

    def _make(self, keys: NDArray[np.int32], slots: NDArray[np.int32], glyph_ids: NDArray[np.int32]) -> None:
        num_phases = self.index.shape[1]
        self._reserve(len(keys))
        if self._ft is None:
            self._make_from_outlines(keys)
            return
        glyph_of = dict(zip(slots.tolist(), glyph_ids.tolist(), strict=True))
        for key in keys.tolist():
            slot, phase = divmod(key, num_phases)
            self._add_bitmap(key, *self._hinted(glyph_of[slot], phase / self.phases_x))

    def _make_from_outlines(self, keys: NDArray[np.int32]) -> None:
        matrix = _matrix(self.instance, self.outlines.units_per_em)
        raster, halo = self.instance.raster, self.instance.halo
        style = (self.channels, raster.factor, self.phases_x, self.phases_y)
        first = self.num_masks
        need = measure(keys, self.outlines.box, matrix, style, halo.pad_px, self.boxes[first:], self._used)
        self._reserve_bytes(need)
        o = self.outlines
        fill(keys, o.first, o.count, o.kinds, o.segments, matrix, style, self.boxes[first:], self.bytes, LCD_FILTER)
        if halo.pad_px:
            spread(self.boxes[first : first + len(keys)], self.bytes, halo.grow_px, halo.blur_px, self.channels)
        self._register(keys, first)
        self._used += need

    def _register(self, keys: NDArray[np.int32], first: int) -> None:
        numbers = np.arange(first, first + len(keys), dtype=np.int32)
        self.index.reshape(-1)[keys] = numbers
        totals(self.boxes[first : first + len(keys)], self.bytes, self.channels, self.total[first:])
        self.num_masks += len(keys)

    def _hinted(self, glyph_id: int, phase: float):
        assert self._ft is not None
        self._ft.set_transform(freetype.Matrix(65536, 0, 0, 65536), freetype.Vector(round(phase * 64), 0))
        self._ft.load_glyph(glyph_id, _HINTING[self.instance.raster.kind] | freetype.FT_LOAD_RENDER)
        slot = self._ft.glyph
        return _bitmap(slot.bitmap), slot.bitmap_left, -slot.bitmap_top

    def _add_bitmap(self, key: int, bitmap: NDArray[np.uint8], left: int, top: int) -> None:
        pad = self.instance.halo.pad_px
        bitmap = np.pad(bitmap, pad)
        self._reserve_bytes(bitmap.size)
        first = self.num_masks
        self.boxes[first] = (self._used, bitmap.shape[1], bitmap.shape[0], left - pad, top - pad)
        self.bytes[self._used : self._used + bitmap.size] = bitmap.reshape(-1)
        if pad:
            halo = self.instance.halo
            spread(self.boxes[first : first + 1], self.bytes, halo.grow_px, halo.blur_px, 1)
        self._register(np.array([key], np.int32), first)
        self._used += bitmap.size

    def _reserve(self, num_masks: int) -> None:
        while self.num_masks + num_masks > len(self.total):
            self.boxes = np.concatenate([self.boxes, np.zeros_like(self.boxes)])
            self.total = np.concatenate([self.total, np.zeros_like(self.total)])

    def _reserve_bytes(self, num_bytes: int) -> None:
        while self._used + num_bytes > len(self.bytes):
            self.bytes = np.concatenate([self.bytes, np.zeros_like(self.bytes)])


class MaskCache:
    """Masks of the instances used last, bounded in bytes."""

    def __init__(self, max_bytes: int = 160 << 20) -> None:
        self._masks: OrderedDict[Instance, Masks] = OrderedDict()
        self._max_bytes = max_bytes

    def __getitem__(self, instance: Instance) -> Masks:
        masks = self._masks.get(instance)
        if masks is None:
            self._evict()
            masks = self._masks[instance] = Masks(instance)
        self._masks.move_to_end(instance)
        return masks

    def _evict(self) -> None:
        size = sum(m.bytes.nbytes + m.index.nbytes + m.boxes.nbytes for m in self._masks.values())
        while self._masks and (size > self._max_bytes or len(self._masks) > 256):
            _, old = self._masks.popitem(last=False)
            size -= old.bytes.nbytes + old.index.nbytes + old.boxes.nbytes


def _matrix(instance: Instance, units_per_em: int) -> NDArray[np.float64]:
    """Font units (y up) to pixels (y down), turned clockwise by angle_deg; (m0, m1, m3, m4)."""
    scale = instance.size_px / units_per_em
    angle = math.radians(instance.angle_deg)
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    return np.array([cos, sin, sin, -cos])


def _sized_face(instance: Instance) -> freetype.Face:
    ft = open_face(instance.face)
    if instance.raster.kind == "strike":
        sizes = [size.y_ppem // 64 for size in ft.available_sizes]
        if round(instance.size_px) not in sizes:
            raise ValueError(f"{instance.face.id} has no strike of {instance.size_px} px: it has {sizes}")
        ft.select_size(sizes.index(round(instance.size_px)))
    else:
        ft.set_char_size(round(instance.size_px * 64))
    return ft


def _bitmap(bitmap: freetype.Bitmap) -> NDArray[np.uint8]:
    """A FreeType bitmap as coverage (h, w), 0..255."""
    rows, width, pitch = bitmap.rows, bitmap.width, abs(bitmap.pitch)
    raw = ctypes.string_at(bitmap._FT_Bitmap.buffer, rows * pitch) if rows and width else b""
    pixels = np.frombuffer(raw, np.uint8).reshape(rows, pitch)
    if bitmap.pixel_mode == freetype.FT_PIXEL_MODE_MONO:
        return np.unpackbits(pixels, axis=1)[:, :width] * np.uint8(255)
    return pixels[:, :width]


@njit(cache=True)
def _snap(slots, x, y, index, phases):
    """Round pens to the nearest phase; masks[i] is the mask or -1 - key where it is still to be made."""
    n = len(slots)
    masks, px, py = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    nx, ny = phases
    for i in range(n):
        fx, fy = math.floor(x[i] * nx + 0.5), math.floor(y[i] * ny + 0.5)
        px[i], py[i] = math.floor(fx / nx), math.floor(fy / ny)
        phase = int(fx - px[i] * nx) + nx * int(fy - py[i] * ny)
        mask = index[slots[i], phase]
        masks[i] = mask if mask >= 0 else -1 - (slots[i] * nx * ny + phase)
    return masks, px, py
