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
    mean_x, mean_y, xx, yy, xy = _blur(torch.stack([x, y, x * x, y * y, x * y]))
    contrast = (2 * (xy - mean_x * mean_y) + C2) / (xx - mean_x**2 + yy - mean_y**2 + C2)
    brightness = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return _figures((brightness * contrast).mean(dim=(1, 2, 3)))


def _blur(maps: Tensor) -> Tensor:
    """Maps (m, n, c, h, w) under the window, without a border."""
    steps = torch.arange(WINDOW_PX, dtype=maps.dtype, device=maps.device) - (WINDOW_PX - 1) / 2
    weights = torch.exp(-(steps**2) / (2 * SIGMA_PX**2))
    flat = maps.reshape(1, -1, *maps.shape[-2:])  # every map a channel: ten times as fast as every map an image
    count = flat.shape[1]
    across = (weights / weights.sum()).view(1, 1, 1, -1).expand(count, 1, 1, -1)
    blurred = conv2d(conv2d(flat, across, groups=count), across.transpose(2, 3), groups=count)
    return blurred.reshape(*maps.shape[:3], *blurred.shape[-2:])


def unit(images: Tensor | Pixels) -> Tensor:
    """Images as float tensors (n, 3, h, w) from 0 to 1."""
    if isinstance(images, Tensor):
        return images.float()
    if images.dtype != np.uint8:
        raise ValueError(f"images are {images.dtype} arrays: give uint8 arrays (n, h, w, 3), or tensors from 0 to 1")
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255


def _pair(a: Tensor | Pixels, b: Tensor | Pixels) -> tuple[Tensor, Tensor]:
    x, y = unit(a), unit(b)
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
    """Spearman's, -1 to 1, equal values sharing their mean rank; nan for fewer than 3 pairs or a constant."""
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
