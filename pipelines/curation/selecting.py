"""Selections: rules over a score table -> OUT/selections/NAME, without an image being touched.

A selection is two files. rows.parquet has the rows of the score table in its order (id, keep, reason,
weight, category), GROUP_ROWS a row group; cuts.json, written last, has the rules with their bounds as
numbers, and counts.
"""

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.categories import category_names
from curate.rules import Selection
from curate.rulesfile import parse_rules
from curate.select import ID, Reasons, Stream, columns_of, resolve
from curate.weigh import decisions, resolve_quotas
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selection_counts import Tally
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile

RULES = Path(__file__).parents[1] / "rules"
SELECTIONS, ROWS_FILE, CUTS_FILE = "selections", "rows.parquet", "cuts.json"
GROUP_ROWS = 65536
SELECTED = pa.schema(
    [
        (ID, pa.string()),
        ("keep", pa.bool_()),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("weight", pa.float32()),
        ("category", pa.dictionary(pa.int32(), pa.string())),
    ]
)


class Scores(Protocol):
    """What is selected from: a table of scores, streamed in an order that does not change."""

    @property
    def schema(self) -> pa.Schema: ...

    @property
    def num_rows(self) -> int: ...

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What a selection came to: `dropped` by the first rule failed, the most first. `seconds` of this run alone."""

    name: str
    num_rows: int
    num_kept: int
    dropped: Mapping[str, int]
    seconds: float


def load_rules(rules: str) -> dict[str, Selection]:
    """The selections of a rules file, or of one that comes with the package by its name ("general",
    "text-rich", "stages"). Raises ValueError, FileNotFoundError naming those."""
    path = RULES / f"{rules}.yaml"
    if not path.exists():
        path = Path(rules)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RULES.glob("*.yaml")))
        raise FileNotFoundError(f"rules {rules!r} is neither a file nor one of: {known}")
    return parse_rules(path.read_text("utf-8"), str(path))


def chosen(selections: Mapping[str, Selection], names: Sequence[str]) -> list[Selection]:
    """Those of these names, or all. Raises ValueError for a name that is not there."""
    for name in names:
        if name not in selections:
            raise ValueError(f"selection {name!r} is not in the rules; they have {', '.join(selections)}")
    return [selections[name] for name in names or selections]


def select_from(scores: Scores, selections: Sequence[Selection], out: str) -> list[Selected]:
    """Write each selection into OUT/selections, replacing one of its name; scores are read once.

    Raises ValueError, before anything is written, where a rule names a column that is not there.
    """
    names = scores.schema.names
    wanted = {name for selection in selections for name in columns_of(selection, names)} | {ID}
    with spooled(scores.batches([name for name in names if name in wanted])) as stream:
        return [_write_selection(selection, names, stream, Folder(out)) for selection in selections]


@contextmanager
def spooled(batches: Iterator[pa.RecordBatch]) -> Iterator[Stream]:
    """The batches as a file on disk, GROUP_ROWS rows in each, to be read several times."""
    with tempfile.NamedTemporaryFile(suffix=".arrow") as file:
        writer = None
        for batch in regrouped(batches, GROUP_ROWS):
            writer = writer or pa.ipc.new_stream(file, batch.schema)
            writer.write_batch(batch)
        if writer is not None:
            writer.close()
        file.flush()

        def stream() -> Iterator[pa.RecordBatch]:
            if writer is not None:
                with pa.OSFile(file.name) as part:  # a memory map would count as this process's memory
                    yield from pa.ipc.open_stream(part)

        yield stream


def regrouped(batches: Iterable[pa.RecordBatch], num_rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `num_rows`; the last may be smaller."""
    parts: list[pa.RecordBatch] = []
    for batch in batches:
        parts.append(batch)
        while sum(map(len, parts)) >= num_rows:
            joined = pa.concat_batches(parts)
            yield joined.slice(0, num_rows)
            parts = [joined.slice(num_rows)] if len(joined) > num_rows else []
    if parts:
        yield pa.concat_batches(parts)


def _write_selection(selection: Selection, names: Sequence[str], stream: Stream, folder: Folder) -> Selected:
    start = time.perf_counter()
    cuts = resolve(selection, names, stream)
    quotas = resolve_quotas(cuts, stream)
    tally = Tally(cuts)
    place = f"{SELECTIONS}/{selection.name}"
    folder.delete(f"{place}/{CUTS_FILE}")
    with folder.writing(f"{place}/{ROWS_FILE}") as file, pq.ParquetWriter(file, SELECTED, compression="zstd") as writer:
        for batch, reasons, weights, numbers in decisions(stream, cuts, quotas):
            tally.add(reasons, weights, numbers)
            writer.write_batch(_rows(batch, reasons, weights, numbers, category_names(selection)))
    about = tally.summary(quotas)
    folder.put(f"{place}/{CUTS_FILE}", json.dumps(about, indent=1, ensure_ascii=False).encode())
    return Selected(
        name=selection.name,
        num_rows=tally.num_rows,
        num_kept=tally.num_kept,
        dropped=about["counts"]["dropped"],
        seconds=time.perf_counter() - start,
    )


def _rows(
    batch: pa.RecordBatch,
    reasons: Reasons,
    weights: NDArray[np.float32],
    numbers: NDArray[np.int32],
    categories: Sequence[str],
) -> pa.RecordBatch:
    category = pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(categories, pa.string()))
    columns = [batch.column(ID), pa.array(reasons.keep), reasons.array(), pa.array(weights), category]
    return pa.RecordBatch.from_arrays(columns, schema=SELECTED)


def read_cuts(folder: Folder, name: str) -> dict[str, Any]:
    """cuts.json of a selection. Raises ValueError naming those there are."""
    path = f"{SELECTIONS}/{name}/{CUTS_FILE}"
    if not folder.exists(path):
        raise ValueError(f"{folder.url} holds no whole selection {name!r}; there are {selection_names(folder)}")
    cuts: dict[str, Any] = json.loads(folder.read(path))
    return cuts


def selection_names(folder: Folder) -> list[str]:
    """The whole selections of a curation."""
    return sorted(path.split("/")[1] for path in folder.list(SELECTIONS) if path.endswith(f"/{CUTS_FILE}"))


def selected_rows(folder: Folder, name: str, rows: range, columns: Sequence[str] = SELECTED.names) -> pa.Table:
    """Some rows of a selection, by their place in the score table; reads no more row groups than these lie in."""
    with folder.open(f"{SELECTIONS}/{name}/{ROWS_FILE}") as file:
        groups = list(range(rows.start // GROUP_ROWS, -(-rows.stop // GROUP_ROWS)))
        table = ParquetFile(file).read_row_groups(groups, columns=columns)
    return table.slice(rows.start % GROUP_ROWS, len(rows))


def selected_batches(folder: Folder, name: str, columns: Sequence[str] = SELECTED.names) -> Iterator[pa.RecordBatch]:
    """All rows of a selection in the order of the score table. Raises ValueError where it is not whole."""
    read_cuts(folder, name)
    with folder.open(f"{SELECTIONS}/{name}/{ROWS_FILE}") as file:
        yield from ParquetFile(file).iter_batches(GROUP_ROWS, columns=columns)


def select(table: ScoreTable, rules: str = "general", names: Sequence[str] = ()) -> list[Selected]:
    """Write the selections of a rules file (all, or those of these names) beside the scores."""
    return select_from(table, chosen(load_rules(rules), names), table.url)
