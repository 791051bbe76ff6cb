"""Exact tiling: a network of finite reach, applied tile by tile with a margin, gives what it gives on the whole."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil

from torch import Tensor

from train.vae_config import DECODER_BLOCKS, ENCODER_BLOCKS, MIDDLE_BLOCKS, VaeConfig


@dataclass(frozen=True, slots=True)
class Halo:
    """How far a network sees before and after a latent, in latents."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Halos:
    """The reach of the two halves of an autoencoder."""

    encoder: Halo
    decoder: Halo


@lru_cache
def halo_of(config: VaeConfig) -> Halos:
    """The reach of a model's halves, counted layer by layer; the skips stay within it."""
    num_levels, factor = len(config.multipliers), config.factor
    # Encoder, in px: each 3x3 convolution reaches one step of its grid both ways, one of stride 2 two steps ahead.
    steps = [2**i for i in range(num_levels)]
    before = 1 + 2 * ENCODER_BLOCKS * sum(steps) + (2 * MIDDLE_BLOCKS + 1) * factor
    after = before + 2 * sum(steps[:-1]) - (factor - 1)  # a latent's own px are factor - 1 more than its first
    # Decoder, in latents: the grid is halved level by level.
    grids = [Fraction(1, step) for step in steps]
    reach = 1 + 2 * MIDDLE_BLOCKS + 2 * DECODER_BLOCKS * sum(grids) + sum(grids[1:]) + grids[-1]
    return Halos(
        encoder=Halo(ceil(Fraction(before, factor)), ceil(Fraction(after, factor))),
        decoder=Halo(ceil(reach), ceil(reach)),
    )


def map_tiles(apply: Callable[[Tensor], Tensor], x: Tensor, *, tile: int, halo: Halo, shrink: int, grow: int) -> Tensor:
    """Apply a network to (n, c, h, w) tile by tile: the same result as at once, in memory bounded by a tile.

    shrink, grow: px of the input, and of the output, a latent. tile: latents a side that a tile yields.
    """
    rows, columns = x.shape[-2] // shrink, x.shape[-1] // shrink
    whole: Tensor | None = None
    for top, bottom in _spans(rows, tile):
        for left, right in _spans(columns, tile):
            first_row, first_column = max(0, top - halo.before), max(0, left - halo.before)
            last_row, last_column = min(rows, bottom + halo.after), min(columns, right + halo.after)
            y = apply(x[..., first_row * shrink : last_row * shrink, first_column * shrink : last_column * shrink])
            if whole is None:
                whole = y.new_empty((*y.shape[:2], rows * grow, columns * grow))
            whole[..., top * grow : bottom * grow, left * grow : right * grow] = y[
                ...,
                (top - first_row) * grow : (bottom - first_row) * grow,
                (left - first_column) * grow : (right - first_column) * grow,
            ]
    assert whole is not None, "an image has at least one latent"
    return whole


def _spans(length: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(start + step, length)) for start in range(0, length, step)]
