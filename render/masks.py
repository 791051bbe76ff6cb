"""From outlines to bytes: sizes, grey, LCD and reduced masks, halos; compiled loops over many glyphs.

`how` is the matrix (4,) from font units to pixels and (channels, factor, phases_x, phases_y); a key is
slot * phases_x * phases_y + phase. A row of `boxes` is first byte, width, height, left, top.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from render.rasterise import coverage, rasterise

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
How = tuple[Floats, tuple[int, int, int, int]]
Segments = tuple[Ints, Ints, Bytes, NDArray[np.float32]]  # of a face: first, count, kinds, segments

LCD_FILTER = np.array([8, 77, 86, 77, 8]) / 256.0  # FreeType's default: text looks as it does on screens


@njit(cache=True)
def measure(keys: Ints, glyph_boxes: NDArray[np.float32], how: How, pad: int, boxes: Ints) -> int:
    """Fill `boxes` for the masks to be made, from byte 0; returns how many bytes they need."""
    matrix, (channels, factor, nx, ny) = how
    start = 0
    for i in range(len(keys)):
        slot, phase = keys[i] // (nx * ny), keys[i] % (nx * ny)
        dx, dy = (phase % nx) / nx, (phase // nx) / ny
        box = glyph_boxes[slot]
        xmin, ymin, xmax, ymax = np.inf, np.inf, -np.inf, -np.inf
        for gx in (box[0], box[2]):
            for gy in (box[1], box[3]):
                x = matrix[0] * gx + matrix[1] * gy + dx
                y = matrix[2] * gx + matrix[3] * gy + dy
                xmin, xmax, ymin, ymax = min(xmin, x), max(xmax, x), min(ymin, y), max(ymax, y)
        wide_spill = pad + (1 if channels == 3 or factor > 1 else 0)
        spill = pad + (1 if factor > 1 else 0)
        left, top = math.floor(xmin) - wide_spill, math.floor(ymin) - spill
        width = math.ceil(xmax) + wide_spill - left if box[2] > box[0] else 0
        height = math.ceil(ymax) + spill - top if box[2] > box[0] else 0
        boxes[i] = (start, width, height, left, top)
        start += width * height * channels
    return start


@njit(cache=True)
def fill(keys: Ints, outlines: Segments, how: How, boxes: Ints, out: Bytes) -> None:
    """Draw the masks that `boxes` describes into out."""
    first, count, kinds, segments = outlines
    matrix, (channels, factor, nx, ny) = how
    m = np.empty(6)
    across = factor * channels  # LCD: three samples a pixel; reduced: `factor`, both ways
    for i in range(len(keys)):
        start, width, height, left, top = boxes[i]
        if width == 0:
            continue
        slot, phase = keys[i] // (nx * ny), keys[i] % (nx * ny)
        wide, high = width * across, height * factor
        m[0], m[1] = matrix[0] * across, matrix[1] * across
        m[3], m[4] = matrix[2] * factor, matrix[3] * factor
        m[2] = ((phase % nx) / nx - left) * across
        m[5] = ((phase // nx) / ny - top) * factor
        a, b = first[slot], first[slot] + count[slot]
        area = np.zeros(wide * high + 2)
        rasterise(kinds[a:b], segments[a:b], m, area, wide)
        fine = np.empty(wide * high, np.uint8)
        coverage(area, fine)
        if channels == 3:
            _lcd(fine, wide, high, out[start:])
        elif factor > 1:
            _reduce(fine, width, height, factor, out[start:])
        else:
            out[start : start + width * height] = fine


@njit(cache=True)
def _lcd(fine: Bytes, wide: int, high: int, out: Bytes) -> None:
    """Spread each subpixel over its neighbours."""
    for row in range(high):
        for i in range(wide):
            total = 0.0
            for k in range(5):
                j = i + k - 2
                if 0 <= j < wide:
                    total += LCD_FILTER[k] * fine[row * wide + j]
            out[row * wide + i] = np.uint8(total + 0.5)


@njit(cache=True)
def _reduce(fine: Bytes, width: int, height: int, factor: int, out: Bytes) -> None:
    """Reduce by a triangle filter two output pixels wide, as image resizers do (softer than a box)."""
    wide, high = width * factor, height * factor
    taps = np.empty(2 * factor)  # of the filter: every pixel lies the same way over the finer ones
    middle, first = factor / 2 - 0.5, -(factor // 2)
    for k in range(2 * factor):
        taps[k] = max(0.0, 1.0 - abs(first + k - middle) / factor)
    for row in range(height):
        for col in range(width):
            total, weight = 0.0, 0.0
            top, left = row * factor + first, col * factor + first
            for y in range(max(0, -top), min(2 * factor, high - top)):
                for x in range(max(0, -left), min(2 * factor, wide - left)):
                    total += taps[y] * taps[x] * fine[(top + y) * wide + left + x]
                    weight += taps[y] * taps[x]
            out[row * width + col] = np.uint8(total / weight + 0.5)


@njit(cache=True)
def spread(boxes: Ints, masks: Bytes, grow: float, blur: float, channels: int) -> None:
    """Widen by a disc of radius `grow` px with a soft edge, then blur by a Gaussian of sigma `blur` px; a row has
    `channels` values a px."""
    reach, along = int(grow + 0.999), int(grow * channels + 0.999)
    for i in range(len(boxes)):
        start, width, height = boxes[i, 0], boxes[i, 1] * channels, boxes[i, 2]
        if width == 0:
            continue
        mask = masks[start : start + width * height].reshape(height, width).astype(np.float64)
        grown = mask.copy()
        for dy in range(-reach, reach + 1):
            for dx in range(-along, along + 1):
                part = min(1.0, grow + 1.0 - math.sqrt((dx / channels) ** 2 + dy * dy))
                if part > 0.0:
                    for y in range(max(0, -dy), min(height, height - dy)):
                        for x in range(max(0, -dx), min(width, width - dx)):
                            grown[y, x] = max(grown[y, x], part * mask[y + dy, x + dx])
        if blur > 0.0:
            grown = _blurred(_blurred(grown, blur * channels).T.copy(), blur).T.copy()
        for k in range(width * height):
            masks[start + k] = np.uint8(grown[k // width, k % width] + 0.5)


@njit(cache=True)
def _blurred(image: Floats, sigma: float) -> Floats:
    out = np.zeros_like(image)
    reach = int(2.5 * sigma + 0.999)
    total = 0.0
    for k in range(-reach, reach + 1):
        total += math.exp(-0.5 * (k / sigma) ** 2)
    for k in range(-reach, reach + 1):
        weight = math.exp(-0.5 * (k / sigma) ** 2) / total
        for y in range(image.shape[0]):
            for x in range(max(0, -k), min(image.shape[1], image.shape[1] - k)):
                out[y, x] += weight * image[y, x + k]
    return out


@njit(cache=True)
def totals(boxes: Ints, masks: Bytes, channels: int, out: NDArray[np.float32]) -> None:
    """Sum of coverage of each mask, in pixels of full ink, into out."""
    for i in range(len(boxes)):
        total = 0
        for k in range(boxes[i, 0], boxes[i, 0] + boxes[i, 1] * boxes[i, 2] * channels):
            total += masks[k]
        out[i] = total / (255.0 * channels)
