"""A convolution's bias, added with what its output is added to, or before its ReLU."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from train.kernels.tiles import inside, load_channels, load_map, tiles_of


@triton.jit
def _add(
    x_at: tl.tensor,
    other_at: tl.tensor,
    bias_at: tl.tensor,
    y_at: tl.tensor,
    rows: tl.tensor,
    channels: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * tile
    place, mask, _, column = inside(rows - first, channels, wide, tile)
    x = load_map(x_at + first * channels, place, mask)
    other = load_map(other_at + first * channels, place, mask)
    bias = load_channels(bias_at, column, channels)
    y = x + other + bias[None, :]
    tl.store(y_at + first * channels + place, y.to(y_at.dtype.element_ty), mask=mask)


@triton.jit
def _sum(
    x_at: tl.tensor, sums_at: tl.tensor, rows: tl.tensor, channels: tl.constexpr, wide: tl.constexpr, tile: tl.constexpr
) -> None:
    program, column = tl.program_id(0).to(tl.int64), tl.arange(0, wide)
    sums = tl.zeros((tile, wide), tl.float32)
    for number in range(0, tl.cdiv(rows, tile) - program, tl.num_programs(0)):
        first = (program + number) * tile
        place, mask, _, _ = inside(rows - first, channels, wide, tile)
        sums += load_map(x_at + first * channels, place, mask)
    tl.store(sums_at + program * channels + column, tl.sum(sums, 0), mask=column < channels)


class AddWithBias(torch.autograd.Function):
    """x + other + bias: (n, c, h, w) both, stored by pixel, and (c)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, other: Tensor, bias: Tensor) -> Tensor:
        x, other = (one.contiguous(memory_format=torch.channels_last) for one in (x, other))
        tiles, y = tiles_of(x), torch.empty_like(x)
        with torch.cuda.device_of(x):  # Triton launches on the current device
            _add[(tiles.count,)](x, other, bias, y, tiles.rows, **tiles.made_for)
        ctx.bias_dtype = bias.dtype
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        tiles = tiles_of(grad, looping=True)
        sums = tiles.sums(1, grad)
        with torch.cuda.device_of(grad):
            _sum[(tiles.programs,)](grad, sums, tiles.rows, **tiles.made_for)
        return grad, grad, sums.sum((0, 1)).to(ctx.bias_dtype)


@triton.jit
def _relu(
    x_at: tl.tensor, bias_at: tl.tensor, rows: tl.tensor, channels: tl.constexpr, wide: tl.constexpr, tile: tl.constexpr
) -> None:
    first = tl.program_id(0).to(tl.int64) * tile
    place, mask, _, column = inside(rows - first, channels, wide, tile)
    x = load_map(x_at + first * channels, place, mask)
    bias = load_channels(bias_at, column, channels)
    y = tl.maximum(x + bias[None, :], 0.0, propagate_nan=tl.PropagateNan.ALL)
    tl.store(x_at + first * channels + place, y.to(x_at.dtype.element_ty), mask=mask)


class BiasRelu(torch.autograd.Function):
    """ReLU of x + bias, in place: (n, c, h, w) stored by pixel, and (c), a constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        tiles = tiles_of(x)
        with torch.cuda.device_of(x):
            _relu[(tiles.count,)](x, bias, tiles.rows, **tiles.made_for)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(grads[0], y, 0), None
