"""Rendered records without files, for training: an iterator, and the same as a torch IterableDataset."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipelines.dataset import open_job, photo_index
from pipelines.settings import Settings
from pipelines.shards.record import Record

if TYPE_CHECKING:
    from torch.utils.data import IterableDataset


def stream(settings: Settings, *, first: int = 0, step: int = 1) -> Iterator[Record]:
    """Records first, first + step, ... of a recipe without end, the same as a rendering job would store.

    settings.inputs.seed is the seed; settings.execution.out (or photo_index) keeps the index of the photos.
    Raises ValueError, once the first record is asked for, where first is below 0 or step below 1.
    """
    if first < 0 or step < 1:
        raise ValueError(f"first is {first}, step {step}: give at least 0 and 1")
    job = open_job(settings)
    index = first
    while True:
        yield job.record(index, Counter())
        index += step


def torch_dataset(
    settings: Settings, *, first: int = 0, rank: int | None = None, world: int | None = None
) -> "IterableDataset[dict[str, Any]]":
    """An endless torch IterableDataset of {"image": uint8 tensor (3, h, w), "text", "id"}, from record `first` on.

    The ranks of a training (rank, world; where not given those of torch.distributed, if it is initialised by now)
    and the loader workers of each, as many on every rank, share out the indices, so that none is seen twice. To go
    on, give as `first` how many images all ranks have taken together. The photos are indexed here, before there are
    loader workers. Raises ValueError where rank, world or first do not fit.
    """
    from pipelines.torch_records import Rendered

    dataset = Rendered(settings, first, rank, world)
    photo_index(settings)
    return dataset
