"""Teachers: frozen vision encoders whose features latents are aligned with (the report, section 4.2).

A kind of teacher is one module with `read(config.json, tensors) -> Network`, named in READERS by its `model_type`.
Teachers are constants: no `nn.Module`, so that no optimiser, checkpoint, DDP or FSDP of the model meets their weights.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self, cast

import torch
from torch import Tensor
from torch.nn import functional

from train.teachers.dinov2 import random_network
from train.teachers.dinov2_config import Dinov2Config
from train.weights import MissingWeights, read_tensors

READERS = {"dinov2": "train.teachers.dinov2"}  # model_type of config.json: the module that reads it
DEFAULT_TEACHER = "facebook/dinov2-large"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
WITHOUT = "--align-weight 0"
TOKEN_PX = 16  # of the image that a token is to stand for: f16 then has one token a latent, f32 four


class Teacher(Protocol):
    """What the objective needs of a teacher. `name` stands in logs, checkpoints and results; `block` is the one of its
    blocks whose features it gives."""

    name: str
    width: int
    block: int

    def features(self, images: Tensor, grid: tuple[int, int]) -> Tensor:
        """Features (n, rows * columns, width), row by row, of images (n, 3, h, w) in [-1, 1]; grid (rows, columns)."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same object with its weights on a device."""
        ...


class Network(Protocol):
    """A vision transformer: what a reader gives."""

    width: int
    depth: int
    patch_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, pixels: Tensor, blocks: Sequence[int]) -> list[Tensor]:
        """Patch tokens (n, rows * columns, width) after each of `blocks`, 1 to depth, of normalised pixels."""
        ...

    def keep(self, blocks: int) -> None:
        """Drop what comes after the first so many blocks."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same object with its weights on a device."""
        ...


class BlockTeacher:
    """The patch tokens of one block of a network, averaged to the grid of the latents."""

    def __init__(self, network: Network, block: int, name: str) -> None:
        if not 1 <= block <= network.depth:
            raise ValueError(f"block is {block}: {name} has blocks 1 to {network.depth}")
        self.name, self.width = f"{name}, block {block} of {network.depth}", network.width
        self.network, self.block = network, block
        network.keep(block)

    def features(self, images: Tensor, grid: tuple[int, int]) -> Tensor:
        """Features (n, rows * columns, width) in float32, without gradient; see `features_at`."""
        return features_at(self.network, images, grid, [self.block])[0]

    def to(self, device: torch.device | str) -> Self:
        """The same object with its weights on a device."""
        self.network = self.network.to(device)
        return self


@torch.no_grad()
def features_at(network: Network, images: Tensor, grid: tuple[int, int], blocks: Sequence[int]) -> list[Tensor]:
    """Features (n, rows * columns, width) in float32 of each block, row by row, for images (n, 3, h, w) in [-1, 1].

    The image is resized so that a grid of tokens covers each latent (`tokens_per_side`), normalised by the network's
    mean and deviation, and the tokens of a latent averaged: 256 px at f16 become 224 and 16 x 16 tokens, 512 px at f32
    become 448 and 32 x 32 tokens, averaged 2 x 2. The grid may be of any size and sides.
    """
    tokens = tokens_per_side(images.shape[2:], grid)
    rows, columns = grid[0] * tokens, grid[1] * tokens
    size = (rows * network.patch_px, columns * network.patch_px)
    states = network(_normalised(_resized(images.float(), size), network), blocks)
    maps = (state.float().transpose(1, 2).reshape(len(images), -1, rows, columns) for state in states)
    return [functional.avg_pool2d(one, tokens).flatten(2).transpose(1, 2) for one in maps]


