"""The distance of two maps of features, as LPIPS takes it, without any of the tensors in between."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from train.kernels.tiles import inside, load_channels, load_map, tiles_of


@triton.jit
def _compared(x: tl.tensor, other: tl.tensor, epsilon: tl.tensor) -> tuple[tl.tensor, tl.tensor]:
    """The lengths of x over channels, and what x and other differ by once both have unit length."""
    length = tl.sqrt(tl.sum(x * x, 1))
    gap = x / (length + epsilon)[:, None] - other / (tl.sqrt(tl.sum(other * other, 1)) + epsilon)[:, None]
    return length, gap


@triton.jit
def _forward(
    x_at: tl.tensor,
    other_at: tl.tensor,
    weight_at: tl.tensor,
    y_at: tl.tensor,
    rows: tl.tensor,
    epsilon: tl.tensor,
    channels: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * tile
    place, mask, row, column = inside(rows - first, channels, wide, tile)
    x = load_map(x_at + first * channels, place, mask)
    other = load_map(other_at + first * channels, place, mask)
    weight = load_channels(weight_at, column, channels)
    _, gap = _compared(x, other, epsilon)
    tl.store(y_at + first + row, tl.sum(gap * gap * weight[None, :], 1), mask=row < rows - first)


@triton.jit
def _backward(
    grad_at: tl.tensor,
    x_at: tl.tensor,
    other_at: tl.tensor,
    weight_at: tl.tensor,
    out_at: tl.tensor,
    rows: tl.tensor,
    epsilon: tl.tensor,
    channels: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * tile
    place, mask, row, column = inside(rows - first, channels, wide, tile)
    x = load_map(x_at + first * channels, place, mask)
    other = load_map(other_at + first * channels, place, mask)
    weight = load_channels(weight_at, column, channels)
    grad = tl.load(grad_at + first + row, mask=row < rows - first, other=0.0)
    length, gap = _compared(x, other, epsilon)
    inner = 2.0 * gap * weight[None, :] * (grad / (length + epsilon))[:, None]  # with respect to x / (length + epsilon)
    along = tl.sum(inner * x, 1) / tl.where(length > 0, length * (length + epsilon), 1.0)
    moved = inner - x * along[:, None]
    tl.store(out_at + first * channels + place, moved.to(out_at.dtype.element_ty), mask=mask)


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
            _forward[(tiles.count,)](x, other, weight, y, tiles.rows, epsilon, **tiles.made_for)
        ctx.save_for_backward(x, other, weight)
        ctx.epsilon = epsilon
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        x, other, weight = ctx.saved_tensors
        tiles, out, grad = tiles_of(x), torch.empty_like(x), grads[0].contiguous()
        with torch.cuda.device_of(x):
            _backward[(tiles.count,)](grad, x, other, weight, out, tiles.rows, ctx.epsilon, **tiles.made_for)
        return out, None, None, None
