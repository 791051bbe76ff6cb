"""The ranks of a run: one process alone, or those that torchrun or Ray Train started."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This process among the ranks, and the device it computes on."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this rank writes files and speaks."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """The mean over ranks, the same on each; `values` is changed."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def union(self, counts: Counter[str]) -> Counter[str]:
        """The counts of all ranks together, the same on each."""
        if self.size == 1:
            return counts
        gathered: list[Any] = [None] * self.size
        dist.all_gather_object(gathered, dict(counts))
        return sum(map(Counter, gathered), Counter())

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns, or raises, on the first rank, on every rank: what is on disk is judged once."""
        if self.size == 1:
            return make()
        outcome: list[Any] = [None, None]
        if self.is_first:
            try:
                outcome[0] = make()
            except (ValueError, OSError) as error:  # raised below, on every rank
                outcome[1] = error
            except Exception as error:  # which may not travel
                outcome[1] = RuntimeError(f"{type(error).__name__}: {error}")
        dist.broadcast_object_list(outcome)
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]  # type: ignore[no-any-return]

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def open_world(device: str) -> Iterator[World]:
    """Join the ranks that the environment tells of (RANK, WORLD_SIZE, LOCAL_RANK), or be the only one.

    device: see `choose_device`; "cuda" gives each rank of a machine a GPU of its own.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = _device_of_rank(device, int(os.environ.get("LOCAL_RANK", "0")), size)
    torch.backends.cudnn.benchmark = chosen.type == "cuda"  # crops come in a few sizes only
    begun = size > 1 and not dist.is_initialized()  # Ray Train has begun it already
    if begun:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(rank=dist.get_rank() if size > 1 else 0, size=size, device=chosen)
    finally:
        if begun:
            dist.destroy_process_group()


def choose_device(name: str) -> torch.device:
    """The device of a name: auto (a GPU where there is one), cpu, cuda, cuda:1 ... Raises ValueError where it cannot
    be used here."""
    name = _chosen(name)
    try:
        torch.empty(1, device=name).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"device is {name!r}, which cannot be used here ({cause}): choose auto or cpu") from None
    return torch.device(name)


def _chosen(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def _device_of_rank(name: str, local_rank: int, size: int) -> torch.device:
    """The device, and of several GPUs that of the rank: no rank touches another's."""
    name = _chosen(name)
    kind, _, index = name.partition(":")
    if kind not in ("cuda", "cpu") or (index and size > 1):
        which = "of several ranks each takes a GPU of its own; choose them by CUDA_VISIBLE_DEVICES" if index else ""
        raise ValueError(f"device is {name!r}: choose auto, cpu or cuda{which and f'; {which}'}")
    if kind == "cuda" and not index and torch.cuda.is_available():
        name = f"cuda:{local_rank % torch.cuda.device_count()}"
    device = choose_device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device
