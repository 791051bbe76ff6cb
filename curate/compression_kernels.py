"""Traces of 8x8 transform coding in luma: the compiled inner loops."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Counts = NDArray[np.int32]

GRID_PX = 8
MAX_JUMP = np.float32(16)  # luma: a coder's steps are small, those of text and brickwork may be large
FREQUENCIES = [(v, u) for v in range(4) for u in range(4 - v)][1:]  # down and across, lowest cosines of a block
NUM_VALUES = 1 + len(FREQUENCIES)
K1, K2, K3, K4, K5, K6, K7 = (np.float32(np.cos(k * np.pi / 16) / 2) for k in range(1, 8))
QUIET = np.float32(4)  # luma: added to what a jump is divided by, so that flat places do not decide alone


@njit(cache=True)
def jumps(grey: Bytes, profile: Floats) -> None:
    """How much more luma jumps from a pixel to the next than just before and after, over how much it does there;
    mean over the picture by column (profile[0]) and by row (profile[1]), modulo 8, of the pixel before the jump.

    grey: (h, w) contiguous, 16 px or more a side; one band of 8 rows in four is read. profile: (2, 8) zeros.
    """
    height, width = grey.shape
    columns = np.zeros(width, np.float32)
    num_bands = 0
    for top in range(0, height - GRID_PX - 2, 4 * GRID_PX):
        for y in range(top + 1, top + 1 + GRID_PX):
            total = _down(grey[y - 1], grey[y], grey[y + 1], grey[y + 2])
            profile[1, y % GRID_PX] += total / width
            _across(grey[y], columns)
        num_bands += 1
    for x in range(1, width - 2):
        profile[0, x % GRID_PX] += columns[x] / (width / GRID_PX) / (GRID_PX * num_bands)
    profile[1] /= num_bands


@njit(cache=True, fastmath=True)
def _down(before: Bytes, here: Bytes, there: Bytes, after: Bytes) -> np.float32:
    total = np.float32(0)
    for x in range(len(here)):
        total += _jump(before[x], here[x], there[x], after[x])
    return total


@njit(cache=True, fastmath=True)
def _across(line: Bytes, columns: Floats) -> None:
    for x in range(1, len(line) - 2):
        columns[x] += _jump(line[x - 1], line[x], line[x + 1], line[x + 2])


@njit(cache=True, inline="always")
def _jump(a: np.uint8, b: np.uint8, c: np.uint8, d: np.uint8) -> np.float32:
    here = np.float32(abs(np.int32(c) - np.int32(b)))
    around = np.float32(abs(np.int32(b) - np.int32(a)) + abs(np.int32(d) - np.int32(c)))
    more = min(MAX_JUMP, max(-MAX_JUMP, here - np.float32(0.5) * around))
    return more / (around + QUIET)


@njit(cache=True)
def count_coefficients(grey: Bytes, origin: tuple[int, int, int], counts: Counts) -> None:
    """Histograms of the size of low cosine coefficients over the 8x8 blocks of a grid.

    origin: top and left of the grid (0 to 7), and how many rows of blocks to go on by. counts: (10, bins) zeros, by
    half levels; the first row is of how the mean changes from each block to the next, then come the frequencies
    FREQUENCIES. Larger sizes are left out.
    """
    top, left, stride = origin
    bands = np.empty((4, grey.shape[1]), np.float32)
    values = np.zeros(NUM_VALUES, np.float32)
    for y in range(top, grey.shape[0] - GRID_PX + 1, stride * GRID_PX):
        _transform_down(grey[y : y + GRID_PX], bands)
        last = np.float32(0)
        for x in range(left, grey.shape[1] - GRID_PX + 1, GRID_PX):
            _transform_across(bands, x, values)
            mean, values[0] = values[0], values[0] - last
            last = mean
            if x > left:
                _count(values, counts)


@njit(cache=True, fastmath=True)
def _transform_down(rows: Bytes, bands: Floats) -> None:
    """The four lowest cosine frequencies of each column of 8 px."""
    for x in range(rows.shape[1]):
        a, h = np.float32(rows[0, x]), np.float32(rows[7, x])
        b, g = np.float32(rows[1, x]), np.float32(rows[6, x])
        c, f = np.float32(rows[2, x]), np.float32(rows[5, x])
        d, e = np.float32(rows[3, x]), np.float32(rows[4, x])
        bands[0, x] = K4 * (a + b + c + d + e + f + g + h)
        bands[1, x] = K1 * (a - h) + K3 * (b - g) + K5 * (c - f) + K7 * (d - e)
        bands[2, x] = K2 * (a + h - d - e) + K6 * (b + g - c - f)
        bands[3, x] = K3 * (a - h) - K7 * (b - g) - K1 * (c - f) - K5 * (d - e)


@njit(cache=True, fastmath=True)
def _transform_across(bands: Floats, x: int, values: Floats) -> None:
    """Of the block at x: the mean times 8, then FREQUENCIES."""
    place = 0
    for v in range(4):
        a, b, c, d, e, f, g, h = (bands[v, x], bands[v, x + 1], bands[v, x + 2], bands[v, x + 3],
                                  bands[v, x + 4], bands[v, x + 5], bands[v, x + 6], bands[v, x + 7])  # fmt: skip
        values[place] = K4 * (a + b + c + d + e + f + g + h)
        if v < 3:
            values[place + 1] = K1 * (a - h) + K3 * (b - g) + K5 * (c - f) + K7 * (d - e)
        if v < 2:
            values[place + 2] = K2 * (a + h - d - e) + K6 * (b + g - c - f)
        if v < 1:
            values[place + 3] = K3 * (a - h) - K7 * (b - g) - K1 * (c - f) - K5 * (d - e)
        place += 4 - v


@njit(cache=True, inline="always")
def _count(values: Floats, counts: Counts) -> None:
    for row in range(len(values)):
        size = int(np.float32(2) * abs(values[row]) + np.float32(0.5))
        if size < counts.shape[1]:
            counts[row, size] += 1