def tokens_per_side(image_px: Sequence[int], grid: tuple[int, int]) -> int:
    """How many tokens of a teacher a latent covers along each side: one for each 16 px, at least one.

    Both arguments are (height, width), of the image in px and of the latents. Raises ValueError for a grid without
    latents.
    """
    if min(grid) < 1:
        raise ValueError(f"grid is {grid}: give rows and columns of the latents, from 1")
    return max(1, round(max(image_px[0] / grid[0], image_px[1] / grid[1]) / TOKEN_PX))


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images resampled, bicubic against aliasing, and kept within [-1, 1] as 8-bit images are."""
    if images.shape[2:] == size:
        return images
    return functional.interpolate(images, size=size, mode="bicubic", align_corners=False, antialias=True).clamp(-1, 1)


def _normalised(images: Tensor, network: Network) -> Tensor:
    """Images in [-1, 1] as the network was trained to see them."""
    mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (network.mean, network.std))
    return ((images + 1) / 2 - mean) / std


def load_teacher(folder: str = DEFAULT_TEACHER, block: int | None = None) -> BlockTeacher:
    """The teacher of a local Hugging Face folder, or else of the hub, at one block; None: the middle one (12 of 24).

    Raises MissingWeights where it is not there or the hub cannot be reached, ValueError where it is none we read.
    """
    network = load_network(folder)
    return BlockTeacher(network, max(1, network.depth // 2) if block is None else block, short_name(folder))


def load_network(folder: str = DEFAULT_TEACHER) -> Network:
    """All blocks of a teacher: config.json and model.safetensors or pytorch_model.bin. Raises as `load_teacher`."""
    local = find_folder(folder)
    values = _config(local)
    kind = values.get("model_type")
    if kind not in READERS:
        raise ValueError(f"{local}/config.json says model_type {kind!r}: known are {', '.join(READERS)}")
    weights = _weights(local)
    try:
        return cast(Network, import_module(READERS[kind]).read(values, read_tensors(weights)))
    except KeyError as error:
        raise ValueError(f"{local}/config.json has no {error}") from None
    except ValueError as error:
        raise ValueError(f"{weights}: {error}") from error


def teacher_digest(folder: str) -> str:
    """The sha256 of a teacher's config.json and weights, by which another one of the same name is known."""
    local, both = find_folder(folder), hashlib.sha256()
    for path in (local / "config.json", _weights(local)):
        with path.open("rb") as file:
            both.update(hashlib.file_digest(file, "sha256").digest())
    return both.hexdigest()


def _weights(folder: Path) -> Path:
    """The file of weights of a teacher's folder."""
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise _missing(f"{folder} holds neither {' nor '.join(WEIGHT_FILES)}")


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        values = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        raise _missing(f"{folder} holds no config.json") from None
    except ValueError as error:
        raise ValueError(f"{folder}/config.json is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{folder}/config.json holds a {type(values).__name__}, not fields")
    return values


def find_folder(folder: str) -> Path:
    """The local folder of a teacher: as named, or the hub's cache after a download where it names none. Raises
    MissingWeights where neither is to be had."""
    local = Path(folder).expanduser()
    if local.is_dir():
        return local
    if local.is_absolute() or folder.startswith(("~", ".")) or folder.count("/") > 1:
        raise _missing(f"{local} is no folder")
    return _from_hub(folder)


def _from_hub(name: str) -> Path:
    """A repository's config and weights, in one of the two formats."""
    from huggingface_hub import snapshot_download  # only where it is asked for: half a second

    try:
        for weights in WEIGHT_FILES:
            local = Path(snapshot_download(name, allow_patterns=["config.json", weights]))
            if (local / weights).is_file():
                break
        return local
    except (OSError, ValueError) as error:  # what the hub raises offline, for unknown and for impossible names
        cause = str(error).strip().partition("\n")[0]
        raise _missing(f"{name} is no local folder, and the hub did not give it ({cause})", name) from error


def _missing(cause: str, name: str = DEFAULT_TEACHER) -> MissingWeights:
    get = f"hf download {name} config.json model.safetensors --local-dir DIR, then --teacher DIR"
    return MissingWeights(f"The teacher of the alignment loss: {cause}", get=get, without=WITHOUT)


def short_name(folder: str) -> str:
    """A teacher's name for logs: the last part of a local folder, or its name on the hub."""
    return Path(folder).expanduser().resolve().name if Path(folder).expanduser().is_dir() else folder


def random_teacher(config: Dinov2Config | None = None, block: int | None = None, seed: int = 0) -> BlockTeacher:
    """A DINOv2 with random weights, by default of the size of DINOv2-L: for tests and speed, never for training."""
    config = config or Dinov2Config()
    chosen = max(1, config.depth // 2) if block is None else block
    name = f"random DINOv2 of width {config.width}"
    return BlockTeacher(random_network(config, seed), chosen, name)
