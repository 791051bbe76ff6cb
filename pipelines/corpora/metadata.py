"""What a corpus says of its images besides their pixels: columns of Parquet files, the .json beside an image in a
WebDataset tar, lines of manifest.jsonl, and of metadata.jsonl or .csv as image folders of Hugging Face have them."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from tarfile import TarInfo
from typing import Any, BinaryIO, cast

import pyarrow as pa

from pipelines.corpora.archives import TAR_FAULTS, Entry, leads_out, safe_name, tar_members
from pipelines.shards.images import PARQUET_FAULTS
from pipelines.shards.parquet import ParquetFile

MANIFEST = "manifest.jsonl"
TABLES = {MANIFEST: "file", "metadata.jsonl": "file_name", "metadata.csv": "file_name"}  # and what names an image there
MAX_JSON_BYTES = 1_000_000  # of what a tar says of one image
Said = dict[str, Any]


class MetadataReader:
    """Reads what is said of images under some names. Keeps the columns of the last row group, what the last tar says,
    and of all tables the lines that say something: neighbours cost nothing."""

    def __init__(
        self, open_file: Callable[[str], BinaryIO], exists: Callable[[str], bool], names: Sequence[str], root: str
    ) -> None:
        self._open_file, self._exists, self._names, self._root = open_file, exists, names, root
        self._tables: dict[str, dict[str, Said]] = {}
        self._group: tuple[tuple[str, int], pa.Table | None] = (("", -1), None)
        self._tar: tuple[str, dict[str, Said]] = ("", {})

    def read(self, entry: Entry) -> Said:
        """The values that there are; what stands closest to the image counts: its row or its tar's .json before a
        line that names it, the table of its own folder before one above. Raises OSError as `Source.read`."""
        said: Said = {}
        folders = PurePosixPath(entry.container or entry.name).parts[:-1]  # a tar's own folders hold no tables
        for name in filter(None, (entry.container, entry.name)):
            said |= self._lines(name, len(folders))
        if entry.fault:
            return said
        if entry.row_group >= 0:
            said |= self._row(entry)
        elif entry.container.lower().endswith(".tar"):
            said |= self._json(entry)
        return said

    def _kept(self, values: Any) -> Said:
        """The values asked for of what was read, null ones left out."""
        values = values if isinstance(values, dict) else {}
        return {name: values[name] for name in self._names if values.get(name) is not None}

    def _lines(self, name: str, num_folders: int) -> Said:
        """What the tables of the first folders on the way to a file say of it."""
        said: Said = {}
        parts = PurePosixPath(name).parts
        for depth in range(num_folders + 1):
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
                    for row in rows_of(file, f"{self._root}/{path}"):
                        if key in row and (said := self._kept(row)):
                            found[str(row[key])] = found.get(str(row[key]), {}) | said
        return found

    def _row(self, entry: Entry) -> Said:
        key = (entry.container, entry.row_group)
        if self._group[0] != key:
            self._group = (("", -1), None)  # the old group goes before the new one comes
            self._group = (key, self._load_group(*key))
        table = self._group[1]
        if table is None or entry.row >= table.num_rows:
            return {}
        return self._kept({name: plain(table.column(name)[entry.row]) for name in table.column_names})

    def _load_group(self, container: str, group: int) -> pa.Table | None:
        """A damaged file says nothing: its images are listed with that fault."""
        try:
            with self._open_file(container) as file:
                parquet = ParquetFile(file)
                names = [name for name in self._names if name in parquet.schema_arrow.names]
                return parquet.read_row_group(group, columns=dict.fromkeys(names))
        except (*PARQUET_FAULTS, OSError, IndexError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of the file system, not of Arrow
                raise
            return None

    def _json(self, entry: Entry) -> Said:
        if self._tar[0] != entry.container:
            self._tar = (entry.container, self._load_tar(entry.container))
        return self._tar[1].get(sample_key(entry.name), {})

    def _load_tar(self, container: str) -> dict[str, Said]:
        """What each .json of a tar says, by the sample that it belongs to; in one pass, for a store answers slowly."""
        found = {}
        with self._open_file(container) as file:
            try:
                for member in tar_members(file):
                    key = sample_key(f"{container}/{safe_name(member.name)}")
                    if _is_json(member) and (said := self._kept(_parsed(file, member))):
                        found[key] = said
            except TAR_FAULTS:  # listed as a fault of the tar; what stands before it counts
                pass
        return found


def plain(value: pa.Scalar) -> Any:
    """A value of a Parquet column; dates and times as ISO text, whatever their unit; None where it cannot be read."""
    try:
        return value.cast(pa.string()).as_py() if pa.types.is_temporal(value.type) else value.as_py()
    except (pa.ArrowException, ValueError, OverflowError):
        return None


def _is_json(member: TarInfo) -> bool:
    """Whether a member is the .json of a sample, not another field of it such as .boxes.json."""
    is_its = safe_name(member.name) == f"{sample_key(safe_name(member.name))}.json"
    return is_its and member.isreg() and not leads_out(member.name) and member.size <= MAX_JSON_BYTES


def _parsed(file: BinaryIO, member: TarInfo) -> Any:
    """The JSON of a member; None where it is none."""
    file.seek(member.offset_data)
    try:
        return json.loads(file.read(member.size))
    except (ValueError, RecursionError):
        return None


def sample_key(name: str) -> str:
    """The sample of a tar that a member belongs to: its name up to the first dot of the last part."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def rows_of(file: BinaryIO, path: str) -> Iterator[dict[str, Any]]:
    """The rows of a table of images, JSON lines or CSV in UTF-8. Raises ValueError naming the line that is no row."""
    lines = io.TextIOWrapper(io.BufferedReader(cast(io.RawIOBase, file)), encoding="utf-8-sig", newline="")
    try:
        if path.endswith(".csv"):
            yield from ({name: cell or None for name, cell in row.items()} for row in csv.DictReader(lines))
            return
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _row(line, f"{path} line {number}")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} cannot be read ({error}): write it in UTF-8") from error
    except csv.Error as error:  # a cell of more than 131,072 characters, for one
        raise ValueError(f"{path} cannot be read ({error}): write metadata.jsonl in its place") from error


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON ({error}): write one object a line") from error
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not an object but a {type(row).__name__}: write one object a line")
    return row
