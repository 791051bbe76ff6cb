"""Files that several curated rows hold: a mix takes one row of each.

A row goes by the first 64 bits of its file's SHA-256. Rendered rows share photographs on purpose and are no copies.
Files are compared a part at a time, each a share of all hashes, so that memory has a bound whatever the rows.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.mixture.held import HeldOut, read_shard
from pipelines.mixture.ratios import members
from pipelines.shards.files import read_manifest
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from render.mix import Mix

COPIES_FILE = "copies.parquet"
COPIES = pa.schema([("row", pa.int64())])  # its place among all rows of the facts
PART_ROWS = 2**23  # compared at once, about 40 bytes each
GROUP_ROWS = 65536
NOT_HELD, NOT_TEXT = 1 << 62, 1 << 61  # what stays: a held-out row, then a page of text, then the first
PLACE = NOT_TEXT - 1


def write_copies(facts: Folder, choice: Folder, held: HeldOut, ratios: Mix, part_rows: int = PART_ROWS) -> None:
    """Write the places, in order, of all rows but one of each file that the ratios ask for; 8 bytes each are held."""
    num_parts = -(-sum(info.num_rows for info in read_manifest(facts).values()) // part_rows)
    found = [np.zeros(0, np.int64)]
    for part in range(num_parts):
        files, ranks = _part(facts, held, ratios, (part, num_parts))
        order = np.lexsort((ranks, files))
        again = np.flatnonzero(files[order][1:] == files[order][:-1]) + 1
        found.append(ranks[order[again]] & PLACE)
    places = pa.table([np.sort(np.concatenate(found))], schema=COPIES)
    with choice.writing(COPIES_FILE) as file, pq.ParquetWriter(file, COPIES, compression="zstd") as writer:
        if len(places):
            writer.write_table(places, row_group_size=GROUP_ROWS)


def _part(
    facts: Folder, held: HeldOut, ratios: Mix, part: tuple[int, int]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Files of one part of so many of the curated rows, and by rank which row of a file stays: the lowest."""
    files, ranks, first = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], 0
    for shard in read_manifest(facts):
        batch = read_shard(facts, shard, ["config", "unit", "file"])
        digits = batch.column("file").fill_null(0).to_numpy()
        compared = batch.column("file").is_valid().to_numpy(False) & _asked_for(batch.column("config"), ratios)
        rows = np.flatnonzero(compared & (digits % np.uint64(part[1]) == part[0]))
        free = ~held.units(batch.column("unit").to_numpy()[rows])
        no_text = pc.not_equal(batch.column("config"), "text").to_numpy(False)[rows]
        files.append(digits[rows])
        ranks.append(free * NOT_HELD + no_text * NOT_TEXT + rows + first)
        first += len(batch)
    return np.concatenate(files), np.concatenate(ranks)


def _asked_for(configs: pa.Array, ratios: Mix) -> NDArray[np.bool_]:
    """Which rows are curated and of a configuration that the mix takes: no other may keep a file from it."""
    names = [name for name, share in ratios.shares if share > 0]
    known = configs.dictionary_encode()
    taken = [
        not config.startswith("synthetic") and any(members(name, [config]) for name in names)
        for config in known.dictionary.to_pylist()
    ]
    return np.asarray(np.array(taken, bool)[known.indices.to_numpy()])


def copies_among(choice: Folder, first: int, num_rows: int) -> NDArray[np.int64]:
    """Which of these rows are copies, counted from the first of them; none where copies are kept."""
    if not choice.exists(COPIES_FILE):
        return np.zeros(0, np.int64)
    last = first + num_rows - 1
    with choice.open(COPIES_FILE) as file:
        parquet = ParquetFile(file)
        bounds = [parquet.metadata.row_group(i).column(0).statistics for i in range(parquet.num_row_groups)]
        groups = [i for i, bound in enumerate(bounds) if bound.min <= last and bound.max >= first]
        places = np.asarray(parquet.read_row_groups(groups).column("row"), np.int64) - first
    return places[(places >= 0) & (places < num_rows)]
