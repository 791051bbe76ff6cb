"""The pieces of the autoencoder: norm with SiLU, residual blocks, resampling, skips without parameters."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from train.kernels import kernels_for

EPSILON = 1e-12  # smallest norm of a pixel's channels


class RmsSilu(nn.Module):
    """SiLU of x / rms(x) * gain, the rms over channels: (n, c, h, w) to the same; c gains are its only parameters.

    Keeps its input and one number a pixel for the way back, and computes the rest again there: autograd on the plain
    formula would keep five tensors of the input's size.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if kernels := kernels_for(x):
            return self.around(kernels, x)[1]
        y: Tensor = _RmsSilu.apply(x, self.gain)  # type: ignore[no-untyped-call]
        return y

    def around(self, kernels: Any, x: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x itself, for whoever adds it further on, and the result for x + `bias` (c)."""
        kept, y = kernels.FusedRmsSilu.apply(x, bias, self.gain, EPSILON)
        return kept, y


class _RmsSilu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=_exact(x))
        scale = norm.clamp_min_(EPSILON).reciprocal_().mul_(x.shape[1] ** 0.5)  # 1 / rms
        ctx.save_for_backward(x, gain, scale)
        return _silu_in_place(_scaled(x, scale) * _by_channel(gain, x))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        x, gain, scale = ctx.saved_tensors
        unit = _scaled(x, scale)
        weight = _by_channel(gain, x)
        inner = torch.ops.aten.silu_backward(grads[0], unit * weight)  # with respect to unit * gain
        grad_gain = (inner * unit).sum(dim=(0, 2, 3), dtype=_exact(x))
        inner = inner * weight
        along = (inner * unit).mean(dim=1, keepdim=True, dtype=_exact(x)).to(x.dtype)
        return torch.addcmul(inner, unit, along, value=-1).mul_(scale.to(x.dtype)), grad_gain.to(gain.dtype)


def _exact(x: Tensor) -> torch.dtype:
    """The type in which sums over channels are made: never a half one."""
    return torch.promote_types(x.dtype, torch.float32)


def _scaled(x: Tensor, scale: Tensor) -> Tensor:
    return x * scale.to(x.dtype)


def _by_channel(gain: Tensor, x: Tensor) -> Tensor:
    return gain.to(x.dtype).view(1, -1, 1, 1)


def _silu_in_place(x: Tensor) -> Tensor:
    return functional.silu(x, inplace=True)


class ResidualBlock(nn.Module):
    """x + conv(norm-SiLU(conv(norm-SiLU(x)))), 3x3; a 1x1 convolution on x where the width changes."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.norm1 = RmsSilu(width_in)
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.norm2 = RmsSilu(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, padding=1)
        self.skip = nn.Conv2d(width_in, width_out, 1) if width_in != width_out else nn.Identity()
        self.recompute = False

    def forward(self, x: Tensor) -> Tensor:
        """(n, width_in, h, w) to (n, width_out, h, w). With `recompute` only x is kept for the way back."""
        if self.recompute and torch.is_grad_enabled():
            y: Tensor = checkpoint(self._residual, x, use_reentrant=False)
            return y
        return self._residual(x)

    def _residual(self, x: Tensor) -> Tensor:
        if kernels := kernels_for(x):
            return self._between(kernels, x)
        y: Tensor = self.skip(x) + self.conv2(self.norm2(self.conv1(self.norm1(x))))
        return y

    def _between(self, kernels: Any, x: Tensor) -> Tensor:
        """The same, with biases and sums in the passes that norms make anyway."""
        x, y = self.norm1.around(kernels, x)
        _, y = self.norm2.around(kernels, _without_bias(self.conv1, y), self.conv1.bias)
        y = _without_bias(self.conv2, y)
        bias = self.conv2.bias
        if isinstance(self.skip, nn.Conv2d):
            x, bias = _without_bias(self.skip, x), bias + self.skip.bias  # type: ignore[operator]  # both have one
        z: Tensor = kernels.AddWithBias.apply(x, y, bias)
        return z


def _without_bias(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return functional.conv2d(x, conv.weight, padding=conv.padding)


class Down(nn.Module):
    """Halves height and width, both even: zeros to the right and below, then a 3x3 convolution of stride 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return y


class Up(nn.Module):
    """Doubles height and width: the nearest pixel, then a 3x3 convolution.

    Each pixel of the result sees 2 x 2 of the input's, some of them by several weights. Adding those weights first
    leaves a transposed convolution, 4x4 of stride 2, with 4/9 of the multiplications.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if not _transposes_fast(x):
            with torch.autocast("cuda", enabled=False):  # it would copy pixels as float32
                x = functional.interpolate(x, scale_factor=2, mode="nearest")
            y: Tensor = self.conv(x)
            return y
        kernel = _doubling(_doubling(self.conv.weight).transpose(2, 3)).transpose(2, 3)
        return functional.conv_transpose2d(x, kernel.transpose(0, 1), self.conv.bias, stride=2, padding=1)


def _transposes_fast(x: Tensor) -> bool:
    """Not in float32 on CUDA, where cuDNN takes a second for a small map; by channel it has not been measured. On meta
    tensors operations are counted, as the model is defined."""
    if x.is_meta:
        return False
    return not x.is_cuda or (x.dtype.itemsize == 2 and x.is_contiguous(memory_format=torch.channels_last))


def _doubling(weight: Tensor) -> Tensor:
    """Three rows of a kernel as four: 2, 1 + 2, 0 + 1, 0."""
    a, b, c = weight.unbind(2)
    return torch.stack([c, b + c, a + b, a], 2)


class Level(nn.Module):
    """Residual blocks at one resolution, then Down, Up or nothing; with `skip` what goes in is added to what comes out.

    The skip has no parameters: down, space goes to channels and groups of neighbours are averaged; up, channels are
    duplicated and go to space (the residual autoencoding of DC-AE).
    """

    def __init__(self, width_in: int, width_out: int, num_blocks: int, resample: nn.Module, skip: bool) -> None:
        super().__init__()
        widths = [width_in] + [width_out] * num_blocks
        self.blocks = nn.Sequential(*(ResidualBlock(a, b) for a, b in pairwise(widths)))
        self.resample = resample
        self.width_out, self.skip = width_out, skip

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.resample(self.blocks(x))
        return y if not self.skip else y + self._shortcut(x)

    def _shortcut(self, x: Tensor) -> Tensor:
        if isinstance(self.resample, Down):
            return folded_mean(x, 2, self.width_out)
        if isinstance(self.resample, Up):
            return functional.pixel_shuffle(x.repeat_interleave(4 * self.width_out // x.shape[1], dim=1), 2)
        return folded_mean(x, 1, self.width_out)


def folded_mean(x: Tensor, factor: int, channels: int) -> Tensor:
    """Space to channels by `factor`, then the mean of each group of neighbouring channels.

    (n, c, h, w) to (n, channels, h / factor, w / factor); c * factor**2 is a multiple of channels.
    """
    folded = functional.pixel_unshuffle(x, factor)
    n, _, h, w = folded.shape
    return folded.view(n, channels, -1, h, w).mean(dim=2)
