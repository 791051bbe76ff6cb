"""A convolution's bias, added with what its output is added to, or before its ReLU."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from train.kernels.tiles import load_channels, load_map, tile_offsets, tiles_of


@triton.jit
def _add(
    x_ptr: tl.tensor,
    other_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    y_ptr: tl.tensor,
    num_rows: tl.tensor,
    channels: tl.constexpr,
    block_channels: tl.constexpr,
    block_rows: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * block_rows
    place, mask, _, column = tile_offsets(num_rows - first, channels, block_channels, block_rows)
    x = load_map(x_ptr + first * channels, place, mask)
    other = load_map(other_ptr + first * channels, place, mask)
    bias = load_channels(bias_ptr, column, channels)
    y = x + other + bias[None, :]
    tl.store(y_ptr + first * channels + place, y.to(y_ptr.dtype.element_ty), mask=mask)


@triton.jit
def _sum(
    x_ptr: tl.tensor,
    sums_ptr: tl.tensor,
    num_rows: tl.tensor,
    channels: tl.constexpr,
    block_channels: tl.constexpr,
    block_rows: tl.constexpr,
) -> None:
    program, column = tl.program_id(0).to(tl.int64), tl.arange(0, block_channels)
    sums = tl.zeros((block_rows, block_channels), tl.float32)
    for number in range(0, tl.cdiv(num_rows, block_rows) - program, tl.num_programs(0)):
        first = (program + number) * block_rows
        place, mask, _, _ = tile_offsets(num_rows - first, channels, block_channels, block_rows)
        sums += load_map(x_ptr + first * channels, place, mask)
    tl.store(sums_ptr + program * channels + column, tl.sum(sums, 0), mask=column < channels)


class AddWithBias(torch.autograd.Function):
    """x + other + bias: (n, c, h, w) both, stored by pixel, and (c)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, other: Tensor, bias: Tensor) -> Tensor:
        x, other = (one.contiguous(memory_format=torch.channels_last) for one in (x, other))
        tiles, y = tiles_of(x), torch.empty_like(x)
        with torch.cuda.device_of(x):  # Triton launches on the current device
            _add[(tiles.count,)](x, other, bias, y, tiles.num_rows, **tiles.constants)
        ctx.bias_dtype = bias.dtype
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        tiles = tiles_of(grad, looping=True)
        sums = tiles.sums(1, grad)
        with torch.cuda.device_of(grad):
            _sum[(tiles.programs,)](grad, sums, tiles.num_rows, **tiles.constants)
        return grad, grad, sums.sum((0, 1)).to(ctx.bias_dtype)


@triton.jit
def _relu(
    x_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    num_rows: tl.tensor,
    channels: tl.constexpr,
    block_channels: tl.constexpr,
    block_rows: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * block_rows
    place, mask, _, column = tile_offsets(num_rows - first, channels, block_channels, block_rows)
    x = load_map(x_ptr + first * channels, place, mask)
    bias = load_channels(bias_ptr, column, channels)
    y = tl.maximum(x + bias[None, :], 0.0, propagate_nan=tl.PropagateNan.ALL)
    tl.store(x_ptr + first * channels + place, y.to(x_ptr.dtype.element_ty), mask=mask)


class BiasRelu(torch.autograd.Function):
    """ReLU of x + bias, in place: (n, c, h, w) stored by pixel, and (c), a constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        tiles = tiles_of(x)
        with torch.cuda.device_of(x):
            _relu[(tiles.count,)](x, bias, tiles.num_rows, **tiles.constants)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(grads[0], y, 0), None
