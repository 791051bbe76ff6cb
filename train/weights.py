"""Reads files of tensors that others made, and says what is missing; runs no code that a file may carry. Writes them
whole."""

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


class MissingWeights(FileNotFoundError):  # noqa: N818 - like BadImage, what is wrong
    """Weights of a loss term that are not on this machine: what, where to get it, how to train without the term."""

    def __init__(self, what: str, *, get: str, without: str) -> None:
        super().__init__(f"{what}. Get it: {get}. To train without this term: {without}")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors by name of a safetensors file or a torch file (pickle, tensors alone), on the CPU.

    Raises ValueError for a file that is damaged or holds anything but named tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        raise ValueError(f"{path} is no whole file of tensors (.safetensors, .pth, .bin): {error}") from error
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError(f"{path} holds a {type(tensors).__name__}, not tensors by name: give a plain state dict")
    return dict(tensors)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file, which appears whole, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    save_tensors(temporary, tensors)
    temporary.replace(path)


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file in place, which those may read who may read other new files: safetensors itself writes
    for its user alone."""
    path.touch()
    mode = path.stat().st_mode
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)
    path.chmod(mode)


def check_digest(path: Path, algorithm: str, prefix: str) -> None:
    """Raises ValueError where the file's hex digest does not begin with `prefix`: damaged, or another file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).hexdigest()
    if not digest.startswith(prefix):
        raise ValueError(f"{path} has {algorithm} {digest[:8]}…, not {prefix}…: it is damaged or another file")


def check_shapes(path: Path | str, tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ValueError naming the first tensor that is missing or has another shape."""
    for name, shape in shapes.items():
        if name not in tensors:
            raise ValueError(f"{path} lacks the tensor {name}: it holds another network")
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{path}: {name} has shape {tuple(tensors[name].shape)}, not {shape}: another network")
