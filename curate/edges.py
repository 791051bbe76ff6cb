"""How steep the edges of tiles are: their gradient at one scale over that at the next, in four directions."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.picture import Pixels
from curate.tiles import TILE_PX

NUM_DIRECTIONS = 4
MARGIN_PX = 8  # around a tile, for the filters
SIDE_PX = TILE_PX + 2 * MARGIN_PX
MAX_EDGES = 512  # of one direction in a tile
MIN_EDGES = 4
MIN_GRADIENT = 1.5  # luma a px
NOISE_FACTOR = 6.0  # an edge's gradient is at least this many times that of the noise
COARSE_NOISE = 0.056  # what is left of white noise in the coarse gradient


@njit(cache=True)
def edge_ratios(grey: Pixels, top_left: NDArray[np.int64], sigma: float) -> NDArray[np.float32]:
    """(n, 4, 4) a tile and direction of the gradient: fine ratio, middle ratio, mean middle ratio, number of edges.

    Fine: plain differences over those after sigma 1 px; middle: after sigma 1 over after sigma 2.24. Medians
    over the edges; the mean is weighted by the squared gradient. NaN under 4 edges. sigma: the picture's noise,
    levels.
    """
    num_tiles = len(top_left)
    found = np.full((num_tiles, NUM_DIRECTIONS, 4), np.nan, np.float32)
    plain = np.empty((SIDE_PX, SIDE_PX), np.float32)
    middle, coarse, rest = np.empty_like(plain), np.empty_like(plain), np.empty_like(plain)
    size = np.zeros_like(plain)
    values = np.empty((NUM_DIRECTIONS, 3, MAX_EDGES), np.float32)
    counts = np.zeros(NUM_DIRECTIONS, np.int64)
    floor = max(MIN_GRADIENT, NOISE_FACTOR * COARSE_NOISE * sigma)
    for tile in range(num_tiles):
        _load(grey, top_left[tile, 0] - MARGIN_PX, top_left[tile, 1] - MARGIN_PX, plain)
        _smooth(plain, rest, middle, 1)
        _smooth(middle, rest, coarse, 2)
        _sizes(coarse, size)
        counts[:] = 0
        _collect(plain, middle, coarse, size, floor, values, counts)
        for direction in range(NUM_DIRECTIONS):
            count = counts[direction]
            found[tile, direction, 3] = count
            if count >= MIN_EDGES:
                found[tile, direction, 0] = np.median(values[direction, 0, :count])
                found[tile, direction, 1] = np.median(values[direction, 1, :count])
                weights = values[direction, 2, :count]
                found[tile, direction, 2] = (values[direction, 1, :count] * weights).sum() / weights.sum()
    return found


# Inner loops run over slices that start at 0: with x - 1 as an index the compiler must allow for negative ones, and
# then uses no vectors.


@njit(cache=True)
def _load(grey: Pixels, top: int, left: int, plain: NDArray[np.float32]) -> None:
    """A square of the picture; beyond its border the last pixel goes on."""
    height, width = grey.shape
    first, last = max(left, 0), min(left + SIDE_PX, width)
    for y in range(SIDE_PX):
        source = grey[min(max(top + y, 0), height - 1), first:last]
        row = plain[y]
        inside = row[first - left : last - left]
        for x in range(len(source)):
            inside[x] = source[x]
        row[: first - left] = source[0]
        row[last - left :] = source[-1]


@njit(cache=True)
def _smooth(source: NDArray[np.float32], rest: NDArray[np.float32], target: NDArray[np.float32], step: int) -> None:
    """Binomial weights 1 4 6 4 1, `step` px apart: a sigma of `step`. Right but for 2 * step px at the sides."""
    four, six = np.float32(4), np.float32(6)
    reach = 2 * step
    for y in range(SIDE_PX):
        row, inside = source[y], rest[y, reach : SIDE_PX - reach]
        far, near, here = row[: SIDE_PX - 2 * reach], row[step : SIDE_PX - step], row[reach:]
        after, end = row[reach + step :], row[2 * reach :]
        for x in range(len(inside)):
            inside[x] = far[x] + end[x] + four * (near[x] + after[x]) + six * here[x]
        rest[y, :reach] = np.float32(16) * row[0]
        rest[y, SIDE_PX - reach :] = np.float32(16) * row[-1]
    for y in range(SIDE_PX):
        up2, up1 = rest[max(y - reach, 0)], rest[max(y - step, 0)]
        down1, down2 = rest[min(y + step, SIDE_PX - 1)], rest[min(y + reach, SIDE_PX - 1)]
        here, out = rest[y], target[y]
        for x in range(SIDE_PX):
            sums = up2[x] + down2[x] + four * (up1[x] + down1[x]) + six * here[x]
            out[x] = sums * np.float32(1 / 256)


@njit(cache=True)
def _sizes(luma: NDArray[np.float32], size: NDArray[np.float32]) -> None:
    """The squared gradient, of the tile and one px around it."""
    first, count = MARGIN_PX - 1, TILE_PX + 2
    for y in range(first, first + count):
        left, right = luma[y, first - 1 :], luma[y, first + 1 :]
        above, below = luma[y - 1, first:], luma[y + 1, first:]
        out = size[y, first : first + count]
        for x in range(count):
            across, down = right[x] - left[x], below[x] - above[x]
            out[x] = np.float32(0.25) * (across * across + down * down)


@njit(cache=True)
def _collect(
    plain: NDArray[np.float32],
    middle: NDArray[np.float32],
    coarse: NDArray[np.float32],
    size: NDArray[np.float32],
    floor: float,
    values: NDArray[np.float32],
    counts: NDArray[np.int64],
) -> None:
    """The two ratios at each px whose gradient is over the floor and the largest of the nine around it."""
    least = np.float32(floor * floor)
    for y in range(MARGIN_PX, SIDE_PX - MARGIN_PX):
        for x in range(MARGIN_PX, SIDE_PX - MARGIN_PX):
            here = size[y, x]
            if here < least or not _is_top(size, y, x):
                continue
            across = coarse[y, x + 1] - coarse[y, x - 1]
            down = coarse[y + 1, x] - coarse[y - 1, x]
            turn = np.arctan2(down, across) / np.pi * NUM_DIRECTIONS
            direction = int(np.floor(turn + 0.5)) % NUM_DIRECTIONS
            count = counts[direction]
            if count == MAX_EDGES:
                continue
            mid = _along(middle, y, x, across, down)
            values[direction, 0, count] = _along(plain, y, x, across, down) / max(mid, np.float32(1e-3) * here)
            values[direction, 1, count] = mid / (np.float32(4) * here)
            values[direction, 2, count] = here
            counts[direction] = count + 1


@njit(cache=True, inline="always")
def _is_top(size: NDArray[np.float32], y: int, x: int) -> bool:
    here = size[y, x]
    for up in range(-1, 2):
        for left in range(-1, 2):
            if size[y + up, x + left] > here:
                return False
    return True


@njit(cache=True, inline="always")
def _along(luma: NDArray[np.float32], y: int, x: int, across: float, down: float) -> float:
    """The gradient's part along (across, down), twice over and times that vector's length."""
    return (luma[y, x + 1] - luma[y, x - 1]) * across + (luma[y + 1, x] - luma[y - 1, x]) * down  # type: ignore[no-any-return]
