"""Parquet files read by the calling thread alone.

pyarrow's threads may hold the last reference to an object of Python; one that lets go of it while the interpreter ends
aborts the process, whose work was done ("terminate called without an active exception").
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class ParquetFile(pq.ParquetFile):  # type: ignore[misc]  # noqa: TID251
    """pyarrow's ParquetFile, whose reads start no thread. file: a path, or open for reading in bytes."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, pre_buffer=False)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole file."""
        return super().read(columns, use_threads=False)

    def read_row_group(self, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group, from 0."""
        return super().read_row_group(group, columns, use_threads=False)

    def read_row_groups(self, groups: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """Row groups, one after the other."""
        return super().read_row_groups(list(groups), columns, use_threads=False)

    def iter_batches(self, batch_size: int = 65536, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Batches of at most so many rows."""
        yield from super().iter_batches(batch_size, columns=columns, use_threads=False)
