"""Parquet files read by the calling thread alone.

pyarrow's threads may hold the last reference to an object of Python; one that lets go of it while the interpreter ends
aborts the process, whose work was done ("terminate called without an active exception").
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class ParquetFile(pq.ParquetFile):  # type: ignore[misc]  # noqa: TID251
    """pyarrow's ParquetFile, whose reads start no thread. file: a path, or open for reading in bytes.

    `columns`: names, dotted for a part of one; None: all. ValueError for one that is not there. Nothing is fetched
    ahead, so that each column of a row group is a read of its own; with `buffer_bytes` it is read as it is needed.
    """

    def __init__(self, file: Any, buffer_bytes: int = 0) -> None:
        super().__init__(file, pre_buffer=False, buffer_size=buffer_bytes)

    def read(self, columns: Iterable[str] | None = None) -> pa.Table:
        """The whole file."""
        return super().read(self._known(columns), use_threads=False)

    def read_row_group(self, group: int, columns: Iterable[str] | None = None) -> pa.Table:
        """One row group, from 0."""
        return self.read_row_groups([group], columns)

    def read_row_groups(self, groups: Iterable[int], columns: Iterable[str] | None = None) -> pa.Table:
        """Row groups, one after the other."""
        return super().read_row_groups(list(groups), self._known(columns), use_threads=False)

    def iter_batches(self, batch_size: int = 65536, columns: Iterable[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Batches of at most so many rows."""
        yield from super().iter_batches(batch_size, columns=self._known(columns), use_threads=False)

    def _known(self, columns: Iterable[str] | None) -> list[str] | None:
        if columns is None:
            return None
        asked, there = list(columns), self.schema_arrow.names
        for name in asked:
            if name.partition(".")[0] not in there:
                raise ValueError(f"no column {name!r}: there are {', '.join(there[:12])}")
        return asked
