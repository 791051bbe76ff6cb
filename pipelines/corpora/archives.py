"""Images inside other files: WebDataset tars (never extracted) and Parquet columns. Lists them, reads one."""

import os
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa

from curate.picture import BadImage
from pipelines.shards.images import MAX_GROUP_BYTES, PARQUET_FAULTS, find_image_column, image_columns, image_lists
from pipelines.shards.parquet import ParquetFile

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
TAR_BLOCK = 512
# What tarfile raises on headers that are not what they say they are; chains of them are read by recursion.
TAR_FAULTS = (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError)
LICENCE_COLUMNS = ("licence", "license")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where one image lies: a file, bytes of a container, or a row of one.

    `fault` says why an image or a whole container cannot be read; such an entry is listed so that it is
    counted and named, not lost.
    """

    name: str  # relative to the corpus; for people and records
    container: str = ""  # the tar or Parquet file that holds it; "" where `name` is the file
    offset: int = 0
    length: int = -1  # bytes; -1 where only reading tells
    row_group: int = -1
    row: int = -1  # in its row group
    licence: str = ""
    fault: str = ""


def is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def skipped_as(name: str) -> str:
    """Why a name is no image's: the key under which it is counted."""
    path = PurePosixPath(name)
    if path.name.startswith("."):
        return "skipped/hidden"
    suffix = path.suffix.lower()
    return f"skipped/{suffix}" if re.fullmatch(r"\.\w{1,8}", suffix) else "skipped/other names"


def tar_entries(file: BinaryIO, container: str, counts: Counter[str]) -> Iterator[Entry]:
    """The images of a tar in their order; a damaged one ends with an entry that says so."""
    num_files = 0
    try:
        for member in tar_members(file):
            num_files += 1
            yield from _member_entry(member, container, counts)
    except TAR_FAULTS:
        yield Entry(name=container, container=container, fault=f"tar damaged or cut short: after {num_files} files")


def tar_members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The members of a tar in their order. Raises one of TAR_FAULTS where it is damaged or cut short."""
    num_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # else every member ever read stays in memory
            if member.size < 0:  # the next header would be an earlier one
                raise tarfile.ReadError("negative size")
            yield member
            if tar.offset > num_bytes:  # not every file system lets one seek there
                raise tarfile.ReadError("unexpected end of data")
        file.seek(tar.offset)
        if file.read(TAR_BLOCK).strip(b"\0"):
            raise tarfile.ReadError("no end")


def _member_entry(member: tarfile.TarInfo, container: str, counts: Counter[str]) -> Iterator[Entry]:
    if member.isdir():
        return
    if not member.isreg() or member.issparse():
        counts["skipped/link or special file in a tar"] += 1
    elif not is_image(member.name) or PurePosixPath(member.name).name.startswith("."):
        counts[skipped_as(member.name)] += 1
    else:
        name = f"{container}/{safe_name(member.name)}"
        fault = f"unsafe name: {member.name!r} leads out of its tar" if leads_out(member.name) else ""
        yield Entry(name=name, container=container, offset=member.offset_data, length=member.size, fault=fault)


def leads_out(name: str) -> bool:
    """Whether a member's name has steps upwards: a tar with one was made to do harm, or is broken."""
    return ".." in name.replace("\\", "/").split("/")


def safe_name(name: str) -> str:
    """A member's name without what could lead out of a folder or break a line."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "".join(char if char.isprintable() else "_" for char in "/".join(parts))


def parquet_entries(file: BinaryIO, container: str, counts: Counter[str]) -> Iterator[Entry]:
    """The rows of a Parquet file's image column, in order; a damaged file is one entry that says so."""
    try:
        parquet = ParquetFile(file)
        column = find_image_column(file)
        _count_others(parquet, column, counts)
        if column is None:
            return
        first = 0
        for group in range(parquet.num_row_groups):
            for row, licence in enumerate(_licences(parquet, group)):
                yield Entry(
                    name=f"{container}#{first + row}",
                    container=container,
                    row_group=group,
                    row=row,
                    licence=licence,
                )
            first += parquet.metadata.row_group(group).num_rows
    except (*PARQUET_FAULTS, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the file system, not of Arrow
            raise
        yield Entry(name=container, container=container, fault="Parquet file damaged or cut short")


def _count_others(parquet: ParquetFile, column: str | None, counts: Counter[str]) -> None:
    """Count the images of a Parquet file that are in another column than the one that is read."""
    schema, num_rows = parquet.schema_arrow, parquet.metadata.num_rows
    for name in image_lists(schema):
        counts[f"skipped/rows with a list of images, in column {name}"] += num_rows
    if column is None and not image_lists(schema):
        counts["skipped/Parquet file without an image column"] += 1
    for name in image_columns(schema):
        if name != column and pa.types.is_struct(schema.field(name).type):
            counts[f"skipped/images of column {name}: {column} is read"] += num_rows


def _licences(parquet: ParquetFile, group: int) -> list[str]:
    """Each row's licence, "" where no column says it."""
    for name in LICENCE_COLUMNS:
        if name in parquet.schema_arrow.names and _is_text(parquet.schema_arrow.field(name).type):
            column = parquet.read_row_group(group, columns=[name]).column(name)
            return [value or "" for value in column.to_pylist()]
    return [""] * int(parquet.metadata.row_group(group).num_rows)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any(is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


class RowReader:
    """Reads images of Parquet rows and keeps the last row group open: neighbours cost nothing."""

    def __init__(self, open_file: Callable[[str], BinaryIO], max_group_bytes: int = MAX_GROUP_BYTES) -> None:
        self._open_file, self._max_group_bytes = open_file, max_group_bytes
        self._key: tuple[str, int] | None = None
        self._column: Any = None

    def read(self, container: str, row_group: int, row: int) -> bytes:
        """The encoded image. Raises BadImage where the row has none or its group cannot be read."""
        if self._key != (container, row_group):
            self._key, self._column = None, None  # the old group goes before the new one comes
            self._column = self._load(container, row_group)
            self._key = (container, row_group)
        if row >= len(self._column):
            raise BadImage("its row is gone")
        value = self._column[row].as_py()
        data = value["bytes"] if isinstance(value, dict) else value
        if data is None:
            raise BadImage("no bytes in its row")
        return bytes(data)

    def _load(self, container: str, row_group: int) -> Any:
        try:
            with self._open_file(container) as file:
                parquet = ParquetFile(file)
                name = find_image_column(file)
                if name is None:
                    raise BadImage("no image column any more")
                is_struct = pa.types.is_struct(parquet.schema_arrow.field(name).type)
                leaf = f"{name}.bytes" if is_struct else name
                self._check_size(parquet.metadata.row_group(row_group), leaf)
                return parquet.read_row_group(row_group, columns=[leaf]).column(0)
        except (*PARQUET_FAULTS, OSError, IndexError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of the file system, not of Arrow
                raise
            raise BadImage("its row group cannot be read") from error

    def _check_size(self, group: Any, leaf: str) -> None:
        columns = [group.column(number) for number in range(group.num_columns)]
        num_bytes = sum(column.total_uncompressed_size for column in columns if column.path_in_schema == leaf)
        if num_bytes > self._max_group_bytes:
            raise BadImage(
                f"row group too large: {num_bytes} bytes of images, over the {self._max_group_bytes} allowed; "
                "write the file with smaller row groups"
            )
