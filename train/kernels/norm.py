"""SiLU of the normalised activations, with the bias before it and the gradient that goes around it."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from train.kernels.tiles import load_channels, load_map, tile_offsets, tiles_of


@triton.jit
def _forward(
    x_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    gain_ptr: tl.tensor,
    y_ptr: tl.tensor,
    scale_ptr: tl.tensor,
    num_rows: tl.tensor,
    root: tl.tensor,
    epsilon: tl.tensor,
    biased: tl.constexpr,
    channels: tl.constexpr,
    block_channels: tl.constexpr,
    block_rows: tl.constexpr,
) -> None:
    first = tl.program_id(0).to(tl.int64) * block_rows
    place, mask, row, column = tile_offsets(num_rows - first, channels, block_channels, block_rows)
    x = load_map(x_ptr + first * channels, place, mask)
    if biased:
        x += load_channels(bias_ptr, column, channels)[None, :]
    scale = root / tl.maximum(tl.sqrt(tl.sum(x * x, 1)), epsilon, propagate_nan=tl.PropagateNan.ALL)
    gain = load_channels(gain_ptr, column, channels)
    scaled = x * scale[:, None] * gain[None, :]
    y = scaled * tl.sigmoid(scaled)
    tl.store(y_ptr + first * channels + place, y.to(y_ptr.dtype.element_ty), mask=mask)
    tl.store(scale_ptr + first + row, scale, mask=row < num_rows - first)


@triton.jit
def _backward(
    grad_ptr: tl.tensor,
    around_ptr: tl.tensor,
    x_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    gain_ptr: tl.tensor,
    scale_ptr: tl.tensor,
    out_ptr: tl.tensor,
    sums_ptr: tl.tensor,
    num_rows: tl.tensor,
    biased: tl.constexpr,
    joined: tl.constexpr,
    channels: tl.constexpr,
    block_channels: tl.constexpr,
    block_rows: tl.constexpr,
) -> None:
    program = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, block_channels)
    gain = load_channels(gain_ptr, column, channels)
    bias = tl.zeros((block_channels,), tl.float32)
    if biased:
        bias = load_channels(bias_ptr, column, channels)
    gains = tl.zeros((block_rows, block_channels), tl.float32)  # of each row of a tile: summed over rows at the end
    biases = tl.zeros((block_rows, block_channels), tl.float32)
    for number in range(0, tl.cdiv(num_rows, block_rows) - program, tl.num_programs(0)):
        first = (program + number) * block_rows
        place, mask, row, _ = tile_offsets(num_rows - first, channels, block_channels, block_rows)
        scale = tl.load(scale_ptr + first + row, mask=row < num_rows - first, other=0.0)
        x = load_map(x_ptr + first * channels, place, mask)
        grad = load_map(grad_ptr + first * channels, place, mask)
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
            moved += load_map(around_ptr + first * channels, place, mask)
        tl.store(out_ptr + first * channels + place, moved.to(out_ptr.dtype.element_ty), mask=mask)
    tl.store(sums_ptr + 2 * program * channels + column, tl.sum(gains, 0), mask=column < channels)
    tl.store(sums_ptr + (2 * program + 1) * channels + column, tl.sum(biases, 0), mask=column < channels)


class FusedRmsSilu(torch.autograd.Function):
    """x itself, and SiLU of (x + bias) / rms(x + bias) * gain; x (n, c, h, w) stored by pixel, sums float32.

    Whoever uses x beside its norm takes the first: the gradients of both are then added in one pass. bias: None for 0.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, gain: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        x = x.contiguous(memory_format=torch.channels_last)
        tiles = tiles_of(x)
        y, scale = torch.empty_like(x), torch.empty(tiles.num_rows, dtype=torch.float32, device=x.device)
        biased, root = bias is not None, tiles.channels**0.5
        with torch.cuda.device_of(x):  # Triton launches on the current device
            _forward[(tiles.count,)](
                x, bias if biased else gain, gain, y, scale, tiles.num_rows, root, epsilon,
                biased=biased, **tiles.constants)  # fmt: skip
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
                grad, around if joined else grad, x, bias if biased else gain, gain, scale, out, sums, tiles.num_rows,
                biased=biased, joined=joined, **tiles.constants)  # fmt: skip
        of_gain, of_bias = sums.sum(0)
        return out, of_bias.to(bias.dtype) if biased else None, of_gain.to(gain.dtype), None
