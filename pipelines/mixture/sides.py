"""Which split each row may go to: to neither what is near a held-out source, or a copy of a row that goes there."""

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.matches import KnownHashes
from pipelines.mixture.copies import copies_among
from pipelines.mixture.held import fine_words, read_held, read_shard
from pipelines.shards.files import read_manifest
from pipelines.shards.folder import Folder

TRAIN, TEST, NEAR, COPY = SIDES = ("train", "test", "near", "copy")
SIDE_SCHEMA = pa.schema([("side", pa.int8())])  # the place in SIDES


class SidesJob:
    """Says of each row of the facts which split it may go to."""

    schema = SIDE_SCHEMA

    def __init__(self, plan: str) -> None:
        self._facts, self._choice = Folder(f"{plan}/facts"), Folder(f"{plan}/choice")
        self._held = read_held(self._choice)
        self._known = KnownHashes(self._held.hashes, self._held.fine)
        self._num_rows = {index: info.num_rows for index, info in read_manifest(self._facts).items()}
        self._first = dict(zip(self._num_rows, accumulate(self._num_rows.values(), initial=0), strict=False))

    def num_rows(self, shard: int) -> int:
        return self._num_rows[shard]

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        batch = read_shard(self._facts, shard, ["config", "unit", "file", "phash", "phash_fine", "pixels", "bytes"])
        sides = self._sides(batch)
        copies = copies_among(self._choice, self._first[shard], len(sides))
        sides[copies[sides[copies] != SIDES.index(NEAR)]] = SIDES.index(COPY)
        _count(batch, sides, counts)
        yield from ({"side": side} for side in sides.tolist())

    def _sides(self, batch: pa.RecordBatch) -> NDArray[np.int8]:
        units = batch.column("unit").to_numpy()
        sides = np.where(self._held.units(units), SIDES.index(TEST), SIDES.index(TRAIN)).astype(np.int8)
        files = batch.column("file").fill_null(0).to_numpy()
        same = np.isin(files, self._held.files) & batch.column("file").is_valid().to_numpy(False)
        sides[same & (sides == SIDES.index(TRAIN))] = SIDES.index(NEAR)
        has_hash = batch.column("phash").is_valid().to_numpy(False)
        asked = np.flatnonzero((sides == SIDES.index(TRAIN)) & has_hash)
        rows = batch.take(pa.array(asked))
        near = self._known.near(rows.column("phash").to_numpy(), fine_words(rows.column("phash_fine")))
        sides[asked[near]] = SIDES.index(NEAR)
        return sides


def _count(batch: pa.RecordBatch, sides: NDArray[np.int8], counts: Counter[str]) -> None:
    """Add images, pixels and bytes by side and configuration."""
    table = pa.table([*batch.select(["config", "pixels", "bytes"]).columns, pa.array(sides)], ["config", "p", "b", "s"])
    for row in table.group_by(["config", "s"]).aggregate([("p", "count"), ("p", "sum"), ("b", "sum")]).to_pylist():
        at = f"{SIDES[row['s']]}/{row['config']}"
        counts[f"{at}/images"] += row["p_count"]
        counts[f"{at}/pixels"] += row["p_sum"]
        counts[f"{at}/bytes"] += row["b_sum"]
