"""Reading Parquet from an object of Python: by the calling thread alone, so that none outlives the call."""

import io
import threading
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.shards.parquet import ParquetFile


class Watched(io.BytesIO):
    """A file that notes which threads read it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.threads: set[int] = set()

    def read(self, size: int | None = -1) -> bytes:
        self.threads.add(threading.get_ident())
        return super().read(size)


TABLE = pa.table({f"column {i}": pa.array(range(4000)) for i in range(8)})
READS: dict[str, Callable[[pq.ParquetFile], pa.Table]] = {
    "read": lambda file: file.read(),
    "read_row_group": lambda file: pa.concat_tables([file.read_row_group(i) for i in range(4)]),
    "read_row_groups": lambda file: file.read_row_groups(range(4)),
    "iter_batches": lambda file: pa.Table.from_batches(file.iter_batches(900)),
}


def watched() -> Watched:
    sink = io.BytesIO()
    pq.write_table(TABLE, sink, row_group_size=1000)
    return Watched(sink.getvalue())


@pytest.mark.parametrize("how", READS)
def test_the_calling_thread_alone_reads(how: str) -> None:
    file = watched()

    table = READS[how](ParquetFile(file))

    assert table.equals(TABLE)
    assert file.threads == {threading.get_ident()}


@pytest.mark.parametrize("how", ["read", "iter_batches"])
def test_a_column_that_is_not_there_is_named(how: str) -> None:
    with pytest.raises(ValueError, match=r"^no column 'colour': there are column 0, column 1"):
        list(getattr(ParquetFile(watched()), how)(columns=["column 1", "colour"]))
