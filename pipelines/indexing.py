"""The parts of a photo index: the corpus listed once, and the job that gives each photo its verdict."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.ocr import OcrEngine
from curate.picture import BadImage, Picture
from curate.verdict import UNREADABLE, Thresholds, Verdict, judge, text_finder
from pipelines.archives import Entry
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.sources import Source, open_source

ENTRIES, LISTING = "entries.parquet", "listing.json"
GROUP_ROWS = 1024
NOT_MEASURED = "not measured"

ENTRY_FIELDS = [
    ("source", pa.int32()),
    ("name", pa.string()),
    ("container", pa.string()),
    ("offset", pa.int64()),
    ("length", pa.int64()),
    ("row_group", pa.int32()),
    ("row", pa.int32()),
    ("licence", pa.string()),
    ("fault", pa.string()),
]
ENTRY_SCHEMA = pa.schema(ENTRY_FIELDS)
INDEX_SCHEMA = pa.schema(
    [
        *ENTRY_FIELDS[:-1],
        ("num_bytes", pa.int64()),
        ("sha256", pa.string()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("format", pa.string()),
        ("verdict", pa.string()),
        ("cause", pa.string()),
        ("sharpness", pa.float32()),
        ("text_fraction", pa.float32()),
        ("text_lines", pa.int32()),
    ]
)


def _row(source: int, entry: Entry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in ENTRY_SCHEMA.names if name != "source"}
    return {"source": source, **values}


def write_entries(folder: Folder, sources: Sequence[Source]) -> None:
    """List corpora into the folder, once; what they hold besides images is counted in listing.json.

    Raises ValueError where there is no image, with those counts.
    """
    counts: Counter[str] = Counter()
    rows = (_row(number, entry) for number, source in enumerate(sources) for entry in source.entries(counts))
    num_rows = 0
    with folder.writing(ENTRIES) as file:
        with pq.ParquetWriter(file, ENTRY_SCHEMA) as writer:
            while group := list(islice(rows, GROUP_ROWS)):
                writer.write_batch(pa.RecordBatch.from_pylist(group, schema=ENTRY_SCHEMA))
                num_rows += len(group)
        if not num_rows:
            raise ValueError(f"the photos' folder holds no image: {describe_counts(counts)}")
        folder.put(LISTING, json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False).encode())


def describe_counts(counts: Counter[str]) -> str:
    """Counts in words, the largest first: "12 skipped/.txt, 3 skipped/hidden"."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common(20)) or "it is empty"


class IndexJob:
    """Gives each entry of a listed corpus its row: size, sha256, verdict and what the verdict rests on."""

    schema = INDEX_SCHEMA

    def __init__(self, folder: str, urls: Sequence[str], thresholds: Thresholds, *, measures_text: bool) -> None:
        self._thresholds, self._measures_text = thresholds, measures_text
        self._sources = [open_source(url) for url in urls]
        self._entries = Folder(folder).read(ENTRIES)
        self._num_entries: int = pq.read_metadata(io.BytesIO(self._entries)).num_rows
        self._shard_rows: int = min(GROUP_ROWS, max(8, -(-self._num_entries // 256)))

    @property
    def num_shards(self) -> int:
        return -(-self._num_entries // self._shard_rows)

    def num_rows(self, shard: int) -> int:
        return min(self._shard_rows, self._num_entries - shard * self._shard_rows)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for values in self._listed(shard):
            row = self._judged(values)
            counts[f"verdict/{row['verdict']}"] += 1
            if row["verdict"] == UNREADABLE:
                counts[f"fault/{row['name']}: {row['cause']}"] += 1
            if not self._measures_text:
                counts[f"text/{NOT_MEASURED}"] += 1
            yield row

    def _listed(self, shard: int) -> list[dict[str, Any]]:
        """The shard's part of the list; it touches two row groups at most."""
        first = shard * self._shard_rows
        last = first + self.num_rows(shard) - 1
        groups = range(first // GROUP_ROWS, last // GROUP_ROWS + 1)
        table = pq.ParquetFile(io.BytesIO(self._entries)).read_row_groups(list(groups))
        rows: list[dict[str, Any]] = table.slice(first - groups[0] * GROUP_ROWS, last - first + 1).to_pylist()
        return rows

    def _judged(self, values: dict[str, Any]) -> dict[str, Any]:
        entry = Entry(**{name: value for name, value in values.items() if name != "source"})
        found = {"num_bytes": 0, "sha256": "", "width_px": 0, "height_px": 0, "format": ""}
        try:
            verdict = self._measure(values["source"], entry, found)
        except BadImage as error:
            verdict = Verdict(verdict=UNREADABLE, cause=error.cause)
        listed = {name: value for name, value in values.items() if name != "fault"}
        measured = {name: getattr(verdict, name) for name in Verdict.__dataclass_fields__}
        return listed | found | measured

    def _measure(self, source: int, entry: Entry, found: dict[str, Any]) -> Verdict:
        """The verdict; what was learned on the way is in `found`, also where BadImage is raised."""
        limits = self._thresholds.limits
        if entry.length >= 0:
            found["num_bytes"] = entry.length
            limits.check_bytes(entry.length)  # before a byte is read
        data = self._sources[source].read(entry)
        found.update(num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        picture = Picture(data, limits)
        header = picture.header
        found.update(width_px=header.width_px, height_px=header.height_px, format=header.format)
        return judge(picture, self._thresholds, self._engine)

    @cached_property
    def _engine(self) -> OcrEngine | None:
        return text_finder() if self._measures_text else None


def index_tables(folder: Folder, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The shards of an index in order. Raises ValueError where some are missing."""
    if not folder.exists(ENTRIES):
        raise ValueError(f"{folder.url} holds no photo index: make it with build_index")
    with folder.open(ENTRIES) as file:
        num_listed = pq.read_metadata(file).num_rows
    num_rows = 0
    for index in sorted(read_manifest(folder)):
        with folder.open(shard_name(index)) as file:
            table = pq.read_table(file, columns=list(columns))
        num_rows += len(table)
        yield table
    if num_rows < num_listed:
        raise ValueError(f"{folder.url}: {num_rows} of {num_listed} photos are indexed; build it again to go on")
