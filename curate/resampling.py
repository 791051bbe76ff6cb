"""Traces of resampling: the interpolation of an enlarged picture has a period, and keeps it when it is sharpened.

Between two pixels of the small picture every interpolation is smooth, at each of them it bends: the size of a
third difference rises and falls once a pixel of the small picture, in every row and column at the same places,
whatever the picture shows. (The third, not the second: doubling puts pixels to both sides of the old ones alike,
and a difference that is even shows nothing of it.)
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.picture import Pixels

STRIPE_PX, MAX_STRIPES = 16, 16  # a profile sums so many stripes of so many lines, evenly spread
CAP = 12  # levels: so that edges do not outbid the rest
SMOOTH_PX = 15  # longer waves of a profile are content
BLOCK_BINS = 32  # of a spectrum, whose median is its background
RANGES = ((0.15, 0.31), (0.31, 0.41), (0.41, 0.5))  # cycles a px, in which a peak is looked for
GRID = np.linspace(RANGES[0][0], RANGES[-1][1], 701)[:-1]
BLOCK_PX, NEAR_BINS = 8, 3  # JPEG's blocks: so near their frequencies no peak counts
COMB_NAMES = (*(f"comb_{i}" for i in range(len(RANGES))), "comb_one_axis", "comb_half", "comb_grid")


def profiles(grey: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean size of the third difference along rows at each x, and along columns at each y; capped, levels."""
    return _along_rows(grey, _starts(grey.shape[0])), _along_columns(grey, _starts(grey.shape[1]))


def _starts(side: int) -> NDArray[np.int64]:
    count = min(MAX_STRIPES, side // STRIPE_PX)
    return np.arange(count) * (side - STRIPE_PX) // max(1, count - 1)


# Slices that start at 0, as in `edges`: the compiler then uses vectors.


@njit(cache=True)
def _along_rows(grey: Pixels, starts: NDArray[np.int64]) -> NDArray[np.float32]:
    count = grey.shape[1] - 3
    total = np.zeros(count, np.int32)
    for start in starts:
        for y in range(start, start + STRIPE_PX):
            row = grey[y]
            one, two, three = row[1:], row[2:], row[3:]
            for x in range(count):
                bend = np.int16(three[x]) - np.int16(row[x]) - np.int16(3) * (np.int16(two[x]) - np.int16(one[x]))
                total[x] += min(max(bend, -bend), np.int16(CAP))
    return total.astype(np.float32) / np.float32(len(starts) * STRIPE_PX)


@njit(cache=True)
def _along_columns(grey: Pixels, starts: NDArray[np.int64]) -> NDArray[np.float32]:
    count = grey.shape[0] - 3
    found = np.zeros(count, np.float32)
    for y in range(count):
        total = np.int32(0)
        for start in starts:
            zero, one = grey[y, start : start + STRIPE_PX], grey[y + 1, start : start + STRIPE_PX]
            two, three = grey[y + 2, start : start + STRIPE_PX], grey[y + 3, start : start + STRIPE_PX]
            for x in range(STRIPE_PX):
                bend = np.int16(three[x]) - np.int16(zero[x]) - np.int16(3) * (np.int16(two[x]) - np.int16(one[x]))
                total += min(max(bend, -bend), np.int16(CAP))
        found[y] = np.float32(total) / np.float32(len(starts) * STRIPE_PX)
    return found


def comb(across: NDArray[np.float32], down: NDArray[np.float32]) -> dict[str, float]:
    """Logarithms of how far the profiles' spectra stand out of their background, by COMB_NAMES.

    In each range the highest frequency-by-frequency minimum of the two axes, which are resampled alike; the highest
    of one axis alone; at a half, where doubling shows; and at odd eighths, where JPEG's blocks do.
    """
    spectra = [_relief(profile) for profile in (across, down)]
    both = np.minimum(*(_on_grid(log, profile) for log, profile in zip(spectra, (across, down), strict=True)))
    one = max(float(_off_blocks(log, len(p)).max()) for log, p in zip(spectra, (across, down), strict=True))
    ends = np.searchsorted(GRID, RANGES)
    peaks = [float(both[first:last].max()) for first, last in ends]
    half = min(_at(log, 0.5) for log in spectra)
    blocks = min((_at(log, 0.125) + _at(log, 0.375)) / 2 for log in spectra)
    return dict(zip(COMB_NAMES, (*peaks, one, half, blocks), strict=True))


def _relief(profile: NDArray[np.float32]) -> NDArray[np.float64]:
    """The power of a profile's logarithm over its background, the highest of three bins, as a logarithm."""
    log = np.log(profile.astype(np.float64) + 0.05)
    reach = SMOOTH_PX // 2
    log -= np.convolve(np.pad(log, reach, mode="edge"), np.full(SMOOTH_PX, 1 / SMOOTH_PX), "valid")
    power = np.abs(np.fft.rfft(log * np.hanning(len(log)))) ** 2
    power = np.maximum(power, 1e-12)
    num_blocks = max(1, len(power) // BLOCK_BINS)
    middles = np.median(power[: num_blocks * BLOCK_BINS].reshape(num_blocks, -1), axis=1)
    ground = middles[np.minimum(np.arange(len(power)) // BLOCK_BINS, num_blocks - 1)]
    relief = power / ground
    padded = np.pad(relief, 1, mode="edge")
    return np.log(np.maximum(relief, np.maximum(padded[:-2], padded[2:])) + 0.1)  # type: ignore[no-any-return]


def _off_blocks(log: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Without the bins about the frequencies of JPEG's blocks, and those under all ranges."""
    place = np.arange(len(log)) / length * BLOCK_PX
    near = np.abs(place - np.rint(place)) / BLOCK_PX < NEAR_BINS / length
    return np.where(near | (place < RANGES[0][0] * BLOCK_PX), 0.0, log)


def _on_grid(log: NDArray[np.float64], profile: NDArray[np.float32]) -> NDArray[np.float64]:
    kept = _off_blocks(log, len(profile))
    return kept[np.minimum(np.rint(GRID * len(profile)).astype(int), len(kept) - 1)]  # type: ignore[no-any-return]


def _at(log: NDArray[np.float64], frequency: float) -> float:
    return float(log[min(round(frequency * 2 * (len(log) - 1)), len(log) - 1)])
