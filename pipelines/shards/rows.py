"""Reads the rows of a folder's whole shards, never holding more than one row group."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile


class Rows:
    """The rows of the whole shards there are, numbered from 0 in the order of shards and rows.

    Raises ValueError where the folder holds no whole shard.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        infos = read_manifest(folder).values()
        if not infos:
            raise ValueError(f"{folder.url} holds no whole shard: name a folder that one of the pipelines wrote")
        self.shards = tuple(info.index for info in infos)
        self._ends = np.cumsum([info.num_rows for info in infos]).tolist()

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns there are."""
        with self._folder.open(shard_name(self.shards[0])) as file:
            return tuple(pq.read_schema(file).names)

    def range_of(self, shard: int) -> range:
        """The numbers of a shard's rows."""
        at = self.shards.index(shard)
        return range(self._ends[at - 1] if at else 0, self._ends[at])

    def tables(self, columns: Sequence[str], shards: Sequence[int] | None = None) -> Iterator[pa.Table]:
        """All row groups in order, or those of some shards, with these columns."""
        for shard in self.shards if shards is None else shards:
            with self._folder.open(shard_name(shard)) as file:
                parquet = ParquetFile(file)
                for group in range(parquet.num_row_groups):
                    yield parquet.read_row_group(group, columns=columns)

    def take(self, numbers: Sequence[int], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Single rows by number, in rising order, each row group read once."""
        wanted = np.unique(np.asarray(numbers, np.int64))
        first = 0
        for shard, end in zip(self.shards, self._ends, strict=True):
            low, high = np.searchsorted(wanted, (first, end)).tolist()
            if low < high:
                yield from rows_of_shard(self._folder, shard, (wanted[low:high] - first).tolist(), columns)
            first = end


def rows_of_shard(
    folder: Folder, shard: int, places: Sequence[int], columns: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Rows of one shard by their place in it, in rising order: only row groups that hold one are read, each once."""
    with folder.open(shard_name(shard)) as file:
        parquet = ParquetFile(file)
        rising, first = sorted(places), 0
        for group in range(parquet.num_row_groups):
            num_rows = parquet.metadata.row_group(group).num_rows
            mine = [place - first for place in rising if first <= place < first + num_rows]
            if mine:
                table = parquet.read_row_group(group, columns=columns)
                yield from (table.slice(place, 1).to_pylist()[0] for place in mine)
            first += num_rows


def spread(total: int, count: int) -> list[int]:
    """Up to `count` of the numbers 0 to total - 1, evenly apart, the first of them 0."""
    count = min(total, count)
    return [i * total // count for i in range(count)]
