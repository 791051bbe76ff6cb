"""Rendered records as tensors. Apart from `stream`, which also those use who have no torch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from pipelines.settings import Settings
from pipelines.shards.codec import decode
from pipelines.stream import stream


class Rendered(IterableDataset[dict[str, Any]]):
    """What `pipelines.stream.torch_dataset` gives; it can be pickled, so that loader workers may be spawned."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for record in stream(self._settings, first=first, step=step):
            pixels = torch.from_numpy(decode(record.image)).permute(2, 0, 1)
            yield {"image": pixels, "text": record.text, "id": record.id}
