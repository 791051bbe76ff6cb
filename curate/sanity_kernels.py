"""One pass over the luma: histogram, flat blocks, and the span and mean of every row and column."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]

BLOCK_PX = 8
NUM_LANES = 4  # histograms side by side: pixels of one level in a row do not wait for each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """histogram (256,); rows (h, 3) and columns (w, 3): lowest luma, highest luma, sum of luma."""

    histogram: Counts
    rows: Counts
    columns: Counts
    num_flat: int
    num_blocks: int


def survey(grey: Bytes, flat_levels: int) -> Survey:
    """grey: (h, w) uint8. A block (8x8 px, smaller at the right and lower edge) is flat where its luma spans at
    most flat_levels."""
    height, width = grey.shape
    histogram, rows, columns = np.zeros((NUM_LANES, 256), np.int64), _lines(height), _lines(width)
    num_flat = _survey(np.ascontiguousarray(grey), flat_levels, (histogram, rows, columns))
    num_blocks = -(-height // BLOCK_PX) * -(-width // BLOCK_PX)
    return Survey(histogram=histogram.sum(0), rows=rows, columns=columns, num_flat=num_flat, num_blocks=num_blocks)


def _lines(count: int) -> Counts:
    lines = np.zeros((count, 3), np.int64)
    lines[:, 0] = 255
    return lines


@njit(cache=True)
def _survey(grey: Bytes, flat_levels: int, out: tuple[Counts, Counts, Counts]) -> int:
    histogram, rows, columns = out
    height, width = grey.shape
    low, high, total = np.empty(width, np.uint8), np.empty(width, np.uint8), np.empty(width, np.uint16)
    num_flat = 0
    for top in range(0, height, BLOCK_PX):
        low[:] = 255
        high[:] = 0
        total[:] = 0
        for y in range(top, min(top + BLOCK_PX, height)):
            _row(grey[y], (low, high, total), rows[y])
            _count(grey[y], histogram)
        for x in range(width):
            columns[x, 0] = min(columns[x, 0], np.int64(low[x]))
            columns[x, 1] = max(columns[x, 1], np.int64(high[x]))
            columns[x, 2] += np.int64(total[x])
        num_flat += _num_flat(low, high, flat_levels)
    return num_flat


@njit(cache=True)
def _row(line: Bytes, strip: tuple[Bytes, Bytes, NDArray[np.uint16]], row: Counts) -> None:
    low, high, total = strip
    least, most, added = np.uint8(255), np.uint8(0), np.int32(0)
    for x in range(len(line)):
        value = line[x]
        low[x] = min(low[x], value)
        high[x] = max(high[x], value)
        total[x] += value
        least = min(least, value)
        most = max(most, value)
        added += np.int32(value)
    row[0], row[1], row[2] = least, most, added


@njit(cache=True)
def _count(line: Bytes, histogram: Counts) -> None:
    whole = len(line) - len(line) % NUM_LANES
    for x in range(0, whole, NUM_LANES):
        for lane in range(NUM_LANES):
            histogram[lane, line[x + lane]] += 1
    for x in range(whole, len(line)):
        histogram[0, line[x]] += 1


@njit(cache=True)
def _num_flat(low: Bytes, high: Bytes, flat_levels: int) -> int:
    count = 0
    for left in range(0, len(low), BLOCK_PX):
        least, most = low[left], high[left]
        for x in range(left + 1, min(left + BLOCK_PX, len(low))):
            least, most = min(least, low[x]), max(most, high[x])
        if np.int32(most) - np.int32(least) <= flat_levels:
            count += 1
    return count
