"""Any autoencoder as one call, images in, reconstructions out: ours, diffusers', a Python file's, a peer's."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from train.pixels import from_bytes, to_bytes
from train.world import choose_device

Pixels = NDArray[np.uint8]
KINDS = ("model", "diffusers", "module", "taef2", "reference")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MEGA = 1_000_000


class Autoencoder(Protocol):
    """Images to their reconstructions: uint8 RGB (n, h, w, 3) of any size, the same shape back."""

    @property
    def name(self) -> str:
        """How it is called in tables."""
        ...

    def __call__(self, images: Pixels) -> Pixels: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How an autoencoder runs. All of it may change the last digits of its figures."""

    device: str = "auto"
    """Where it runs: auto (a GPU where there is one), cpu, cuda, cuda:1 ..."""
    dtype: str = "auto"
    """Numbers it computes with: auto (bfloat16 on a GPU, else float32), float32, bfloat16 or float16."""
    batch_mpx: float = 1.0
    """Megapixels passed through it at a time: 16 images of 256 px, or one of 1,000."""
    tile_px: int = 1536
    """Images with a longer side go through it in tiles of this side, joined without a seam's trace where the margin
    holds all that the model sees; 0: every image at once."""
    margin_px: int = 256
    """What a tile sees beyond its edges, px a side. Ours (`--model`) take as much as they need instead."""

    def __post_init__(self) -> None:
        if self.dtype != "auto" and self.dtype not in DTYPES:
            raise ValueError(f"dtype is {self.dtype!r}: choose auto, {', '.join(DTYPES)}")
        if not self.batch_mpx > 0:
            raise ValueError(f"batch_mpx is {self.batch_mpx}: give above 0")
        if self.margin_px < 0 or self.tile_px < 0 or 0 < self.tile_px < 64:
            raise ValueError(f"tile_px is {self.tile_px}, margin_px {self.margin_px}: give 0 or at least 64, and 0")

    def identity(self) -> dict[str, Any]:
        """What it comes to on this machine."""
        dtype = str(self.torch_dtype).removeprefix("torch.")
        return asdict(self) | {"device": self.torch_device.type, "dtype": dtype}

    @property
    def torch_device(self) -> torch.device:
        """The device. Raises ValueError where it cannot be used here."""
        return choose_device(self.device)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The type of numbers."""
        if self.dtype != "auto":
            return DTYPES[self.dtype]
        return torch.bfloat16 if self.torch_device.type == "cuda" else torch.float32


DEFAULT_RUNNING = Running()


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """An autoencoder as its files give it. Images are (n, 3, h, w) from -1 to 1, sides multiples of `factor`."""

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    factor: int
    tiles_itself: bool = False  # with margins of its own


class TorchAutoencoder:
    """Runs the two halves on uint8 images: pads by the border's pixels, batches, tiles, rounds."""

    def __init__(self, name: str, halves: Halves, running: Running = DEFAULT_RUNNING) -> None:
        self.name = name
        self._halves, self._running = halves, running
        self._device, self._dtype = running.torch_device, running.torch_dtype
        self._overflows = False

    def __call__(self, images: Pixels) -> Pixels:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"images are {images.dtype} {images.shape}: an autoencoder takes uint8 (n, h, w, 3)")
        height, width = images.shape[1:3]
        tile_px = 0 if self._halves.tiles_itself else self._running.tile_px
        if tile_px and max(height, width) > tile_px:
            return np.stack([self._in_tiles(image, tile_px) for image in images])
        step = max(1, int(self._running.batch_mpx * MEGA / (height * width)))
        parts = [self._at_once(images[start : start + step]) for start in range(0, len(images), step)]
        return np.concatenate(parts) if parts else images.copy()

    def _in_tiles(self, image: Pixels, tile_px: int) -> Pixels:
        """Tile by tile, each cut out with its margin and only its own part kept."""
        f = self._halves.factor
        step, margin = _multiple(tile_px, f), _multiple(self._running.margin_px, f)
        whole = np.empty_like(image)
        for top in range(0, image.shape[0], step):
            for left in range(0, image.shape[1], step):
                y, x = max(0, top - margin), max(0, left - margin)
                part = self._at_once(image[None, y : top + step + margin, x : left + step + margin])[0]
                kept = part[top - y : top - y + step, left - x : left - x + step]
                whole[top : top + kept.shape[0], left : left + kept.shape[1]] = kept
        return whole

    def _check_finite(self, y: Tensor) -> None:
        """Say once that figures are of a model that overflows: what is not a number counts as black."""
        if not self._overflows and not y.isfinite().all():
            self._overflows = True
            print(
                f"WARNING: {self.name} gives values that are not finite, which count as black: its figures say little. "
                "Try --dtype float32",
                file=sys.stderr,
            )

    @torch.inference_mode()
    def _at_once(self, images: Pixels) -> Pixels:
        x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        height, width = x.shape[2:]
        f = self._halves.factor
        x = pad(from_bytes(x, self._device), (0, -width % f, 0, -height % f), mode="replicate")
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            y = self._halves.decode(self._halves.encode(x))
        if y.shape != x.shape:
            raise ValueError(f"{self.name} turns images {tuple(x.shape)} into {tuple(y.shape)}: the same shape is due")
        y = y[..., :height, :width].float()
        self._check_finite(y)
        made: Pixels = to_bytes(y.nan_to_num(nan=-1.0)).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return made


def _multiple(length: int, factor: int) -> int:
    return -(-length // factor) * factor


def open_autoencoder(kind: str, path: str, *, name: str = "", running: Running = DEFAULT_RUNNING) -> Autoencoder:
    """The autoencoder at a path, or for "reference" of that name; called `name`, by default as its file or folder.

    kind: "model" (a folder of ours), "diffusers" (a folder of a diffusers autoencoder), "module" (a Python file, see
    `train.peers.halves.of_module`), "taef2" (the folder of its two files) or "reference" (see `references`).
    Raises ValueError, FileNotFoundError or ModuleNotFoundError naming file and remedy.
    """
    if kind not in KINDS:
        raise ValueError(f"no autoencoder is of kind {kind!r}: use {', '.join(KINDS)}")
    if kind == "reference":
        from train.peers.references import open_reference

        found: Autoencoder = open_reference(path)
        return found
    from train.peers import halves

    opened = halves.OPENERS[kind](Path(path), running)
    return TorchAutoencoder(name or Path(path).resolve().stem, opened, running)
