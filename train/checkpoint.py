"""Checkpoints: folders that appear whole, each file with its sha256; a damaged one is named and never used."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from train.weights import save_tensors

STATE_FILE = "state.json"  # written last: numbers with their sha256, and the sha256 of each file of tensors
ARCHITECTURE, LATENTS = "architecture", "latents"  # among the numbers: the model's fields; its latents' statistics
ALIGNED = "aligned"  # likewise: what W was fitted to
CHECKPOINTS = "checkpoints"  # in a run's folder
ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """All that a run needs to go on: tensors by group and name, and numbers (JSON)."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    numbers: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of a run, a folder each, named by the images seen.

    keep: how many of the newest stay. every: above 0, the first behind each multiple of so many images stays too.
    """

    def __init__(self, folder: Path, keep: int, every: int = 0) -> None:
        self._folder, self._keep, self._every = folder, keep, every

    def save(self, num_images: int, checkpoint: Checkpoint) -> Path:
        """Write one, whole or not at all; then those that are not to stay are removed."""
        target = self._folder / folder_name(num_images)
        temporary = self._folder / f".{target.name}.tmp"
        for stale in self._folder.glob(".*.tmp"):  # of a run that was killed as it saved
            shutil.rmtree(stale)
        temporary.mkdir(parents=True)
        for name, tensors in checkpoint.tensors.items():
            save_tensors(temporary / _file(name), tensors)
        digests = {path.name: _sha256(path) for path in sorted(temporary.iterdir())}
        numbers = json.loads(json.dumps(checkpoint.numbers))  # as they are read
        state = {"files": digests, "numbers": numbers, "sha256": _numbers_sha256(numbers)}
        (temporary / STATE_FILE).write_text(json.dumps(state, indent=1), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
        for old in self._old():
            shutil.rmtree(self._folder / old)
        return target

    def _old(self) -> list[str]:
        """Those that are not to stay."""
        names = self.names()
        stay = {int(name) // self._every: name for name in reversed(names)} if self._every else {}
        stay.pop(0, None)
        return [name for name in names[: -self._keep] if name not in stay.values()]

    def names(self) -> list[str]:
        """The checkpoints there are, oldest first; folders of another name, such as a copy, are left alone."""
        return sorted(path.name for path in self._folder.glob("[0-9]*") if path.name.isdecimal() and path.is_dir())

    def set_aside(self, name: str) -> Path:
        """Rename one that is damaged, so that it counts among the newest no more."""
        aside = self._folder / f"damaged-{name}"
        shutil.rmtree(aside, ignore_errors=True)
        return (self._folder / name).rename(aside)

    def newest(self) -> tuple[Path | None, dict[str, str]]:
        """The newest checkpoint that is whole, None where there is none at all; and by name what is wrong with newer
        ones.

        Raises ValueError where there are some and none is whole: a run never begins anew over them. OSError where the
        disk cannot be read: that says nothing of a checkpoint.
        """
        names = self.names()
        faults: dict[str, str] = {}
        for name in reversed(names):
            try:
                _check(self._folder / name)
                return self._folder / name, faults
            except ValueError as error:
                faults[name] = str(error)
        if names:
            raise ValueError(
                f"no checkpoint in {self._folder} is whole: {'; '.join(faults.values())}. Restore one, or name another "
                "--out"
            )
        return None, {}


def folder_name(num_images: int) -> str:
    """The name of the checkpoint after so many images."""
    return f"{num_images:012d}"


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is a checkpoint, whole or not."""
    return (folder / STATE_FILE).exists()


def read_numbers(folder: Path) -> dict[str, Any]:
    """The numbers of a checkpoint, by their own sha256; its tensors are not looked at. Raises ValueError where they are
    damaged."""
    numbers: dict[str, Any] = _read_state(folder)["numbers"]
    return numbers


def read_checkpoint(folder: Path) -> Checkpoint:
    """A checkpoint, each file checked by its sha256. Raises ValueError naming the first that is damaged."""
    state = _check(folder)
    with _telling(folder):
        tensors = {Path(name).stem: load_file(folder / name) for name in state["files"]}
        return Checkpoint(tensors=tensors, numbers=state["numbers"])


def read_tensor(folder: Path, group: str, name: str) -> Tensor:
    """One tensor of a checkpoint, which is not checked; the others are not read."""
    with safe_open(folder / _file(group), framework="pt") as file:
        tensor: Tensor = file.get_tensor(name)
        return tensor


def _check(folder: Path) -> dict[str, Any]:
    """The numbers and digests of a checkpoint whose files are as they were written."""
    state = _read_state(folder)
    with _telling(folder):
        for name, digest in state["files"].items():
            if name != Path(name).name:
                raise ValueError(f"{name!r} leads out of it")
            if _sha256(folder / name) != digest:
                raise ValueError(f"{name} has another sha256 than when it was written")
        return state


def _read_state(folder: Path) -> dict[str, Any]:
    with _telling(folder):
        state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        if not isinstance(state["numbers"], dict):
            raise ValueError(f"numbers is a {type(state['numbers']).__name__}")
        if _numbers_sha256(state["numbers"]) != state["sha256"]:
            raise ValueError("the numbers have another sha256 than when they were written")
        return state


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    try:
        yield
    except (*ABSENT, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise ValueError(f"checkpoint {folder} is damaged ({error})") from error


def _file(name: str) -> str:
    return f"{name}.safetensors"


def _numbers_sha256(numbers: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
