"""Which images of a curation repeat another: prints compared all at once, texts read from a file as they are needed."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.duplicates import exact_duplicates, near_duplicates, parted_by_text, text_duplicates
from curate.scorers import column
from curate.select import OK, STATUS
from pipelines.curation.scoretable import DUPLICATES, SCORES, TEXT, ScoreTable, part_of
from pipelines.runner import run
from pipelines.shards.identity import claim_anew

PRINTS = ("sha256", "phash", "phash_fine")
QUALITIES = ("width_px", "height_px", "clarity", "upscale", "blockiness", "entropy_bits")
MIN_PIXELS = 512 * 512  # of the rules `general`
LAYER = "layer_text"
TEXTS = (LAYER, "ocr_text")  # the first there is
EXACT, NEAR, SAME_TEXT = KINDS = ("exact", "near", "text")  # the surest first
VERSION = "5"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        column("duplicate_of", pa.string(), "id of the image that this one repeats; null where it repeats none"),
        column(
            "duplicate_kind",
            pa.string(),
            "exact: the same file; near: the same to the eye, pages of PDFs by their words too; text: the same words",
        ),
    ]
)
Rows = NDArray[np.int64]


def find_duplicates(out: str) -> None:
    """Write OUT/duplicates, or what is missing of it; nothing where fingerprints were not among the scorers.

    Duplicates of other scores or without the texts, which lie there, are made anew.
    """
    table = ScoreTable(out, (SCORES, TEXT))
    if not set(PRINTS) <= set(table.schema.names):
        return
    folder = part_of(out, DUPLICATES)
    claim_anew(folder, {"scores": table.identity, "version": VERSION})
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

    Of images that are alike one that is neither smeared, enlarged, coarsely compressed nor small repeats none, of such
    the largest, of equally large ones the sharpest (to a hundredth), then the richest in tones, then the first. Rows
    with a fault repeat none and are repeated by none. Some 500 bytes a row are held, and no text.
    """
    found: dict[int, tuple[int, str]] = {}
    names = [name for name in (STATUS, *PRINTS, *QUALITIES) if name in table.schema.names]
    rows = pa.Table.from_batches(without_faults(batch) for batch in table.batches(names))
    order = _best_first(rows)
    with texts_of(table) as texts:
        for kind, leader in leaders_of(rows, texts, order):
            for again in np.flatnonzero(leader != np.arange(len(leader))).tolist():
                found.setdefault(int(order[again]), (int(order[leader[again]]), kind))
    first = {number: root_of(found, number) for number in found}
    ids = {number: row["id"] for number, row in table.take([other for other, _ in first.values()], ("id",))}
    return {number: (ids[other], kind) for number, (other, kind) in first.items()}


def without_faults(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with prints and texts only where the status is ok, null elsewhere; the status is left out."""
    well = pc.equal(batch.column(STATUS), OK)
    columns = {name: batch.column(name) for name in batch.schema.names if name != STATUS}
    for name in columns.keys() & {*PRINTS, *TEXTS}:
        columns[name] = pc.if_else(well, columns[name], pa.scalar(None, columns[name].type))
    return pa.RecordBatch.from_pydict(columns)


@contextmanager
def texts_of(table: ScoreTable) -> Iterator[pa.Table | None]:
    """Of each row the page's own text as "layer", and as "text" that or else what OCR read; None where none was looked
    for.

    They lie in a temporary file that is mapped: the system may drop what was read of it at any time.
    """
    if not set(TEXTS) <= set(table.schema.names):
        yield None
        return
    schema = pa.schema([("layer", pa.string()), ("text", pa.string())])
    with tempfile.NamedTemporaryFile(suffix=".arrow") as file:
        with pa.ipc.new_file(file, schema) as writer:
            for batch in map(without_faults, table.batches((STATUS, *TEXTS))):
                columns = [batch.column(LAYER), pc.coalesce(*batch.columns)]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
        file.flush()
        with pa.memory_map(file.name) as mapped:
            yield pa.ipc.open_file(mapped).read_all()


def root_of(found: dict[int, tuple[int, str]], number: int) -> tuple[int, str]:
    """The row at the end of the chain that begins with this one, which repeats none, and the least sure likeness
    on the way."""
    kinds = []
    while number in found:
        number, kind = found[number]
        kinds.append(kind)
    return number, max(kinds, key=KINDS.index)


def _best_first(rows: pa.Table) -> Rows:
    """The numbers of the rows: first those without a harm that a copy may have come by, at the bounds of the rules
    `general`; then by falling area, then clarity, of which less than a hundredth says nothing, then entropy, which a
    copy of less contrast has lost; where these were measured."""
    harmed = (
        (_numbers(rows, "clarity") < 0.5) | (_numbers(rows, "upscale") > 0.5) | (_numbers(rows, "blockiness") > 1.2)
    )
    harmed |= _numbers(rows, "width_px") * _numbers(rows, "height_px") < MIN_PIXELS
    clarity, area = np.round(_numbers(rows, "clarity"), 2), _numbers(rows, "width_px") * _numbers(rows, "height_px")
    keys = [-_numbers(rows, "entropy_bits"), -clarity, -area, harmed]
    return np.asarray(np.lexsort(keys), np.int64)


def _numbers(rows: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in rows.column_names:
        return np.zeros(len(rows))
    return np.asarray(rows.column(name).fill_null(0).to_numpy(), np.float64)


def leaders_of(rows: pa.Table, texts: pa.Table | None, order: Rows) -> Iterator[tuple[str, Rows]]:
    """For each kind of likeness which place in the order stands for each, the surest kind first."""
    at = pa.array(order)
    yield EXACT, exact_duplicates(rows.column("sha256").take(at))
    near = near_duplicates(rows.column("phash").take(at), rows.column("phash_fine").take(at))
    yield NEAR, near if texts is None else parted_by_text(near, Texts(texts.column("layer"), order))
    if texts is not None:
        yield SAME_TEXT, text_duplicates(Texts(texts.column("text"), order))


class Texts(Sequence[str | None]):
    """Texts in an order, read one at a time from where they lie."""

    def __init__(self, texts: pa.ChunkedArray, order: Rows) -> None:
        self._texts, self._order = texts, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, at: Any) -> Any:
        return self._texts[int(self._order[at])].as_py()
