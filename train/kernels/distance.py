"""The distance of two maps of features, as LPIPS takes it, without any of the tensors in between."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from train.kernels.tiles import load_channels, load_map, tile_offsets, tiles_of


@triton.jit
def _compared(x: tl.tensor, other: tl.tensor, epsilon: tl.tensor) -> tuple[tl.tensor, tl.tensor]:
    """The lengths of x over channels, and what x and other differ by once both have unit length."""
    length = tl.sqrt(tl.sum(x * x, 1))
    gap = x / (length + epsilon)[:, None] - other / (tl.sqrt(tl.sum(other * other, 1)) + epsilon)[:, None]
    return length, gap


@triton.jit
def _forward(
    x_ptr: tl.tensor,
    other_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    y_ptr: tl.tensor,
    num_rows: tl.tensor,
    epsilon: tl.tensor,
    channels: tl.constexpr,
    block_channels: tl.constexpr,
    block_rows: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * block_rows
    place, mask, row, column = tile_offsets(num_rows - first, channels, block_channels, block_rows)
    x = load_map(x_ptr + first * channels, place, mask)
    other = load_map(other_ptr + first * channels, place, mask)
    weight = load_channels(weight_ptr, column, channels)
    _, gap = _compared(x, other, epsilon)
    tl.store(y_ptr + first + row, tl.sum(gap * gap * weight[None, :], 1), mask=row < num_rows - first)


@triton.jit
def _backward(
    grad_ptr: tl.tensor,
    x_ptr: tl.tensor,
    other_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    out_ptr: tl.tensor,
    num_rows: tl.tensor,
    epsilon: tl.tensor,
    channels: tl.constexpr,
    block_channels: tl.constexpr,
    block_rows: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * block_rows
    place, mask, row, column = tile_offsets(num_rows - first, channels, block_channels, block_rows)
    x = load_map(x_ptr + first * channels, place, mask)
    other = load_map(other_ptr + first * channels, place, mask)
    weight = load_channels(weight_ptr, column, channels)
    grad = tl.load(grad_ptr + first + row, mask=row < num_rows - first, other=0.0)
    length, gap = _compared(x, other, epsilon)
    inner = 2.0 * gap * weight[None, :] * (grad / (length + epsilon))[:, None]  # with respect to x / (length + epsilon)
    along = tl.sum(inner * x, 1) / tl.where(length > 0, length * (length + epsilon), 1.0)
    moved = inner - x * along[:, None]
    tl.store(out_ptr + first * channels + place, moved.to(out_ptr.dtype.element_ty), mask=mask)


class FusedDistance(torch.autograd.Function):
    """Distances (n, h, w) in float32 at each position of maps (n, c, h, w) stored by pixel, `weight` (c).

    Of unit length over channels first; the gradient is x's alone.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, other: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        x, other = (one.contiguous(memory_format=torch.channels_last) for one in (x, other))
        tiles = tiles_of(x)
        y = torch.empty(x.shape[0], *x.shape[2:], dtype=torch.float32, device=x.device)
        with torch.cuda.device_of(x):
            _forward[(tiles.count,)](x, other, weight, y, tiles.num_rows, epsilon, **tiles.constants)
        ctx.save_for_backward(x, other, weight)
        ctx.epsilon = epsilon
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        x, other, weight = ctx.saved_tensors
        tiles, out, grad = tiles_of(x), torch.empty_like(x), grads[0].contiguous()
        with torch.cuda.device_of(x):
            _backward[(tiles.count,)](grad, x, other, weight, out, tiles.num_rows, ctx.epsilon, **tiles.constants)
        return out, None, None, None
