"""How alike images are, by pixels, with the choices of the official evaluator (piq's PSNR and SSIM); rank correlation.

Images are float tensors (n, 3, h, w) from 0 to 1, on any device, or uint8 arrays (n, h, w, 3). One figure an image.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d

Pixels = NDArray[np.uint8]
Figures = NDArray[np.float64]

MSE_FLOOR = 1e-8  # identical images score 80 dB
WINDOW_PX, SIGMA_PX = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def psnr(a: Tensor | Pixels, b: Tensor | Pixels) -> Figures:
    """Peak signal-to-noise ratio in dB, (n,); 80 for identical images. Raises ValueError for different shapes."""
    x, y = _pair(a, b)
    mse = ((x - y) ** 2).mean(dim=(1, 2, 3))
    return _figures(-10 * torch.log10(mse + MSE_FLOOR))


def ssim(a: Tensor | Pixels, b: Tensor | Pixels) -> Figures:
    """Structural similarity, (n,): a Gaussian window of 11 px, where it fits, over the colours, nothing shrunk before.

    Raises ValueError for different shapes and for images smaller than the window.
    """
    x, y = _pair(a, b)
    if min(x.shape[2:]) < WINDOW_PX:
        raise ValueError(f"images are {x.shape[3]} x {x.shape[2]} px: SSIM needs at least {WINDOW_PX} x {WINDOW_PX}")
    blur = _Window(x)
    mean_x, mean_y = blur(x), blur(y)
    xx, yy, xy = mean_x**2, mean_y**2, mean_x * mean_y
    contrast = (2 * (blur(x * y) - xy) + C2) / ((blur(x**2) - xx) + (blur(y**2) - yy) + C2)
    return _figures(((2 * xy + C1) / (xx + yy + C1) * contrast).mean(dim=(2, 3)).mean(dim=1))


class _Window:
    """The Gaussian window, where it fits. In single precision on flat pages the way of summing shows in the fourth
    decimal: this is piq's, a square kernel for each colour; two passes would be three times as fast, and exacter."""

    def __init__(self, like: Tensor) -> None:
        steps = torch.arange(WINDOW_PX, dtype=like.dtype, device=like.device) - (WINDOW_PX - 1) / 2
        squares = steps**2
        weights = (-(squares[None, :] + squares[:, None]) / (2 * SIGMA_PX**2)).exp()
        self._kernel = (weights / weights.sum()).repeat(like.shape[1], 1, 1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        return conv2d(x, self._kernel, groups=x.shape[1])


def zero_to_one(images: Tensor | Pixels) -> Tensor:
    """Images as float tensors (n, 3, h, w) from 0 to 1; tensors are taken as such. Raises ValueError for arrays that
    are not uint8."""
    if isinstance(images, Tensor):
        return images.float()
    if images.dtype != np.uint8:
        raise ValueError(f"images are {images.dtype} arrays: give uint8 arrays (n, h, w, 3), or tensors from 0 to 1")
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def _pair(a: Tensor | Pixels, b: Tensor | Pixels) -> tuple[Tensor, Tensor]:
    x, y = zero_to_one(a), zero_to_one(b)
    if x.shape != y.shape or x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"images are {tuple(x.shape)} and {tuple(y.shape)}: both need the same (n, 3, h, w)")
    return x, y


def _figures(values: Tensor) -> Figures:
    return values.detach().double().cpu().numpy()


def mean_finite(values: Sequence[float] | Figures) -> float:
    """The mean without what is not finite; nan where nothing is left."""
    kept = [value for value in values if math.isfinite(value)]
    return math.fsum(kept) / len(kept) if kept else math.nan


def standard_error(values: Sequence[float]) -> float:
    """Of the mean; nan for fewer than two values."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else math.nan


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's, -1 to 1, equal values sharing their mean rank; nan for fewer than 3 pairs or a constant.

    Raises ValueError for different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} values, b {len(b)}: they are compared pair by pair")
    ranks = [_ranks(values) for values in (a, b)]
    if len(a) < 3 or any(np.ptp(rank) == 0 for rank in ranks):
        return math.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Sequence[float]) -> Figures:
    _, inverse, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], np.float64)
