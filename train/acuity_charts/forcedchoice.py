"""The forced choice of an eye chart: which of ten characters comes nearest to what became of one of them.

What is seen is explained by each candidate in turn, as least squares fits it: ground and candidate blurred alike, each
stronger or weaker, each colour lighter or darker. Sharpness, contrast and brightness may thus change as they like; what
is left over tells the shapes apart. The least left over is the answer.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.acuity_charts.rows import Chart, Pixels

Floats = NDArray[np.float32]
BLURS_PX = (0.0, 0.6, 1.0, 1.5, 2.2)  # sigmas of Gaussians
CHANCE = 0.1
TIE = 1e-4  # of the squared deviation of what is seen: what rounding makes of equals


class _Fit(NamedTuple):
    """What a chart's targets are fitted with at one blur, less each colour's mean: ground (n, h, w, 3) and what each
    candidate changes (n, 10, h, w, 3); and their products with themselves and each other."""

    ground: Floats
    change: Floats
    ground_squares: Floats
    change_squares: Floats
    shared: Floats


class Choice:
    """The candidates of one chart, made ready once and compared with any number of reconstructions."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._inside = chart.inside[:, None, :, :, None]
        image = chart.image.astype(np.float32)
        drawn = (chart.rendered.astype(np.float32) - chart.under[:, None]) * self._inside
        self._fits = [self._fit(image, drawn, sigma) for sigma in BLURS_PX]

    def _fit(self, image: Floats, drawn: Floats, sigma: float) -> _Fit:
        change = _blurred(drawn, sigma) * self._inside
        truth = change[np.arange(len(change)), self._chart.truth]
        ground = self._centred((self._chart.cells(_blurred(image[None, None], sigma)[0, 0]) - truth)[:, None])[:, 0]
        change = self._centred(change)
        squares = np.maximum(_products(change, change), 1e-6), np.maximum(_products(ground, ground), 1e-6)
        return _Fit(ground, change, squares[1], squares[0], _products(change, ground[:, None]))

    def credits(self, seen: Pixels) -> Floats:
        """For each target 1 where the answer is right, 0 where it is wrong, 1/m where m answers are as good."""
        cells = self._centred(self._chart.cells(seen.astype(np.float32))[:, None])
        spread = np.maximum(_products(cells, cells), 1.0)
        left = np.min([_left_over(cells, spread, fit) for fit in self._fits], axis=0)
        best = left <= left.min(axis=1, keepdims=True) + TIE * spread
        right = best[np.arange(len(left)), self._chart.truth]
        return np.asarray(right / best.sum(axis=1), np.float32)

    def _centred(self, cells: Floats) -> Floats:
        """Cells (n, k, h, w, 3) less each colour's mean over the box; 0 beyond it."""
        mean = cells.sum(axis=(2, 3), keepdims=True) / self._inside.sum(axis=(2, 3), keepdims=True)
        return np.asarray((cells - mean) * self._inside, np.float32)


def _products(first: Floats, second: Floats) -> Floats:
    """Inner products over the last three axes."""
    return np.asarray(np.einsum("...hwc,...hwc->...", first, second, optimize=True), np.float32)


def _left_over(cells: Floats, spread: Floats, fit: _Fit) -> Floats:
    """Squares left over (n, 10) of cells (n, 1, h, w, 3) when ground and a candidate are fitted, each with a factor of
    its own; a candidate's is not below 0: ink never turns into its opposite."""
    with_ground = _products(cells[:, 0], fit.ground)
    share = fit.shared / fit.ground_squares[:, None]
    along = np.maximum(_products(fit.change, cells) - share * with_ground[:, None], 0)
    length = np.maximum(fit.change_squares - share * fit.shared, 1e-3 * fit.change_squares)
    ground = np.square(with_ground) / fit.ground_squares
    return np.asarray(spread - ground[:, None] - np.square(along) / length, np.float32)


def _blurred(pictures: Floats, sigma: float) -> Floats:
    """Pictures (n, k, h, w, 3) under a Gaussian; what lies beyond them counts as 0 for changes, which fit inside."""
    if not sigma:
        return pictures
    across, down = _gaussian(pictures.shape[3], sigma), _gaussian(pictures.shape[2], sigma)
    wide = np.tensordot(pictures, across, axes=([3], [1]))  # (n, k, h, 3, w)
    return np.asarray(np.tensordot(wide, down, axes=([2], [1])).transpose(0, 1, 4, 3, 2), np.float32)


@lru_cache(maxsize=512)
def _gaussian(length: int, sigma: float) -> Floats:
    """The matrix (length, length) that blurs one axis."""
    at = np.arange(length)
    weights = np.exp(-0.5 * np.square((at[:, None] - at) / sigma))
    whole = np.exp(-0.5 * np.square(np.arange(-64, 65) / sigma)).sum()
    return np.asarray(weights / whole, np.float32)
