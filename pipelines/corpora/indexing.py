"""A photo index: the job that gives each photo of a listed corpus its verdict, and the tables it makes."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.ocr import OcrEngine
from curate.picture import BadImage, Picture
from curate.verdict import UNREADABLE, Thresholds, Verdict, judge, text_finder
from pipelines.corpora.archives import Entry
from pipelines.corpora.listing import ENTRIES, PLACE_FIELDS, ListedJob, entry_of
from pipelines.corpora.sources import open_source
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile

NOT_MEASURED = "not measured"

INDEX_SCHEMA = pa.schema(
    [
        *PLACE_FIELDS,
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


class IndexJob(ListedJob):
    """Gives each entry of a listed corpus its row: size, sha256, verdict and what the verdict rests on."""

    schema = INDEX_SCHEMA

    def __init__(self, folder: str, urls: Sequence[str], thresholds: Thresholds, *, measures_text: bool) -> None:
        super().__init__(folder)
        self._thresholds, self._measures_text = thresholds, measures_text
        self._sources = [open_source(url) for url in urls]

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for values in self._listing.rows(shard):
            row = self._judged(values)
            counts[f"verdict/{row['verdict']}"] += 1
            if row["verdict"] == UNREADABLE:
                counts[f"fault/{row['name']}: {row['cause']}"] += 1
            if not self._measures_text:
                counts[f"text/{NOT_MEASURED}"] += 1
            yield row

    def _judged(self, values: dict[str, Any]) -> dict[str, Any]:
        entry = entry_of(values)
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
    """The shards of an index in order. Raises ValueError where there is none, and at the end where some are missing."""
    if not folder.exists(ENTRIES):
        raise ValueError(f"{folder.url} holds no photo index: make it with build_index")
    with folder.open(ENTRIES) as file:
        return _tables(folder, columns, pq.read_metadata(file).num_rows)


def _tables(folder: Folder, columns: Sequence[str], num_listed: int) -> Iterator[pa.Table]:
    num_rows = 0
    for index in sorted(read_manifest(folder)):
        with folder.open(shard_name(index)) as file:
            table = ParquetFile(file).read(columns=columns)
        num_rows += len(table)
        yield table
    if num_rows < num_listed:
        raise ValueError(f"{folder.url}: {num_rows} of {num_listed} photos are indexed; build it again to go on")
