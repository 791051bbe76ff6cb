"""What a mix holds out: sources below a bound, by a hash of theirs, with the files and looks of their images."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.mixture.facts import FACTS, FINE_BYTES
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile

HELD_FILE = "held.parquet"
UNIT_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What is held out: sources whose 64 bits lie below `bound`, `extra` ones, and files and hashes of all these."""

    bound: int
    extra: NDArray[np.uint64]
    files: NDArray[np.uint64]  # (m,), in order: pages that are alike to the byte occur in several documents
    hashes: NDArray[np.uint64]  # (n,)
    fine: NDArray[np.uint64]  # (n, 4)

    def units(self, units: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these sources are held out."""
        return (units < np.uint64(self.bound)) | np.isin(units, self.extra)


def facts_batches(folder: Folder, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """All facts in order, a shard at a time."""
    for shard in read_manifest(folder):
        yield read_shard(folder, shard, columns)


def read_shard(folder: Folder, shard: int, columns: list[str]) -> pa.RecordBatch:
    """Columns of one shard of a plan."""
    with folder.open(shard_name(shard)) as file:
        table = ParquetFile(file).read(columns=columns).combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def hold_out(facts: Folder, plan: Folder, test_share: float) -> HeldOut:
    """Choose the sources of the test split and write their hashes into the plan; reads the facts twice.

    Each kind of image has a source there: where the bound takes none of a kind, the one of the lowest hash. What
    is held in memory is the held-out images, 57 bytes each.
    """
    bound = round(test_share * 2**32) << (UNIT_BITS - 32)
    extra = np.array(_lowest(facts, bound) if bound else [], np.uint64)
    none = np.zeros(0, np.uint64)
    held = HeldOut(bound=bound, extra=extra, files=none, hashes=none, fine=none.reshape(0, FINE_BYTES // 8))
    names = ["file", "phash", "phash_fine"]
    parts = [pa.schema([FACTS.field(name) for name in names]).empty_table()]
    for batch in facts_batches(facts, ["unit", *names]) if bound else ():
        rows = held.units(batch.column("unit").to_numpy())
        parts.append(pa.Table.from_batches([batch]).filter(pa.array(rows)).select(names))
    table = pa.concat_tables(parts).group_by(names).aggregate([])
    table = table.replace_schema_metadata({"bound": str(bound), "extra": extra.tobytes()})
    with plan.writing(HELD_FILE) as file:
        pq.write_table(table, file)
    return read_held(plan)


def _lowest(facts: Folder, bound: int) -> list[int]:
    """For each kind of which no source is below the bound, its lowest source."""
    lowest: dict[str, int] = {}
    for batch in facts_batches(facts, ["config", "unit"]):
        for config in pc.unique(batch.column("config")).to_pylist():
            units = batch.column("unit").filter(pc.equal(batch.column("config"), config))
            kind = config.partition("-")[0]
            lowest[kind] = min(lowest.get(kind, 2**UNIT_BITS), pc.min(units).as_py())
    return sorted({unit for unit in lowest.values() if unit >= bound})


def read_held(plan: Folder) -> HeldOut:
    """What was held out, from the plan."""
    with plan.open(HELD_FILE) as file:
        table = ParquetFile(file).read()
    meta = table.schema.metadata
    extra = np.frombuffer(meta[b"extra"], np.uint64)
    files = np.unique(table.column("file").drop_null().to_numpy().astype(np.uint64))
    seen = table.filter(table.column("phash").is_valid())
    hashes, fine = seen.column("phash").to_numpy().astype(np.uint64), fine_words(seen.column("phash_fine"))
    return HeldOut(bound=int(meta[b"bound"]), extra=extra, files=files, hashes=hashes, fine=fine)


def fine_words(column: Any) -> NDArray[np.uint64]:
    """(n, 4) of the fine hashes."""
    return np.frombuffer(b"".join(column.to_pylist()), np.uint64).reshape(-1, FINE_BYTES // 8)
