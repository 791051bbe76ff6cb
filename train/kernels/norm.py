"""SiLU of the normalised activations, with the bias before it and the gradient that goes around it."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from train.kernels.tiles import inside, load_channels, load_map, tiles_of


@triton.jit
def _forward(
    x_at: tl.tensor,
    bias_at: tl.tensor,
    gain_at: tl.tensor,
    y_at: tl.tensor,
    scale_at: tl.tensor,
    rows: tl.tensor,
    root: tl.tensor,
    epsilon: tl.tensor,
    biased: tl.constexpr,
    channels: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * tile
    place, mask, row, column = inside(rows - first, channels, wide, tile)
    x = load_map(x_at + first * channels, place, mask)
    if biased:
        x += load_channels(bias_at, column, channels)[None, :]
    scale = root / tl.maximum(tl.sqrt(tl.sum(x * x, 1)), epsilon, propagate_nan=tl.PropagateNan.ALL)
    gain = load_channels(gain_at, column, channels)
    scaled = x * scale[:, None] * gain[None, :]
    y = scaled * tl.sigmoid(scaled)
    tl.store(y_at + first * channels + place, y.to(y_at.dtype.element_ty), mask=mask)
    tl.store(scale_at + first + row, scale, mask=row < rows - first)


@triton.jit
def _backward(
    grad_at: tl.tensor,
    around_at: tl.tensor,
    x_at: tl.tensor,
    bias_at: tl.tensor,
    gain_at: tl.tensor,
    scale_at: tl.tensor,
    out_at: tl.tensor,
    sums_at: tl.tensor,
    rows: tl.tensor,
    biased: tl.constexpr,
    joined: tl.constexpr,
    channels: tl.constexpr,
    wide: tl.constexpr,
    tile: tl.constexpr,
) -> None:
    program = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, wide)
    gain = load_channels(gain_at, column, channels)
    bias = tl.zeros((wide,), tl.float32)
    if biased:
        bias = load_channels(bias_at, column, channels)
    gains, biases = tl.zeros((tile, wide), tl.float32), tl.zeros((tile, wide), tl.float32)  # summed at the end alone
    for number in range(0, tl.cdiv(rows, tile) - program, tl.num_programs(0)):
        first = (program + number) * tile
        place, mask, row, _ = inside(rows - first, channels, wide, tile)
        scale = tl.load(scale_at + first + row, mask=row < rows - first, other=0.0)
        x = load_map(x_at + first * channels, place, mask)
        grad = load_map(grad_at + first * channels, place, mask)
        unit = (x + bias[None, :]) * scale[:, None]
        scaled = unit * gain[None, :]
        gate = tl.sigmoid(scaled)
        inner = grad * gate * (1.0 + scaled * (1.0 - gate))  # with respect to unit * gain
        gains += inner * unit
        inner = inner * gain[None, :]
        along = tl.sum(inner * unit, 1) / channels
        moved = (inner - unit * along[:, None]) * scale[:, None]
        if biased:
            biases += moved
        if joined:
            moved += load_map(around_at + first * channels, place, mask)
        tl.store(out_at + first * channels + place, moved.to(out_at.dtype.element_ty), mask=mask)
    tl.store(sums_at + 2 * program * channels + column, tl.sum(gains, 0), mask=column < channels)
    tl.store(sums_at + (2 * program + 1) * channels + column, tl.sum(biases, 0), mask=column < channels)


class FusedRmsSilu(torch.autograd.Function):
    """x itself, and SiLU of (x + bias) / rms(x + bias) * gain; x (n, c, h, w) stored by pixel, sums float32.

    Whoever uses x beside its norm takes the first: the gradients of both are then added in one pass. bias: None for 0.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, gain: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        x = x.contiguous(memory_format=torch.channels_last)
        tiles = tiles_of(x)
        y, scale = torch.empty_like(x), torch.empty(tiles.rows, dtype=torch.float32, device=x.device)
        biased, root = bias is not None, tiles.channels**0.5
        with torch.cuda.device_of(x):  # Triton launches on the current device
            _forward[(tiles.count,)](
                x, bias if biased else gain, gain, y, scale, tiles.rows, root, epsilon, biased=biased, **tiles.made_for
            )
        ctx.save_for_backward(x, bias, gain, scale)
        ctx.set_materialize_grads(False)
        return x, y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        around, grad = (None if g is None else g.contiguous(memory_format=torch.channels_last) for g in grads)
        if grad is None:
            return around, None, None, None
        x, bias, gain, scale = ctx.saved_tensors
        tiles = tiles_of(x, looping=True)
        out, sums = torch.empty_like(x), tiles.sums(2, x)
        biased, joined = bias is not None, around is not None
        with torch.cuda.device_of(x):
            _backward[(tiles.programs,)](
                grad, around if joined else grad, x, bias if biased else gain, gain, scale, out, sums, tiles.rows,
                biased=biased, joined=joined, **tiles.made_for)  # fmt: skip
        of_gain, of_bias = sums.sum(0)
        return out, of_bias.to(bias.dtype) if biased else None, of_gain.to(gain.dtype), None
