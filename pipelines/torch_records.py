"""Rendered records as tensors. Apart from `stream`, which also those use who have no torch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import distributed
from torch.utils.data import IterableDataset, get_worker_info

from pipelines.settings import Settings
from pipelines.shards.codec import decode
from pipelines.stream import stream


class Rendered(IterableDataset[dict[str, Any]]):
    """What `pipelines.stream.torch_dataset` gives; it can be pickled, so that loader workers may be spawned.

    Rank and world are settled here: loader workers have no process group.
    """

    def __init__(self, settings: Settings, first: int, rank: int | None, world: int | None) -> None:
        rank, world = _group() if rank is None and world is None else (rank, world)
        if rank is None or world is None or not 0 <= rank < world:
            raise ValueError(f"rank is {rank} of world {world}: give both, rank from 0, under world")
        if first < 0:
            raise ValueError(f"first is {first}: give at least 0")
        self._settings, self._first, self._rank, self._world = settings, first, rank, world

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        number, num_workers = (worker.id, worker.num_workers) if worker else (0, 1)
        first = self._first + self._rank * num_workers + number
        for record in stream(self._settings, first=first, step=self._world * num_workers):
            pixels = torch.from_numpy(decode(record.image)).permute(2, 0, 1)
            yield {"image": pixels, "text": record.text, "id": record.id}


def _group() -> tuple[int, int]:
    """This process's rank and how many there are; alone where torch.distributed was not initialised."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
