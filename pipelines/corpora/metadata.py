"""What a corpus says of its images besides their pixels: columns of Parquet files, the .json beside an image in a
WebDataset tar, lines of manifest.jsonl, and of metadata.jsonl or .csv as image folders of Hugging Face have them."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from pipelines.corpora.archives import TAR_FAULTS, Entry, safe_name, tar_members
from pipelines.shards.images import PARQUET_FAULTS
from pipelines.shards.parquet import ParquetFile

MANIFEST = "manifest.jsonl"
TABLES = {MANIFEST: "file", "metadata.jsonl": "file_name", "metadata.csv": "file_name"}  # and what names an image there
MAX_JSON_BYTES = 1_000_000  # of what a tar says of one image
Said = dict[str, Any]


class MetadataReader:
    """Reads what is said of images under some names. Keeps the last row group, the last tar's places and all tables:
    neighbours cost nothing."""

    def __init__(
        self, open_file: Callable[[str], BinaryIO], exists: Callable[[str], bool], names: Sequence[str]
    ) -> None:
        self._open_file, self._exists, self._names = open_file, exists, names
        self._tables: dict[str, dict[str, Said]] = {}
        self._group: tuple[tuple[str, int], list[Said]] = (("", -1), [])
        self._places: tuple[str, dict[str, tuple[int, int]]] = ("", {})

    def read(self, entry: Entry) -> Said:
        """The values that there are; what stands closest to the image counts: its row or its tar's .json before a
        line that names it, the table of its own folder before one above. Raises OSError as `Source.read`."""
        said: Said = {}
        for name in filter(None, (entry.container, entry.name)):
            said |= self._lines(name)
        if entry.fault:
            return said
        if entry.row_group >= 0 and entry.container.lower().endswith(".parquet"):
            said |= self._row(entry)
        elif entry.container.lower().endswith(".tar"):
            said |= self._json(entry)
        return said

    def _kept(self, values: Any) -> Said:
        """The values asked for of what was read, null ones left out."""
        values = values if isinstance(values, dict) else {}
        return {name: values[name] for name in self._names if values.get(name) is not None}

    def _lines(self, name: str) -> Said:
        """What the tables of the folders on the way to a file say of it."""
        said: Said = {}
        parts = PurePosixPath(name).parts
        for depth in range(len(parts)):
            folder, rest = "/".join(parts[:depth]), "/".join(parts[depth:])
            if folder not in self._tables:
                self._tables[folder] = self._load_tables(folder)
            said |= self._tables[folder].get(rest, {})
        return said

    def _load_tables(self, folder: str) -> dict[str, Said]:
        found: dict[str, Said] = {}
        for name, key in TABLES.items():
            path = f"{folder}/{name}" if folder else name
            if self._exists(path):
                with self._open_file(path) as file:
                    for row in rows_of(file, path):
                        if key in row:
                            found[str(row[key])] = found.get(str(row[key]), {}) | self._kept(row)
        return found

    def _row(self, entry: Entry) -> Said:
        key = (entry.container, entry.row_group)
        if self._group[0] != key:
            self._group = (key, self._load_group(*key))
        rows = self._group[1]
        return rows[entry.row] if entry.row < len(rows) else {}

    def _load_group(self, container: str, group: int) -> list[Said]:
        """A damaged file says nothing: its images are listed with that fault."""
        try:
            with self._open_file(container) as file:
                parquet = ParquetFile(file)
                names = [name for name in self._names if name in parquet.schema_arrow.names]
                return [self._kept(row) for row in parquet.read_row_group(group, columns=names).to_pylist()]
        except (*PARQUET_FAULTS, OSError, IndexError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of the file system, not of Arrow
                raise
            return []

    def _json(self, entry: Entry) -> Said:
        if self._places[0] != entry.container:
            self._places = (entry.container, self._find_json(entry.container))
        place = self._places[1].get(sample_key(entry.name))
        if place is None:
            return {}
        with io.BufferedReader(cast(io.RawIOBase, self._open_file(entry.container))) as file:
            file.seek(place[0])
            data = file.read(place[1])
        try:
            return self._kept(json.loads(data))
        except (ValueError, RecursionError):
            return {}

    def _find_json(self, container: str) -> dict[str, tuple[int, int]]:
        """Offset and bytes of each .json of a tar, by the sample that it belongs to."""
        found = {}
        with self._open_file(container) as file:
            try:
                for member in tar_members(file):
                    name = f"{container}/{safe_name(member.name)}"
                    if member.isreg() and name.endswith(".json") and member.size <= MAX_JSON_BYTES:
                        found[sample_key(name)] = (member.offset_data, member.size)
            except TAR_FAULTS:  # listed as a fault of the tar; what stands before it counts
                pass
        return found


def sample_key(name: str) -> str:
    """The sample of a tar that a member belongs to: its name up to the first dot of the last part."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def rows_of(file: BinaryIO, path: str) -> Iterator[dict[str, Any]]:
    """The rows of a table of images, JSON lines or CSV in UTF-8. Raises ValueError naming the line that is no row."""
    lines = io.TextIOWrapper(io.BufferedReader(cast(io.RawIOBase, file)), encoding="utf-8-sig")
    try:
        if path.endswith(".csv"):
            yield from csv.DictReader(lines)
            return
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _row(line, f"{path} line {number}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read ({error}): write it in UTF-8") from error


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON ({error}): write one object a line") from error
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not an object but a {type(row).__name__}: write one object a line")
    return row
