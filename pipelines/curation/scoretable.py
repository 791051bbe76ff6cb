"""The scores of a curation as one table: pixel scores, text, duplicates and what the corpus says of its images, joined
row by row, a shard at a time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.picture import Limits
from pipelines.corpora.listing import ENTRIES, PLACE_FIELDS, entry_of
from pipelines.corpora.pdfs import PageOptions
from pipelines.corpora.sources import open_source
from pipelines.curation.columns import OUTCOME_FIELDS
from pipelines.curation.scoring import OK, Images
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder, source_names
from pipelines.shards.identity import JOB_FILE
from pipelines.shards.parquet import ParquetFile

LIST, SCORES, TEXT, DUPLICATES, CARRIED = PARTS = "list", "scores", "text", "duplicates", "carried"
OUTCOME = tuple(name for name, _ in OUTCOME_FIELDS)
PLACE = tuple(name for name, _ in PLACE_FIELDS)
PATH = "path"


def part_of(url: str, name: str) -> Folder:
    """One of the folders of a curation."""
    return Folder(f"{url.rstrip('/')}/{name}")


def images_of(url: str) -> Images:
    """The listed corpus of a curation. Raises ValueError where nothing was listed."""
    folder = part_of(url, LIST)
    if not folder.exists(JOB_FILE):
        raise ValueError(f"{url} holds no curation: make one with `curate.py score --source PATH --out {url}`")
    job = json.loads(folder.read(JOB_FILE))["identity"]
    limits = Limits(**job["limits"])
    pages = PageOptions(dpi=job["dpi"], limits=limits)
    return Images(list_url=folder.url, urls=tuple(job["sources"]), limits=limits, pages=pages)


class ScoreTable:
    """The rows of a finished scoring, numbered from 0 in the order of the list; never more than a shard in memory.

    Columns: id, path (as `source_name`), status ("ok" or a fault), reason, the image's place, scores, and where
    they were made text columns, duplicate_of and duplicate_kind, and carried ones. A row with a fault has null scores.
    Raises ValueError where scores or text are not finished.
    """

    def __init__(self, url: str, parts: Sequence[str] = PARTS[1:]) -> None:
        self.url = url
        self._images = images_of(url)
        self.limits = self._images.limits
        self._folders = {name: part_of(url, name) for name in parts}
        there = {name: read_manifest(folder) for name, folder in self._folders.items() if folder.exists(JOB_FILE)}
        self._num_rows = {index: info.num_rows for index, info in sorted(there.get(SCORES, {}).items())}
        self._check(there)
        self._ends = list(accumulate(self._num_rows.values()))
        self.schema, self._owner = self._columns(tuple(there))

    def _check(self, there: dict[str, dict[int, Any]]) -> None:
        with Folder(self._images.list_url).open(ENTRIES) as file:
            num_listed = pq.read_metadata(file).num_rows
        for name, manifest in there.items():
            num_rows = sum(info.num_rows for info in manifest.values())
            if num_rows != num_listed:
                raise ValueError(
                    f"{self._folders[name].url} has {num_rows:,} of {num_listed:,} rows: give the same "
                    "`curate.py score` again, which goes on from there"
                )
        if SCORES not in there:
            raise ValueError(f"{self.url} holds no scores: make them with `curate.py score`")

    def _columns(self, parts: Sequence[str]) -> tuple[pa.Schema, dict[str, str]]:
        """The schema of the joined rows, and which part has each column."""
        fields: dict[str, pa.Field] = {}
        owner: dict[str, str] = {}
        for part in parts:
            with self._folders[part].open(shard_name(0)) as file:
                schema = pq.read_schema(file)
            for field in schema:
                if field.name not in fields:
                    fields[field.name], owner[field.name] = field, part
        return pa.schema([*fields.values(), pa.field(PATH, pa.string())]), owner | {PATH: SCORES}

    @property
    def num_rows(self) -> int:
        return self._ends[-1]

    @property
    def num_shards(self) -> int:
        return len(self._num_rows)

    def range_of(self, shard: int) -> range:
        """The numbers of a shard's rows."""
        return range(self._ends[shard] - self._num_rows[shard], self._ends[shard])

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows with these columns (None: all), a batch a shard, in order."""
        for shard in self._num_rows:
            yield self.shard(shard, columns)

    def shard(self, shard: int, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """The rows of one shard. Raises ValueError for a column that was not measured."""
        wanted = list(self.schema.names if columns is None else columns)
        if unknown := [name for name in wanted if name not in self._owner]:
            raise ValueError(f"{self.url} has no column {', '.join(unknown)}; it has {', '.join(self.schema.names)}")
        found: dict[str, Any] = {PATH: self._paths(shard)} if PATH in wanted else {}
        stored = [name for name in wanted if name != PATH]
        for part in dict.fromkeys(self._owner[name] for name in stored):
            mine = [name for name in stored if self._owner[name] == part]
            found |= dict(zip(mine, self._read(part, shard, mine).columns, strict=True))
        if TEXT in self._owner.values() and set(OUTCOME) & set(wanted):
            found |= self._outcomes(shard, [name for name in OUTCOME if name in wanted])
        schema = pa.schema([self.schema.field(name) for name in wanted])
        return pa.RecordBatch.from_arrays([found[name] for name in wanted], schema=schema)

    def _outcomes(self, shard: int, names: Sequence[str]) -> dict[str, Any]:
        """Status and reason of the rows: the pixel job's, or where that was well the text job's."""
        pixels, text = self._read(SCORES, shard, OUTCOME), self._read(TEXT, shard, OUTCOME)
        well = pc.equal(pixels.column("status"), OK)
        return {name: pc.if_else(well, text.column(name), pixels.column(name)) for name in names}

    def _paths(self, shard: int) -> pa.Array:
        place = self._read(SCORES, shard, ("source", "name"))
        ends = pa.array(self._source_names)
        return pc.binary_join_element_wise(ends.take(place.column("source")), place.column("name"), "/")

    def _read(self, part: str, shard: int, columns: Sequence[str]) -> pa.RecordBatch:
        with self._folders[part].open(shard_name(shard)) as file:
            table = ParquetFile(file).read(columns=columns).combine_chunks()
        return pa.RecordBatch.from_arrays(
            [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns],
            names=table.column_names,
        )

    def take(
        self, numbers: Sequence[int], columns: Sequence[str] | None = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Rows by number, in rising order; each shard with one of them is read once."""
        wanted = np.unique(np.asarray(numbers, np.int64))
        shards = np.searchsorted(self._ends, wanted, side="right")
        for shard in np.unique(shards).tolist():
            mine = wanted[shards == shard]
            rows = self.shard(shard, columns).take(pa.array(mine - self.range_of(shard).start))
            yield from zip(mine.tolist(), rows.to_pylist(), strict=True)

    def row(self, number: int, columns: Sequence[str] | None = None) -> dict[str, Any]:
        """One row by its number."""
        [(_, values)] = self.take([number], columns)
        return values

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the scores depend on: the identities of their jobs."""
        folders = {name: self._folders[name] for name in dict.fromkeys(self._owner.values())}
        return {name: json.loads(folder.read(JOB_FILE))["identity"] for name, folder in folders.items()}

    @cached_property
    def _source_names(self) -> list[str]:
        return source_names(self._images.urls)

    def source_name(self, place: Mapping[str, Any]) -> str:
        """Where an image is from, for people: its source's name, and its own in there."""
        return f"{self._source_names[place['source']]}/{place['name']}"

    @cached_property
    def sources(self) -> list[Any]:
        """The sources of the images, opened."""
        return [open_source(url, pages=self._images.pages) for url in self._images.urls]

    def image(self, number: int) -> bytes:
        """The file of a row's image; a PNG of a PDF's page. Raises BadImage where it is gone or never was whole."""
        place = self.row(number, PLACE)
        data: bytes = self.sources[place["source"]].read(entry_of(place))
        return data
