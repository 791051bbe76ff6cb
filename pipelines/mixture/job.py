"""Copies the planned rows of one configuration and split, images and labels as they are, lineage added."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.curation.packorder import read_order
from pipelines.mixture.inputs import Input, mixed_schema, row_groups, schema_of, source_sha256
from pipelines.mixture.orders import Cell
from pipelines.shards.folder import Folder
from pipelines.shards.record import LINE, LineTable

SIDES_PX = (256, 512, 768, 1024, 1536, 2048, 4096)


class MixJob:
    """Makes the rows of a cell in the order of the plan."""

    def __init__(self, inputs: Sequence[Input], plan: str, cell: Cell, images_per_shard: int) -> None:
        self._inputs, self._cell, self._images_per_shard = inputs, cell, images_per_shard
        self._order = Folder(f"{plan}/choice/orders/{cell.place}")
        self.schema = mixed_schema(inputs)
        self._columns = [schema_of(one).names for one in inputs]

    @property
    def num_shards(self) -> int:
        return -(-self._cell.images // self._images_per_shard)

    def num_rows(self, shard: int) -> int:
        return min(self._images_per_shard, self._cell.images - shard * self._images_per_shard)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        order = read_order(self._order, shard * self._images_per_shard, self.num_rows(shard))
        for (number, index), places in groupby(order, lambda one: (one["input"], one["shard"])):
            for row, weight in self._taken(number, index, list(places)):
                mixed = self._mixed(row, number, weight / self._cell.mean_weight)
                count(mixed, counts)
                yield mixed

    def _taken(
        self, number: int, shard: int, places: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[dict[str, Any], float]]:
        """Rows of an input's shard, each row group read once, with the weights planned for them."""
        first = 0
        for table in row_groups(self._inputs[number], shard, self._columns[number]):
            mine = [place for place in places if first <= place["row"] < first + len(table)]
            if mine:
                rows = table.take(pa.array([place["row"] - first for place in mine]))
                yield from zip(plain_rows(rows), (place["weight"] for place in mine), strict=True)
            first += len(table)

    def _mixed(self, row: dict[str, Any], number: int, weight: float) -> dict[str, Any]:
        added = {
            "weight": weight,
            "category": row.get("category") or "",
            "origin": self._inputs[number].name,
            "source_sha256": source_sha256(row),
        }
        row = row | added | {"image": row["image"]["bytes"]}
        return {name: row.get(name) for name in self.schema.names}


def plain_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as Python values; lines, of which there are many, as tables of columns."""
    lines = line_tables(table.column("lines"))
    rest = table.drop_columns(["lines"])
    for number, row in enumerate(lines):
        [values] = rest.slice(number, 1).to_pylist()
        yield values | {"lines": row}


def line_tables(column: pa.ChunkedArray) -> list[LineTable]:
    """The lines of each row of a column."""
    lists = column.combine_chunks()
    lengths = lists.value_lengths().fill_null(0).to_numpy(False)
    ends = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    lines = lists.flatten()
    columns = {field.name: _values(lines.field(field.name), field.type) for field in LINE}
    return [LineTable(**{name: values[start:end] for name, values in columns.items()}) for start, end in pairwise(ends)]


def _values(column: Any, kind: pa.DataType) -> Any:
    if pa.types.is_string(kind):
        return column.to_pylist()
    if pa.types.is_float32(kind):
        return column.to_numpy(False)
    return column.flatten().flatten().to_numpy(False).reshape(-1, 4, 2)


def count(row: dict[str, Any], counts: Counter[str]) -> None:
    """Add a row's totals, as card and statistics show them."""
    counts["images"] += 1
    counts["pixels"] += row["width_px"] * row["height_px"]
    counts["image bytes"] += len(row["image"])
    counts["lines"] += len(row["lines"])
    counts["characters"] += len((row["text"] or "").replace("\n", "")) or row.get("ocr_chars") or 0
    for name in ("licence", "language", "layout", "category", "origin"):
        counts[f"{name}/{row[name] or ''}"] += 1
    side = min(row["width_px"], row["height_px"])
    below = next((limit for limit in SIDES_PX if side < limit), None)
    counts[f"side/{f'below {below} px' if below else f'{SIDES_PX[-1]} px or more'}"] += 1
