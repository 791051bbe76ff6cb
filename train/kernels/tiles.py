"""How activations (n, c, h, w) stored by pixel are cut among programs: rows are pixels, columns channels."""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

WARP = 32  # threads
EACH = 16  # numbers that a thread holds of each activation
WARPS = 4  # of a program of one tile
LOOPING_WARPS = 2  # of a program of many, which sums over them: few wait for each other
PROGRAMS = 2048  # of many tiles, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """Rows and channels of some activations, and their cut: `wide` is the power of two that holds the channels."""

    rows: int
    channels: int
    wide: int
    tile: int  # rows
    warps: int

    @property
    def made_for(self) -> dict[str, int]:
        """The arguments that all kernels are compiled for."""
        return {"channels": self.channels, "wide": self.wide, "tile": self.tile, "num_warps": self.warps}

    @property
    def count(self) -> int:
        """Tiles in all."""
        return int(triton.cdiv(self.rows, self.tile))

    @property
    def programs(self) -> int:
        """Programs that share the tiles."""
        return min(PROGRAMS, self.count)

    def sums(self, number: int, x: Tensor) -> Tensor:
        """Room for `number` sums of each channel by each program."""
        return torch.empty(self.programs, number, self.channels, dtype=torch.float32, device=x.device)


def tiles_of(x: Tensor, *, looping: bool = False) -> Tiles:
    """The cut of activations; looping: for programs of many tiles."""
    channels = x.shape[1]
    wide = triton.next_power_of_2(channels)
    warps = LOOPING_WARPS if looping else WARPS
    tile = max(1, EACH * WARP * warps // wide)
    return Tiles(
        rows=x.numel() // channels,
        channels=channels,
        wide=wide,
        tile=tile,
        warps=max(warps, min(16, wide // (EACH * WARP))),
    )


@triton.jit
def inside(
    rows: tl.tensor, channels: tl.constexpr, wide: tl.constexpr, tile: tl.constexpr
) -> tuple[tl.tensor, tl.tensor, tl.tensor, tl.tensor]:
    """Places within a tile that begins `rows` before the end, which of them there are, their rows and columns."""
    row, column = tl.arange(0, tile), tl.arange(0, wide)
    mask = (row[:, None] < rows) & (column[None, :] < channels)
    return row[:, None] * channels + column[None, :], mask, row, column


@triton.jit
def load_map(at: tl.tensor, place: tl.tensor, mask: tl.tensor) -> tl.tensor:
    """A tile of activations as float32, 0 where there are none; at: its first number."""
    return tl.load(at + place, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def load_channels(at: tl.tensor, column: tl.tensor, channels: tl.constexpr) -> tl.tensor:
    """A number a channel as float32."""
    return tl.load(at + column, mask=column < channels, other=0.0).to(tl.float32)
