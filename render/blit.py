"""Glyph masks onto an RGB picture, and what the picture is like under a line: the compiled inner loops."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Atlas = tuple[Bytes, Ints, int]  # coverage bytes; rows of first, width, height, left, top; channels of a mask
Placed = tuple[Ints, Ints, Ints]  # by glyph: its row of the atlas, the whole-pixel x and y of its pen
Ink = tuple[np.int32, np.int32, np.int32]

ALPHA, MULTIPLY, SCREEN = 0, 1, 2
BLEND_CODE = {"alpha": ALPHA, "multiply": MULTIPLY, "screen": SCREEN}
TILE_PX = 4


@njit(cache=True)
def blit(canvas: Bytes, atlas: Atlas, placed: Placed, inks: Bytes, style: tuple[np.int32, int]) -> None:
    """Draw n glyphs onto canvas (h, w, 3), contiguous, in place; what lies outside is cut off.

    inks (n, 3); style: (opacity 0..255, blend).
    """
    masks, boxes, channels = atlas
    chosen, px, py = placed
    opacity, blend = style
    height, width = canvas.shape[0], canvas.shape[1]
    flat = canvas.reshape(-1)
    for i in range(len(chosen)):
        start, w, h, left, top = boxes[chosen[i]]
        x0, y0 = px[i] + left, py[i] + top
        ink = (np.int32(inks[i, 0]), np.int32(inks[i, 1]), np.int32(inks[i, 2]))
        first, last = max(0, -x0), min(w, width - x0)
        for row in range(max(0, -y0), min(h, height - y0)):
            source = start + (row * w + first) * channels
            target = ((y0 + row) * width + x0 + first) * 3
            if channels == 1 and blend == ALPHA:
                _row(flat, target, masks, source, last - first, ink, opacity)
            else:
                _blended_row(flat, target, masks, source, last - first, ink, (opacity, blend, channels))


@njit(cache=True, inline="always")
def _row(flat: Bytes, target: int, masks: Bytes, source: int, count: int, ink: Ink, opacity: np.int32) -> None:
    """The common case: one byte of coverage a pixel, plain alpha.

    Pixels without ink are not passed over, they come out as they are: so the compiler takes many at once.
    """
    red, green, blue = ink
    row, pixels = masks[source : source + count], flat[target : target + 3 * count]
    for k in range(count):
        mask = np.int32(row[k])
        weight = np.int32(mask + (mask >> 7)) if opacity == 255 else _weight(mask, opacity)
        rest = np.int32(256) - weight
        pixels[3 * k] = np.uint8((np.int32(pixels[3 * k]) * rest + red * weight + 128) >> 8)
        pixels[3 * k + 1] = np.uint8((np.int32(pixels[3 * k + 1]) * rest + green * weight + 128) >> 8)
        pixels[3 * k + 2] = np.uint8((np.int32(pixels[3 * k + 2]) * rest + blue * weight + 128) >> 8)


@njit(cache=True, inline="always")
def _weight(mask: np.int32, opacity: np.int32) -> np.int32:
    """mask * opacity (each 0..255) as 0..256, so that full ink over anything is the ink."""
    product = mask * opacity
    weight = (product + (product >> 8) + 128) >> 8
    return np.int32(weight + (weight >> 7))


@njit(cache=True)
def _blended_row(
    flat: Bytes,
    target: int,
    masks: Bytes,
    source: int,
    count: int,
    ink: Ink,
    style: tuple[np.int32, int, int],
) -> None:
    """Any blend, grey or LCD masks."""
    opacity, blend, channels = style
    for k in range(count):
        for c in range(3):
            mask = np.int32(masks[source + k * channels + (c if channels == 3 else 0)])
            if mask:
                t = target + 3 * k + c
                ground, over = np.int32(flat[t]), ink[c]
                if blend == MULTIPLY:
                    over = (ground * over + 127) // 255
                elif blend == SCREEN:
                    over = 255 - ((255 - ground) * (255 - over) + 127) // 255
                weight = _weight(mask, opacity)
                flat[t] = np.uint8((ground * (256 - weight) + over * weight + 128) >> 8)


@njit(cache=True)
def shade(mask_canvas: Bytes, atlas: Atlas, placed: Placed) -> None:
    """The same glyphs into a text mask (h, w): the largest coverage at each pixel."""
    masks, boxes, channels = atlas
    chosen, px, py = placed
    height, width = mask_canvas.shape
    for i in range(len(chosen)):
        start, w, h, left, top = boxes[chosen[i]]
        x0, y0 = px[i] + left, py[i] + top
        for row in range(max(0, -y0), min(h, height - y0)):
            for col in range(max(0, -x0), min(w, width - x0)):
                c = start + (row * w + col) * channels + channels // 2
                mask_canvas[y0 + row, x0 + col] = max(mask_canvas[y0 + row, x0 + col], masks[c])


@njit(cache=True)
def ground_under(canvas: Bytes, boxes: Floats, linear: Floats) -> Floats:
    """What the ground is like under boxes (m, 4) of x0, y0, x1, y1 px: (m, 4) float64.

    Columns: luminance (0..1) of the darker and lighter tenth of 4 px tiles, its mean,
    and the standard deviation of luma (0..255). linear (256,): byte to light.
    Every second pixel of every second row is looked at.
    """
    height, width = canvas.shape[0], canvas.shape[1]
    lights = 0.2126 * linear, 0.7152 * linear, 0.0722 * linear
    out = np.zeros((len(boxes), 4))
    tiles = np.empty((width // TILE_PX + 1) * (height // TILE_PX + 1))
    for i in range(len(boxes)):
        x0, y0 = max(0, int(boxes[i, 0])), max(0, int(boxes[i, 1]))
        x1, y1 = min(width, int(np.ceil(boxes[i, 2]))), min(height, int(np.ceil(boxes[i, 3])))
        if x1 > x0 and y1 > y0:
            _ground(canvas, (x0, y0, x1, y1), lights, tiles, out[i])
    return out


@njit(cache=True)
def _ground(
    canvas: Bytes, box: tuple[int, int, int, int], lights: tuple[Floats, Floats, Floats], tiles: Floats, out: Floats
) -> None:
    """One box, within the canvas and not empty, into `out` (4,); `tiles` is room for its tiles."""
    x0, y0, x1, y1 = box
    across = (x1 - x0 + TILE_PX - 1) // TILE_PX
    light, total, square, count, n = 0.0, np.int64(0), np.int64(0), 0, 0
    for top in range(y0, y1, TILE_PX):
        row, num_rows = tiles[n : n + across], 0
        row[:] = 0.0
        for y in range(top, min(top + TILE_PX, y1), 2):
            sums = _add_row(canvas.reshape(-1), (y * canvas.shape[1] + x0) * 3, x1 - x0, lights, row)
            total, square, num_rows = total + sums[0], square + sums[1], num_rows + 1
        for k in range(across):
            seen = num_rows * ((min(TILE_PX, x1 - x0 - k * TILE_PX) + 1) // 2)
            light, count = light + row[k], count + seen
            row[k] /= seen
        n += across
    tenth = n // 10
    out[0], out[1] = _select(tiles[:n], tenth), _select(tiles[:n], n - 1 - tenth)
    out[2] = light / count
    out[3] = np.sqrt(max(0.0, square / count - (total / count) ** 2)) / 1000


@njit(cache=True, inline="always")
def _add_row(
    flat: Bytes, at: int, width: int, lights: tuple[Floats, Floats, Floats], tiles: Floats
) -> tuple[np.int64, np.int64]:
    """Add the light of every second of `width` pixels to its tile; sum and sum of squares of their luma * 1000."""
    red, green, blue = lights
    total, square = np.int64(0), np.int64(0)
    for x in range(0, width, 2):
        r, g, b = flat[at], flat[at + 1], flat[at + 2]
        tiles[x // TILE_PX] += red[r] + green[g] + blue[b]
        luma = 299 * np.int64(r) + 587 * np.int64(g) + 114 * np.int64(b)
        total, square, at = total + luma, square + luma * luma, at + 6
    return total, square


@njit(cache=True)
def _select(values: Floats, k: int) -> float:
    """The k-th smallest of values (n,), which it puts in another order: sorting them takes ten times as long."""
    low, high = 0, len(values) - 1
    while low < high:
        pivot, i, j = values[(low + high) // 2], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        if j < k < i:
            break
        low, high = (low, j) if k <= j else (i, high)
    return float(values[k])


@njit(cache=True)
def look_up(values: Bytes, table: Bytes) -> Bytes:
    """table[values] of (n,) bytes, in less than half the time of OpenCV's LUT on three channels."""
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = table[values[i]]
    return out


