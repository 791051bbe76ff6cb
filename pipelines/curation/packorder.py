"""In which order kept rows are packed: seeded, shuffled far and near, neighbours in a file together."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import selected_rows
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.seeds import rng_for

ORDER_FILE = "order.parquet"
WINDOW_ROWS = 8192  # of the score table, shuffled together: a packed shard draws on few score shards
ORDER_SCHEMA = pa.schema([("number", pa.int64()), ("weight", pa.float32()), ("category", pa.string())])
GROUPED_BY = ["source", "container", "row_group", "row"]


def write_order(folder: Folder, scores: ScoreTable, selection: str, seed: int) -> int:
    """Write the kept rows of a selection in the order in which they are packed; how many there are."""
    num_rows = 0
    with folder.writing(ORDER_FILE) as file, pq.ParquetWriter(file, ORDER_SCHEMA) as writer:
        for table in ordered(scores, selection, seed):
            writer.write_table(table)
            num_rows += len(table)
    return num_rows


def ordered(scores: ScoreTable, selection: str, seed: int) -> Iterator[pa.Table]:
    """The kept rows a window at a time: score shards in random order, and in each window of them the rows.

    Rows of one Parquet row group, and pages of one PDF, stay together, since they are costly to enter.
    """
    shards = rng_for(seed, "pack/shards", 0).permutation(scores.num_shards).tolist()
    per_window = max(1, WINDOW_ROWS // max(len(scores.range_of(shard)) for shard in shards))
    for number, start in enumerate(range(0, len(shards), per_window)):
        kept = pa.concat_tables(_kept(scores, selection, shard) for shard in shards[start : start + per_window])
        groups = _groups(kept)
        rng = rng_for(seed, "pack/rows", number)
        rank = rng.permutation(int(groups.max(initial=-1)) + 1)[groups]
        yield kept.select(ORDER_SCHEMA.names).take(pa.array(np.lexsort((rng.permutation(len(groups)), rank))))


def _kept(scores: ScoreTable, selection: str, shard: int) -> pa.Table:
    """The kept rows of a score shard: ORDER_SCHEMA, and what they are grouped by."""
    numbers = scores.range_of(shard)
    chosen = selected_rows(Folder(scores.url), selection, numbers, ("keep", "weight", "category"))
    at = pa.array(np.flatnonzero(chosen.column("keep").to_numpy()))
    chosen, places = chosen.take(at), scores.shard(shard, GROUPED_BY).take(at)
    columns = [pc.add(at, numbers.start), chosen.column("weight"), chosen.column("category").cast(pa.string())]
    return pa.table([*columns, *places.columns], [*ORDER_SCHEMA.names, *GROUPED_BY])


def _groups(kept: pa.Table) -> NDArray[np.int64]:
    """For each row the number, from 0, of the group with which it stays; most rows stay with none."""
    keys = [
        number if place["row"] < 0 else (place["source"], place["container"], place["row_group"])
        for number, place in enumerate(kept.select(GROUPED_BY).to_pylist())
    ]
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([order[key] for key in keys], np.int64)


def read_order(folder: Folder, first: int, num_rows: int) -> list[dict[str, Any]]:
    """Some rows of the order, from the `first`."""
    with folder.open(ORDER_FILE) as file:
        parquet = ParquetFile(file)
        start, groups, skipped = 0, [], 0
        for group in range(parquet.num_row_groups):
            end = start + parquet.metadata.row_group(group).num_rows
            if end <= first:
                skipped = end
            elif start < first + num_rows:
                groups.append(group)
            start = end
        rows: list[dict[str, Any]] = parquet.read_row_groups(groups).slice(first - skipped, num_rows).to_pylist()
    return rows
