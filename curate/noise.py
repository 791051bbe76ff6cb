"""How noisy a picture is, and how coarse the grain: what no smooth surface explains, in its quietest blocks."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.picture import Pixels

BLOCK_PX = 16
REACH_PX = 2  # of the wider mask, around a block
QUIET = 0.1  # the share of blocks that speaks: the quietest are flat, not textured
CALM = 0.3  # the share that tells the grain: some skies show nothing at all
CLIPPED = 4  # levels from black or white: noise there is cut off
MEAN_TO_SIGMA = 1.2533 / 6  # of a normal deviate's mean size; 6 is the norm of the mask
QUIETEST_BIAS = 1.12  # white noise over what its quietest blocks show
LEAST = 0.05  # levels, so that grain is defined without noise


def noise_and_grain(grey: Pixels) -> tuple[float, float]:
    """The noise's deviation in levels of 255, 0 for none; and its coarseness: 1 for white, more for blurred.

    Immerkaer's mask, the second difference of second differences, with its nine points 1 and 2 px apart: white
    noise answers both alike, blurred or enlarged noise the wider one more.
    """
    blocks = _residuals(grey)
    seen = blocks[blocks[:, 0] >= 0]
    if not len(seen):
        return 0.0, 1.0
    sorted_blocks = seen[np.argsort(seen.sum(axis=1), kind="stable")]
    noise = float(QUIETEST_BIAS * sorted_blocks[: 1 + int(QUIET * len(seen)), 0].mean())
    near, wide = sorted_blocks[: 1 + int(CALM * len(seen))].mean(axis=0)
    return noise, float((wide + LEAST) / (near + LEAST))


@njit(cache=True)
def _residuals(grey: Pixels) -> NDArray[np.float32]:
    """(n, 2) the mean answer to the two masks of each block of 16 px, as a deviation; -1 for a clipped block.

    Of every second row of blocks: noise is everywhere.
    """
    height, width = grey.shape
    rows = max((height - 2 * REACH_PX) // BLOCK_PX + 1, 0) // 2
    columns = max((width - 2 * REACH_PX) // BLOCK_PX, 0)
    found = np.empty((rows * columns, 2), np.float32)
    sums = np.empty((3, width), np.int32)
    second, answer = np.empty(width, np.int16), np.zeros(width, np.int16)
    for row in range(rows):
        sums[:] = 0
        top = 2 * row * BLOCK_PX + REACH_PX
        for y in range(top, top + BLOCK_PX):
            for mask in range(2):
                _answer(grey[y - mask - 1], grey[y], grey[y + mask + 1], mask + 1, second, answer)
                _add(answer, sums[mask])
            _add(grey[y], sums[2])
        for column in range(columns):
            block = sums[:, column * BLOCK_PX + REACH_PX : (column + 1) * BLOCK_PX + REACH_PX]
            mean = block[2].sum() / BLOCK_PX**2
            clipped = mean < CLIPPED or mean > 255 - CLIPPED
            for mask in range(2):
                scaled = MEAN_TO_SIGMA / BLOCK_PX**2 * block[mask].sum()
                found[row * columns + column, mask] = -1.0 if clipped else scaled
    return found


@njit(cache=True)
def _answer(
    above: NDArray[np.uint8],
    here: NDArray[np.uint8],
    below: NDArray[np.uint8],
    step: int,
    second: NDArray[np.int16],
    answer: NDArray[np.int16],
) -> None:
    """The size of the mask's answer along one line, its points `step` px apart."""
    width = len(here)
    for x in range(width):
        second[x] = np.int16(above[x]) + np.int16(below[x]) - np.int16(2) * np.int16(here[x])
    # Slices that all start at 0: the compiler then needs no check for negative indices, and uses vectors.
    left, middle, right = second[: width - 2 * step], second[step : width - step], second[2 * step :]
    inner = answer[step : width - step]
    for x in range(width - 2 * step):
        value = left[x] + right[x] - np.int16(2) * middle[x]
        inner[x] = max(value, -value)


@njit(cache=True)
def _add(line: NDArray[np.int16], sums: NDArray[np.int32]) -> None:
    for x in range(len(sums)):
        sums[x] += line[x]
