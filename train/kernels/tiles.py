"""How activations (n, c, h, w) stored by pixel are cut among programs: rows are pixels, columns channels."""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

WARP = 32  # threads
VALUES_PER_THREAD = 16  # numbers that a thread holds of each activation
WARPS = 4  # of a program of one tile
LOOPING_WARPS = 2  # of a program of many, which sums over them: few wait for each other
PROGRAMS = 2048  # of many tiles, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """Rows (pixels) and channels of some activations, and their cut into tiles.

    block_channels: the power of two that holds the channels. block_rows: rows of a tile.
    """

    num_rows: int
    channels: int
    block_channels: int
    block_rows: int
    warps: int

    @property
    def constants(self) -> dict[str, int]:
        """The arguments that all kernels are compiled for."""
        blocks = {"block_channels": self.block_channels, "block_rows": self.block_rows}
        return {"channels": self.channels, **blocks, "num_warps": self.warps}

    @property
    def count(self) -> int:
        """Tiles in all."""
        return int(triton.cdiv(self.num_rows, self.block_rows))

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
    block_channels = triton.next_power_of_2(channels)
    warps = LOOPING_WARPS if looping else WARPS
    block_rows = max(1, VALUES_PER_THREAD * WARP * warps // block_channels)
    return Tiles(
        num_rows=x.numel() // channels,
        channels=channels,
        block_channels=block_channels,
        block_rows=block_rows,
        warps=max(warps, min(16, block_channels // (VALUES_PER_THREAD * WARP))),
    )


@triton.jit
def tile_offsets(
    num_rows: tl.tensor, channels: tl.constexpr, block_channels: tl.constexpr, block_rows: tl.constexpr
) -> tuple[tl.tensor, tl.tensor, tl.tensor, tl.tensor]:
    """Places within a tile that begins `num_rows` before the end, which of them there are, their rows and columns."""
    row, column = tl.arange(0, block_rows), tl.arange(0, block_channels)
    mask = (row[:, None] < num_rows) & (column[None, :] < channels)
    return row[:, None] * channels + column[None, :], mask, row, column


@triton.jit
def load_map(at: tl.tensor, place: tl.tensor, mask: tl.tensor) -> tl.tensor:
    """A tile of activations as float32, 0 where there are none; at: its first number."""
    return tl.load(at + place, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def load_channels(at: tl.tensor, column: tl.tensor, channels: tl.constexpr) -> tl.tensor:
    """A number a channel as float32."""
    return tl.load(at + column, mask=column < channels, other=0.0).to(tl.float32)
