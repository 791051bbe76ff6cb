"""A corpus listed once: every image with its place, a row each, and the parts of the list that shards take."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.corpora.archives import Entry
from pipelines.corpora.sources import Source
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile

ENTRIES, LISTING = "entries.parquet", "listing.json"
SKIPPED = "skipped/"
MAX_KINDS = 10  # of what was skipped, that are named
GROUP_ROWS = 1024
PLACE_FIELDS = [
    ("source", pa.int32()),
    ("name", pa.string()),
    ("container", pa.string()),
    ("offset", pa.int64()),
    ("length", pa.int64()),
    ("row_group", pa.int32()),
    ("row", pa.int32()),
    ("licence", pa.string()),
]
ENTRY_SCHEMA = pa.schema([*PLACE_FIELDS, ("fault", pa.string())])


def write_entries(folder: Folder, sources: Sequence[Source]) -> None:
    """List corpora into the folder, once; what they hold besides images is counted in listing.json.

    Raises ValueError where there is no image, with those counts.
    """
    counts: Counter[str] = Counter()
    rows, num_rows = entry_rows(sources, counts), 0
    with folder.writing(ENTRIES) as file:
        with pq.ParquetWriter(file, ENTRY_SCHEMA) as writer:
            while group := list(islice(rows, GROUP_ROWS)):
                writer.write_batch(pa.RecordBatch.from_pylist(group, schema=ENTRY_SCHEMA))
                num_rows += len(group)
        if not num_rows:
            raise ValueError(
                f"no image in {', '.join(map(str, sources))} ({describe_counts(counts)}): give images, or folders, "
                "Parquet files, tars or PDFs of them"
            )
        folder.put(LISTING, json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False).encode())


def entry_rows(sources: Sequence[Source], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """Every image of the sources as a row of ENTRY_SCHEMA; names are unique within a source."""
    for number, source in enumerate(sources):
        for entry in _unique_names(source.entries(counts)):
            values = {name: getattr(entry, name) for name in ENTRY_SCHEMA.names if name != "source"}
            yield {"source": number, **values}


def _unique_names(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The entries; of members of one tar with the same name the later ones get their offset as ending."""
    for container, group in groupby(entries, key=lambda entry: entry.container):
        seen: set[str] = set()
        for entry in group:
            yield replace(entry, name=f"{entry.name}@{entry.offset}") if entry.name in seen else entry
            if container:
                seen.add(entry.name)


def describe_counts(counts: Counter[str]) -> str:
    """Counts in words, the largest first: "12 skipped (.txt), 3 skipped (hidden)"."""
    shown = [f"{count:,} {name.replace('/', ' (', 1)}{')' * ('/' in name)}" for name, count in counts.most_common(20)]
    return ", ".join(shown) or "it is empty"


def describe_skipped(folder: Folder) -> str:
    """What a listed corpus holds besides images, in words, the most first; empty where there is nothing else."""
    counts = Counter(json.loads(folder.read(LISTING))) if folder.exists(LISTING) else Counter()
    found = {name.removeprefix(SKIPPED): n for name, n in counts.most_common() if name.startswith(SKIPPED)}
    more = f", and {len(found) - MAX_KINDS:,} more kinds" if len(found) > MAX_KINDS else ""
    return ", ".join(f"{n:,} {name}" for name, n in list(found.items())[:MAX_KINDS]) + more


def images_by_source(folder: Folder) -> Counter[int]:
    """How many entries each source has in a list."""
    counts: Counter[int] = Counter()
    with folder.open(ENTRIES) as file:
        for batch in ParquetFile(file).iter_batches(columns=["source"]):
            counts.update(batch.column(0).to_pylist())
    return counts


class Listing:
    """The listed entries in shards: ranges fixed by their number alone. Read once, kept as packed as on disk."""

    def __init__(self, folder: Folder) -> None:
        self._data = folder.read(ENTRIES)
        try:
            self.num_entries: int = pq.read_metadata(io.BytesIO(self._data)).num_rows
        except pa.ArrowInvalid as error:
            raise ValueError(f"{folder.url}/{ENTRIES} is damaged ({error}): name another folder") from error
        self._shard_rows: int = min(GROUP_ROWS, max(8, -(-self.num_entries // 256)))

    @property
    def num_shards(self) -> int:
        return -(-self.num_entries // self._shard_rows)

    def num_rows(self, shard: int) -> int:
        """How many entries a shard has."""
        return min(self._shard_rows, self.num_entries - shard * self._shard_rows)

    def rows(self, shard: int) -> list[dict[str, Any]]:
        """The shard's part of the list."""
        return self._slice(shard * self._shard_rows, self.num_rows(shard))

    def row(self, number: int) -> dict[str, Any]:
        """One entry by its number from 0."""
        return self._slice(number, 1)[0]

    def _slice(self, first: int, num_rows: int) -> list[dict[str, Any]]:
        """It touches two row groups at most."""
        groups = range(first // GROUP_ROWS, (first + num_rows - 1) // GROUP_ROWS + 1)
        table = ParquetFile(io.BytesIO(self._data)).read_row_groups(groups)
        rows: list[dict[str, Any]] = table.slice(first - groups[0] * GROUP_ROWS, num_rows).to_pylist()
        return rows


class ListedJob:
    """What jobs have in common that make a row for each entry of a list, in the list's shards."""

    def __init__(self, list_url: str) -> None:
        self._listing = Listing(Folder(list_url))

    @property
    def num_shards(self) -> int:
        return self._listing.num_shards

    def num_rows(self, shard: int) -> int:
        return self._listing.num_rows(shard)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The entry of a row that holds at least its place."""
    return Entry(**{name: row[name] for name in Entry.__dataclass_fields__ if name in row})
