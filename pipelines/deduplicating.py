"""Which images of a curation repeat another: compared all at once in few bytes a row, written row for row."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.duplicates import exact_duplicates, near_duplicates, text_duplicates
from curate.scorers import column
from pipelines.runner import run
from pipelines.scoretable import DUPLICATES, SCORES, TEXT, ScoreTable, part_of
from pipelines.selecting import spooled
from pipelines.shards.identity import claim_folder

PRINTS = ("sha256", "phash", "phash_fine")
COMPARED = (*PRINTS, "width_px", "height_px", "clarity", "layer_text", "ocr_text")
EXACT, NEAR, SAME_TEXT = "exact", "near", "text"
VERSION = "2"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        column("duplicate_of", pa.string(), "id of the image that this one repeats; null where it repeats none"),
        column("duplicate_kind", pa.string(), "exact: the same file; near: the same to the eye; text: the same words"),
    ]
)
Rows = NDArray[np.int64]


def find_duplicates(out: str) -> None:
    """Write OUT/duplicates, or what is missing of it; nothing where fingerprints were not among the scorers."""
    table = ScoreTable(out, (SCORES, TEXT))
    if not set(PRINTS) <= set(table.schema.names):
        return
    folder = part_of(out, DUPLICATES)
    claim_folder(folder, {"scores": table.identity, "version": VERSION})
    run(partial(DuplicatesJob, out), table.num_shards, folder.url, num_workers=0, unit="rows compared")


class DuplicatesJob:
    """Says of each row which other it repeats. All rows are compared when the first shard is made."""

    schema = SCHEMA

    def __init__(self, out: str) -> None:
        self._table = ScoreTable(out, (SCORES, TEXT))
        self._found: dict[int, tuple[str, str]] | None = None

    def num_rows(self, shard: int) -> int:
        return len(self._table.range_of(shard))

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        if self._found is None:
            self._found = repeats(self._table)
        ids = self._table.shard(shard, ("id",)).column("id").to_pylist()
        for number, name in zip(self._table.range_of(shard), ids, strict=True):
            other, kind = self._found.get(number, (None, None))
            if kind is not None:
                counts[f"duplicate/{kind}"] += 1
            yield {"id": name, "duplicate_of": other, "duplicate_kind": kind}


def repeats(table: ScoreTable) -> dict[int, tuple[str, str]]:
    """For each row that repeats another, by number: the id of that one, and how they are alike.

    Of images that are alike the largest repeats none, of equally large ones the sharpest, then the first.
    """
    found: dict[int, tuple[int, str]] = {}
    columns = [name for name in COMPARED if name in table.schema.names]
    with spooled(table.batches(columns)) as stream:
        rows = pa.Table.from_batches(stream())
        order = _best_first(rows)
        for kind, leader in leaders_of(rows, order):
            for again in np.flatnonzero(leader != np.arange(len(leader))).tolist():
                found.setdefault(int(order[again]), (int(order[leader[again]]), kind))
    ids = {number: row["id"] for number, row in table.take([other for other, _ in found.values()], ("id",))}
    return {number: (ids[other], kind) for number, (other, kind) in found.items()}


def _best_first(rows: pa.Table) -> Rows:
    """The numbers of the rows by falling area, then by falling clarity, where these were measured."""
    keys = [-_numbers(rows, "clarity"), -_numbers(rows, "width_px") * _numbers(rows, "height_px")]
    return np.lexsort(keys)


def _numbers(rows: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in rows.column_names:
        return np.zeros(len(rows))
    return np.asarray(rows.column(name).fill_null(0).to_numpy(), np.float64)


def leaders_of(rows: pa.Table, order: Rows) -> Iterator[tuple[str, Rows]]:
    """For each kind of likeness which place in the order stands for each, the surest kind first."""
    at = pa.array(order)
    yield EXACT, exact_duplicates(rows.column("sha256").take(at))
    yield NEAR, near_duplicates(rows.column("phash").take(at), rows.column("phash_fine").take(at))
    texts = [rows.column(name) for name in ("layer_text", "ocr_text") if name in rows.column_names]
    if texts:
        yield SAME_TEXT, text_duplicates(Texts(pc.coalesce(*texts), order))


class Texts(Sequence[str | None]):
    """Texts in an order, read one at a time from where they lie."""

    def __init__(self, texts: pa.ChunkedArray, order: Rows) -> None:
        self._texts, self._order = texts, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, at: Any) -> Any:
        return self._texts[int(self._order[at])].as_py()
