"""The rows of a mix in their order: those of the lowest keys of each cell, written a cell to a file. Rows of one shard
of an input stay together, so that it is read once; the shards of all inputs are mixed among thousands of rows."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.curation.packorder import ORDER_FILE
from pipelines.mixture.held import read_shard
from pipelines.mixture.inputs import Input, stretches
from pipelines.mixture.sides import SIDES
from pipelines.mixture.smallest import Threshold, smallest
from pipelines.shards.files import read_manifest
from pipelines.shards.folder import Folder
from pipelines.shards.seeds import rng_for

ORDER = pa.schema([("input", pa.int16()), ("shard", pa.int32()), ("row", pa.int32()), ("weight", pa.float32())])
GROUP_ROWS = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A configuration in a split: what there is, what is taken, and the mean of the weights taken."""

    split: str
    config: str
    available: int
    images: int
    pixels: int = 0
    bytes: int = 0
    mean_weight: float = 1.0

    @property
    def place(self) -> str:
        """Its folder, in the plan's orders and in the dataset."""
        return f"{self.split}/{self.config}"


class Taking:
    """Takes the rows of each cell: those of the lowest keys."""

    def __init__(self, url: str, cells: Sequence[Cell]) -> None:
        self._url, self._cells = url, list(cells)
        self._facts, self._sides = Folder(f"{url}/facts"), Folder(f"{url}/choice/sides")
        self._number = {(SIDES.index(cell.split), cell.config): i for i, cell in enumerate(cells)}

    def write_orders(self, inputs: Sequence[Input], seed: int) -> list[Cell]:
        """Write the order of each cell; the cells with what they came to."""
        wanted = np.array([cell.images for cell in self._cells], np.int64)
        limits = smallest(self._streams, wanted)
        left = np.array([limit.num_equal for limit in limits])
        order = rng_for(seed, "mix/order", 0).permutation(len(read_manifest(self._facts)))
        parts = stretches(inputs)
        with ExitStack() as stack:
            writers = {
                i: stack.enter_context(_OrderWriter(self._url, cell, seed))
                for i, cell in enumerate(self._cells)
                if cell.images
            }
            for shard in order.tolist():
                batch, streams = self._read(shard, ["key", "weight", "pixels", "bytes", "config"])
                places = _places(parts[shard].number, parts[shard].shards, parts[shard].num_rows)
                for i, writer in writers.items():
                    rows = _taken(np.flatnonzero(streams == i), batch, limits[i], left[i : i + 1])
                    writer.add(batch, rows, places, _odds(limits[i], self._cells[i]))
        return [writers[i].cell() if i in writers else cell for i, cell in enumerate(self._cells)]

    def _streams(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        for shard in read_manifest(self._facts):
            batch, streams = self._read(shard, ["key", "config"])
            yield streams, batch.column("key").to_numpy()

    def _read(self, shard: int, columns: list[str]) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
        """Facts of a shard, and the number of each row's cell, -1 for none."""
        batch = read_shard(self._facts, shard, columns)
        sides = read_shard(self._sides, shard, ["side"]).column("side").to_numpy().astype(np.int64)
        configs = batch.column("config").dictionary_encode()
        table = np.array(
            [
                [self._number.get((side, name), -1) for name in configs.dictionary.to_pylist()]
                for side in range(len(SIDES))
            ]
        ).reshape(len(SIDES), -1)
        return batch, table[sides, configs.indices.to_numpy()]


def _odds(limit: Threshold, cell: Cell) -> float:
    """What a weight is multiplied by to give the odds that its row is taken; 0 where all are."""
    return limit.value if cell.images < cell.available else 0.0


def _taken(rows: NDArray[np.int64], batch: pa.RecordBatch, limit: Threshold, left: NDArray[np.int64]) -> Any:
    """Those of the rows that are taken; `left` counts down the equal ones."""
    keys = batch.column("key").to_numpy()[rows]
    equal = np.flatnonzero(keys == limit.value)[: left[0]]
    left -= len(equal)
    below = keys < limit.value
    below[equal] = True
    return rows[below]


def _places(number: int, shards: Sequence[int], num_rows: Sequence[int]) -> pa.RecordBatch:
    """Input, shard and row of each row of a stretch."""
    shard = np.repeat(np.array(shards, np.int32), num_rows)
    row = np.concatenate([np.arange(count, dtype=np.int32) for count in num_rows])
    return pa.RecordBatch.from_arrays(
        [pa.array(np.full(len(row), number, np.int16)), pa.array(shard), pa.array(row)], names=ORDER.names[:3]
    )


def in_other_order(rows: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Rows of ORDER with the runs of one input's shard drawn in another order, each as it was within."""
    places = np.stack([rows.column("input").to_numpy(), rows.column("shard").to_numpy()])
    starts = np.flatnonzero(np.append(True, (np.diff(places) != 0).any(axis=0)))
    runs = np.split(np.arange(len(rows)), starts[1:])
    return rows.take(pa.array(np.concatenate([runs[number] for number in rng.permutation(len(runs))])))


class _OrderWriter:
    """Writes the rows of a cell; it appears whole. Adds up what they come to."""

    def __init__(self, url: str, cell: Cell, seed: int) -> None:
        self._cell, self._seed, self._num_groups = cell, seed, 0
        self._stack = ExitStack()
        self._folder = Folder(f"{url}/choice/orders/{cell.place}")
        self._waiting: list[pa.RecordBatch] = []
        self._sums = np.zeros(3, np.float64)  # pixels, bytes, weights

    def __enter__(self) -> "_OrderWriter":
        file = self._stack.enter_context(self._folder.writing(ORDER_FILE))
        self._writer = self._stack.enter_context(pq.ParquetWriter(file, ORDER, compression="zstd"))
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            self._flush()
        self._stack.__exit__(*error)

    def add(self, batch: pa.RecordBatch, rows: NDArray[np.int64], places: pa.RecordBatch, odds: float) -> None:
        """Add rows of a batch. What taking the heavier ones rather has done of a weight is taken off it."""
        weights = batch.column("weight").to_numpy()[rows].astype(np.float64)
        weights = np.maximum(weights * odds, 1.0) if odds else weights
        taken = places.take(pa.array(rows))
        self._waiting.append(
            pa.RecordBatch.from_arrays([*taken.columns, pa.array(weights.astype(np.float32))], schema=ORDER)
        )
        self._sums += [
            batch.column("pixels").to_numpy()[rows].sum(),
            batch.column("bytes").to_numpy()[rows].sum(),
            weights.sum(),
        ]
        if sum(map(len, self._waiting)) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            rng = rng_for(self._seed, f"mix/runs/{self._cell.place}", self._num_groups)
            runs = in_other_order(pa.Table.from_batches(self._waiting), rng)
            self._writer.write_table(runs, row_group_size=GROUP_ROWS)
        self._waiting, self._num_groups = [], self._num_groups + 1

    def cell(self) -> Cell:
        """The cell with its sums."""
        pixels, num_bytes, weight = self._sums.tolist()
        known = asdict(self._cell) | {"pixels": int(pixels), "bytes": int(num_bytes)}
        return Cell(**known | {"mean_weight": weight / self._cell.images})