@njit(cache=True)
def ink_boxes(
    line_of: Ints, glyph_boxes: NDArray[np.float32], pens: tuple[Floats, Floats], scale: float, num_lines: int
) -> Floats:
    """Smallest box of each line's ink (m, 4) of x0, y0, x1, y1 px, from outlines; inf where it has none."""
    out = np.empty((num_lines, 4))
    out[:, :2], out[:, 2:] = np.inf, -np.inf
    x, y = pens
    for i in range(len(line_of)):
        box, line = glyph_boxes[i], line_of[i]
        if box[2] > box[0]:
            out[line, 0] = min(out[line, 0], x[i] + box[0] * scale)
            out[line, 1] = min(out[line, 1], y[i] - box[3] * scale)
            out[line, 2] = max(out[line, 2], x[i] + box[2] * scale)
            out[line, 3] = max(out[line, 3], y[i] - box[1] * scale)
    return out


@njit(cache=True)
def add_grain(canvas: Bytes, sigma: float, seed: int) -> None:
    """Add nearly normal noise of standard deviation `sigma` (0..255) in place; a pure function of seed.

    A counter through the splitmix64 finaliser: four 16-bit parts summed are close enough to a Gaussian.
    """
    flat = canvas.reshape(-1)
    scale = sigma / (65536.0 * np.sqrt(4.0 / 12.0))
    for i in range(len(flat)):
        z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(i + 1) * np.uint64(0xD1B54A32D192ED03)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        parts = np.float64(z & np.uint64(65535)) + np.float64((z >> np.uint64(16)) & np.uint64(65535))
        parts += np.float64((z >> np.uint64(32)) & np.uint64(65535)) + np.float64(z >> np.uint64(48))
        value = flat[i] + (parts - 131070.0) * scale
        flat[i] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
