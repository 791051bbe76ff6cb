"""Where a picture is measured closely: in each cell of a coarse grid the 64 px tile with the most detail."""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.picture import Pixels

TILE_PX = 64
MAX_CELLS = 8  # a side: 64 tiles at most, however large the picture
REDUCTION = 4  # detail is looked for at a quarter of the size, where blur and noise hardly count
CAP = 900  # levels squared: 30 from one px of the reduced picture to the next
STEP_PX = 16  # tiles start at multiples of this in their cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """The chosen tiles, row by row of the grid."""

    top_left: NDArray[np.int64]  # (n, 2) y and x, px
    centrality: NDArray[np.float32]  # (n,) 1 in the middle of the picture to 0 at its corners


def choose_tiles(grey: Pixels) -> Tiles | None:
    """One tile a cell of a grid of at most 8 by 8; None for a picture with a side under 64 px."""
    height, width = grey.shape
    if min(height, width) < TILE_PX:
        return None
    rows, columns = (min(MAX_CELLS, side // TILE_PX) for side in (height, width))
    detail = _detail(_quarter(grey), STEP_PX // REDUCTION)
    top_left = _richest(detail, height, width, rows, columns)
    middle = (top_left + TILE_PX / 2) / np.array([height, width]) - 0.5
    centrality = np.clip(1 - np.hypot(middle[:, 0], middle[:, 1]) / 0.6, 0, 1)
    return Tiles(top_left=top_left, centrality=centrality.astype(np.float32))


def _quarter(grey: Pixels) -> Pixels:
    size = (grey.shape[1] // REDUCTION, grey.shape[0] // REDUCTION)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


@njit(cache=True)
def _detail(small: Pixels, block: int) -> NDArray[np.float32]:
    """The squared gradient of each block of the reduced picture, summed; each difference capped, so that one
    hard outline does not outbid a tile full of texture."""
    height, width = small.shape
    found = np.zeros((height // block, width // block), np.float32)
    line = np.empty(width, np.int32)
    for y in range(found.shape[0] * block):
        here, below = small[y], small[min(y + 1, height - 1)]
        right = here[1:]
        for x in range(width - 1):
            across, down = np.int32(right[x]) - np.int32(here[x]), np.int32(below[x]) - np.int32(here[x])
            line[x] = min(across * across + down * down, CAP)  # type: ignore[call-overload]
        line[width - 1] = 0
        for column in range(found.shape[1]):
            found[y // block, column] += line[column * block : (column + 1) * block].sum()
    return found


@njit(cache=True)
def _richest(detail: NDArray[np.float32], height: int, width: int, rows: int, columns: int) -> NDArray[np.int64]:
    chosen = np.zeros((rows * columns, 2), np.int64)
    for row in range(rows):
        for column in range(columns):
            top, left = row * height // rows, column * width // columns
            last_top = max(top, (row + 1) * height // rows - TILE_PX)
            last_left = max(left, (column + 1) * width // columns - TILE_PX)
            best = np.float32(-1)
            for y in range(top, last_top + 1, STEP_PX):
                for x in range(left, last_left + 1, STEP_PX):
                    block_y, block_x = y // STEP_PX, x // STEP_PX
                    here = detail[block_y : block_y + 4, block_x : block_x + 4].sum()
                    if here > best:
                        best = here
                        chosen[row * columns + column] = y, x
    return chosen
