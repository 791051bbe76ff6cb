"""How coarsely a picture was once quantised in 8x8 blocks, from its pixels alone, wherever the grid lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from curate.compression_kernels import FREQUENCIES, GRID_PX, NUM_VALUES, count_coefficients, jumps
from curate.jpegfile import LUMA
from curate.picture import Pixels

Floats = NDArray[np.float32]

MIN_SIDE_PX = 64
NUM_BLOCKS = (2400, 800, 800, 800, 800, 800)  # about so many are looked at on each grid, the likeliest first
STEEPEST = 2  # lines of the grid tried in each direction
CONTROLS = ((4, 4), (3, 5))  # px from the likeliest grid: grids on which a coder leaves nothing

NUM_BINS = 640  # of half a level: coefficients up to 320
STEPS = np.geomspace(2.5, 120, 120)  # luma levels of a coefficient
AT_50 = LUMA[49][[0, *(8 * down + across for down, across in FREQUENCIES)]]  # steps of JPEG quality 50: the unit

PRIOR = 8  # coefficients that speak against any step: few others prove nothing
MIN_MATCH, MIN_SIGMAS = 0.4, 4.0  # of a comb, and over chance
NEAR_BEST = 0.8  # the largest step about as good as the best: its half and third match as well
SPREAD = 1.6  # encoders' tables differ in shape: steps over those at quality 50 agree within this factor
MIN_AGREEING = 3
FEW_LEVELS = 32  # a drawing of so few luma levels went through no lossy coder; its sums are multiples of one too
OVER_CONTROLS = 2.0  # content that repeats itself matches on every grid, a smooth coded picture with smaller steps


def _combs() -> tuple[Floats, Floats]:
    """(bins, steps): how well a coefficient of a bin is a multiple of a step, 1 to -1, and whether it counts.
    Sizes from a third of the step count: coefficients spread smoothly then sum to less than 0, and those of a
    coded picture, which round to zero, stay out."""
    sizes = np.arange(NUM_BINS)[:, None] / 2
    counts = sizes >= STEPS / 3
    match = np.cos(2 * np.pi * sizes / STEPS) * counts
    return match.astype(np.float32), counts.astype(np.float32)


MATCH, COUNTED = _combs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """coarseness: of the quantisation, 0 where none is found; steps: how much luma jumps on the likeliest grid."""

    coarseness: float
    steps: float


def blocks(grey: Pixels) -> Blocks | None:
    """What 8x8 coding has left in a picture; None where it is under 64 px a side. grey: (h, w) uint8.

    The grid is looked for where luma jumps; there, the low cosine coefficients of a coded picture are multiples of
    a step, in whatever content, and nearly so after cropping and saving again at a higher quality. The coarsest
    quantisation found is in units of that of JPEG quality 50: .16 is quality 92, .5 quality 75, 1 quality 50, 1.7
    quality 30, 5 quality 10. Resizing removes all trace; a change of tones hides the quantisation, not the jumps.
    """
    if min(grey.shape) < MIN_SIDE_PX:
        return None
    grey = np.ascontiguousarray(grey)
    profile = np.zeros((2, GRID_PX), np.float32)
    jumps(grey, profile)
    few = np.count_nonzero(np.bincount(grey[:: GRID_PX // 2].ravel(), minlength=256)) <= FEW_LEVELS
    coarseness = 0.0 if few else _strongest(_count(grey, _likely_grids(profile)))
    return Blocks(coarseness=coarseness, steps=_steps(profile))


def _likely_grids(profile: Floats) -> list[tuple[int, int]]:
    """Top and left, 0 to 7, of the grids on whose lines luma jumps most, the likeliest first; then of the controls."""
    left, top = ((np.argsort(-line)[:STEEPEST] + 1) % GRID_PX for line in profile)
    grids = list(product(top.tolist(), left.tolist()))
    return grids + [((grids[0][0] + down) % GRID_PX, (grids[0][1] + across) % GRID_PX) for down, across in CONTROLS]


def _steps(profile: Floats) -> float:
    """Over both directions, the highest of the profile over the second: content makes them alike."""
    ordered = np.sort(profile, axis=1)
    return float((ordered[:, -1] - ordered[:, -2]).sum())


def _count(grey: Pixels, grids: Sequence[tuple[int, int]]) -> Floats:
    """(grids, values, bins): how often coefficients have each size."""
    counts = np.zeros((len(NUM_BLOCKS), NUM_VALUES, NUM_BINS), np.int32)
    for (top, left), num_blocks, out in zip(grids, NUM_BLOCKS, counts, strict=True):
        stride = max(1, grey.size // GRID_PX**2 // num_blocks)
        count_coefficients(grey, (top, left, stride), out)
    return counts.astype(np.float32)


def _strongest(counts: Floats) -> float:
    """The coarsest quantisation of all grids."""
    rows = counts.reshape(-1, NUM_BINS)
    match, num = ((rows @ table).reshape(len(counts), NUM_VALUES, -1) for table in (MATCH, COUNTED))
    share = match / (num + PRIOR)
    sure = (share >= MIN_MATCH) & (match >= MIN_SIGMAS * np.sqrt(num / 2))
    found = [_ratios(*grid) for grid in zip(share, num, sure, strict=True)]
    best = max(_middle(*grid) if _agree(*grid) else 0.0 for grid in found[: -len(CONTROLS)])
    return best if best >= OVER_CONTROLS * min(_middle(*grid) for grid in found[-len(CONTROLS) :]) else 0.0


def _ratios(share: Floats, num: Floats, sure: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Steps found on one grid over those at quality 50, and their weights; from (values, steps): how well
    coefficients match, how many count, whether that is no chance."""
    rows = np.flatnonzero(sure.any(1))
    steps = np.array([_largest(share[row]) for row in rows], np.int64)
    rows, steps = rows[sure[rows, steps]], steps[sure[rows, steps]]
    return STEPS[steps] / AT_50[rows], share[rows, steps] * np.sqrt(num[rows, steps])


def _largest(share: Floats) -> int:
    """The largest of the steps that match about as well as the best."""
    framed = np.pad(share, 1, constant_values=-1)
    peaks = (share >= framed[:-2]) & (share > framed[2:])
    return int(np.flatnonzero(peaks & (share >= NEAR_BEST * share.max()))[-1])


def _middle(ratios: Floats, weights: Floats) -> float:
    """Weighted median; 0 of too few."""
    if len(ratios) < MIN_AGREEING:
        return 0.0
    order = np.argsort(ratios)
    total = weights[order].cumsum()
    return float(ratios[order][np.searchsorted(total, total[-1] / 2)])


def _agree(ratios: Floats, weights: Floats) -> bool:
    """Whether enough values have steps near the median's."""
    middle = _middle(ratios, weights)
    return middle > 0 and bool((np.abs(np.log(ratios / middle)) <= np.log(SPREAD)).sum() >= MIN_AGREEING)
