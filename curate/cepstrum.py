"""The shape of a blur from the mean log spectrum of tiles: its own spectrum is a factor, so a term of the logarithm.

A shake along a line has zeros at equal steps across that line, which the transform of the log spectrum gathers into
one dip, as far from the middle as the shake is long; a disc out of focus gives a dip all around.
"""

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.tiles import TILE_PX

FIRST_PX, LAST_PX = 4, 28  # lengths that are looked for
NAMES = ("dip_line", "dip_ring", "dip_line_px", "dip_ring_px")
FLOOR = 1e-4


def dips(log_power: NDArray[np.float32]) -> dict[str, float]:
    """Of the (64, 33) mean log power of tiles, by NAMES: the deepest dip under the ring it lies in, in deviations of
    that ring, as a logarithm; how far a whole ring lies under the rings beside it; and where, px."""
    transform = np.fft.irfft2(log_power.astype(np.float64))
    order, ends = _rings()
    middles, lows, spreads = _of_rings(_smooth(transform).ravel()[order], ends)
    line = (middles - lows) / (spreads + FLOOR)
    ring = np.convolve(middles, (0.5, 0, 0.5), "valid") - middles[1:-1]
    deepest, widest = int(line.argmax()), int(ring.argmax())
    places = (np.log(FIRST_PX + deepest), np.log(FIRST_PX + 1 + widest))
    values = (np.log(line[deepest] + 1), np.log(max(ring[widest], 0) + FLOOR), *places)
    return dict(zip(NAMES, map(float, values), strict=True))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights 1 2 1 both ways; the transform repeats itself at its sides."""
    for axis in (0, 1):
        values = (np.roll(values, 1, axis) + 2 * values + np.roll(values, -1, axis)) / 4
    return values


@cache
def _rings() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of one half of the plane, the other being the same, ring by ring; and where each ring ends."""
    lag = np.rint(np.fft.fftfreq(TILE_PX) * TILE_PX)
    down, across = np.meshgrid(lag, lag, indexing="ij")
    radius = np.rint(np.hypot(down, across)).astype(int)
    half = (down > 0) | ((down == 0) & (across > 0))
    places = [np.nonzero((half & (radius == r)).ravel())[0] for r in range(FIRST_PX, LAST_PX + 1)]
    return np.concatenate(places), np.cumsum([len(one) for one in places])


@njit(cache=True)
def _of_rings(values: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """(3, rings) the median of each, its lowest value, and the median distance from the median."""
    found = np.empty((3, len(ends)))
    start = 0
    for ring, end in enumerate(ends):
        part = values[start:end]
        middle = np.median(part)
        found[0, ring], found[1, ring] = middle, part.min()
        found[2, ring] = np.median(np.abs(part - middle))
        start = end
    return found
