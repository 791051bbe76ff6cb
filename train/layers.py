"""The pieces of the autoencoder: norm with SiLU, residual blocks, resampling, skips without parameters."""

import os
import shutil
import warnings
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

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
        y: Tensor
        if not torch.compiler.is_compiling() and _suits(x) and (fused := _fused()):
            y = fused.apply(x, self.gain, EPSILON)
        else:
            y = _RmsSilu.apply(x, self.gain)  # type: ignore[no-untyped-call]
        return y


def _suits(x: Tensor) -> bool:
    """Whether the kernels take it: on CUDA, by pixel, no more exact than their float32."""
    by_pixel = x.is_contiguous(memory_format=torch.channels_last)
    return x.is_cuda and by_pixel and x.dtype != torch.float64 and _can_launch(x.device)


@cache
def _can_launch(device: torch.device) -> bool:
    """What Triton needs: a C compiler, for its first launch, and compute capability 7."""
    if torch.cuda.get_device_capability(device) < (7, 0):
        return False
    if not any(map(shutil.which, filter(None, (os.environ.get("CC"), "cc", "gcc", "clang")))):
        warnings.warn("no C compiler (gcc) for Triton: training is a quarter slower without", stacklevel=2)
        return False
    return True


@cache
def _fused() -> Any:
    """The same in one Triton kernel each way; None where this torch comes without Triton."""
    try:
        from train.fused import FusedRmsSilu
    except ImportError:
        return None
    return FusedRmsSilu


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
        y: Tensor = self.skip(x) + self.conv2(self.norm2(self.conv1(self.norm1(x))))
        return y


class Down(nn.Module):
    """Halves height and width, both even: zeros to the right and below, then a 3x3 convolution of stride 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return y


class Up(nn.Module):
    """Doubles height and width: the nearest pixel, then a 3x3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cuda", enabled=False):  # it would copy pixels as float32
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
        y: Tensor = self.conv(x)
        return y


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
