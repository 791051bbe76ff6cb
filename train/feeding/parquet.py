"""Parquet files as data to train on: the shards of a folder, the small columns of one, the images of a row group."""

import errno
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.shards.files import shard_name, sidecars
from pipelines.shards.folder import Folder
from pipelines.shards.images import MAX_GROUP_BYTES, PARQUET_FAULTS, image_column
from pipelines.shards.parquet import ParquetFile
from train.curriculum import BANDS

SPLITS = ("train", "validation", "test")
KINDS = ("general", "text", "synthetic")
MAX_SIDE_PX = 65_535  # what the index can say of a side; a larger one fits as well
SMALL_COLUMNS = ("kind", "band", "width_px", "height_px", "weight")
TEXT_COLUMNS = ("text_area", "ocr_chars_per_mpx")  # of packed sets: above 0 where an image holds text
PAUSES_S = (1, 5, 25)  # seconds between tries of a store that fails
T = TypeVar("T")
REMEDY = "give the command that made the set again, which makes this shard anew"


class BadGroup(ValueError):  # noqa: N818 - like BadImage, what is wrong
    """A row group that cannot be read: its bytes are damaged, the store answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One Parquet file."""

    folder: Folder = field(repr=False)
    name: str
    num_bytes: int
    num_rows: int = -1  # as its sidecar says; -1 where it has none
    sha256: str = ""

    @property
    def path(self) -> str:
        return f"{self.folder.url}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """The small columns of a shard of n rows in g row groups; see Corpus."""

    shard: Shard
    kinds: NDArray[np.int8]  # (n,) place in KINDS
    bands: NDArray[np.int8]  # (n,) place in BANDS, -1 where none is known
    mirrored: NDArray[np.bool_]
    width_px: NDArray[np.uint16]
    height_px: NDArray[np.uint16]
    weight: NDArray[np.float32]
    group_rows: NDArray[np.int64]  # (g,)
    group_bytes: NDArray[np.int64]  # (g,)
    mark: str  # the kind that was given for it


def shards_of(folder: Folder) -> list[Shard]:
    """The Parquet files of a folder, by name. Where it holds sidecars, each shard must be as its own says.

    Raises ValueError naming a shard that is not, a folder without shards, or one that holds several splits.
    """
    promised = {f"data/{name[9:-5]}.parquet" for name in folder.list("manifest") if name.endswith(".json")}
    sizes = folder.list("data" if promised else "")
    names = [name for name in sizes if name.endswith(".parquet")]
    if not promised and not names:
        behind = f"; behind = stands one of {', '.join(KINDS)}" if "=" in folder.url.rpartition("/")[2] else ""
        raise ValueError(
            f"{folder.url} is no folder, or holds no Parquet file: name the folder of a rendered, packed or mixed set; "
            f"photos as files become one by pipelines/curate.py{behind}"
        )
    _check_one_split(folder, names)
    infos = {shard_name(info.index): info for info in sidecars(folder)} if promised else {}
    if broken := sorted((promised | set(names)) - set(infos)) if promised else []:
        size = f"{sizes[broken[0]]} bytes" if broken[0] in sizes else "gone"
        raise ValueError(f"{folder.url}/{broken[0]} is {size}: its sidecar says otherwise, or is missing; {REMEDY}")
    return [
        Shard(folder=folder, name=name, num_bytes=sizes[name])
        if name not in infos
        else Shard(
            folder=folder,
            name=name,
            num_bytes=sizes[name],
            num_rows=infos[name].num_rows,
            sha256=infos[name].sha256,
        )
        for name in names
    ]


def _check_one_split(folder: Folder, names: Sequence[str]) -> None:
    """Raise ValueError where the names are of several splits, as folders (test/) or as files (data/test-00000)."""
    if sets := sorted({name.split("/")[1] for name in names if name.startswith("packed/") and name.count("/") > 1}):
        raise ValueError(f"{folder.url} is a curation, whose sets lie in packed: name {folder.url}/packed/{sets[0]}")
    folders = {name.partition("/")[0] for name in names if "/" in name}
    words = folders | {re.split(r"[-_.]", name.rpartition("/")[2])[0] for name in names}
    if len(found := [split for split in SPLITS if split in words]) > 1:
        where = f", such as {folder.url}/{found[0]}" if found[0] in folders else ", moved into a folder of its own"
        raise ValueError(
            f"{folder.url} holds the splits {' and '.join(found)}: name one{where}, and give another by --held-out"
        )


def read_part(shard: Shard, kind: str = "") -> Part:
    """The small columns of a shard; `kind` is that of all its rows, "" where a column says it.

    Raises ValueError naming the shard: cut short, of other rows than its sidecar says, without images, without a kind.
    """
    try:
        with shard.folder.open(shard.name) as file:
            parquet = ParquetFile(file)
            leaf = _image_leaf(parquet, shard)
            there = [name for name in (*SMALL_COLUMNS, *TEXT_COLUMNS) if name in parquet.schema_arrow.names]
            table = parquet.read(columns=there)
            metadata = parquet.metadata
    except (*PARQUET_FAULTS, OSError) as error:
        _raise_store_errors(error)
        raise ValueError(f"{shard.path} is damaged or cut short ({error}): {REMEDY}") from error
    if shard.num_rows not in (-1, metadata.num_rows):
        raise ValueError(f"{shard.path} has {metadata.num_rows} rows, its sidecar says {shard.num_rows}: {REMEDY}")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    group_bytes = [group.column(leaf).total_uncompressed_size for group in groups]
    if max(group_bytes, default=0) > MAX_GROUP_BYTES:
        raise ValueError(
            f"{shard.path} has a row group of {max(group_bytes)} bytes of images, over the {MAX_GROUP_BYTES} "
            "allowed: write it with smaller row groups"
        )
    return Part(
        shard=shard,
        group_rows=np.array([group.num_rows for group in groups], np.int64),
        group_bytes=np.array(group_bytes, np.int64),
        mark=kind,
        **_columns(table, metadata.num_rows, kind, shard),
    )


def _raise_store_errors(error: Exception) -> None:
    """Give on an error of the file system; Arrow's own, of a damaged file, have no number."""
    if isinstance(error, TimeoutError | ConnectionError) or (isinstance(error, OSError) and error.errno is not None):
        raise error


def _columns(table: pa.Table, num_rows: int, kind: str, shard: Shard) -> dict[str, Any]:
    if not kind and "kind" not in table.column_names:
        raise ValueError(
            f"{shard.path} has no column kind: write FOLDER=general, =text or =synthetic behind the folder"
        )
    kinds = np.full(num_rows, KINDS.index(kind), np.int8) if kind else _places(table, "kind", KINDS)
    if (kinds < 0).any():
        found = table.column("kind")[int(np.argmin(kinds))].as_py()
        raise ValueError(f"{shard.path} has a row of kind {found!r}: write FOLDER=general, =text or =synthetic instead")
    texts = sum((_numbers(table, name, 0.0) > 0 for name in TEXT_COLUMNS), np.zeros(num_rows, np.bool_))
    weight = _numbers(table, "weight", 1.0)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError(f"{shard.path} has a weight that is no number from 0: select and pack the set anew")
    sides = (_numbers(table, name, 0.0).clip(0, MAX_SIDE_PX) for name in ("width_px", "height_px"))
    width_px, height_px = (side.astype(np.uint16) for side in sides)
    return {
        "kinds": kinds,
        "bands": _places(table, "band", BANDS) if "band" in table.column_names else np.full(num_rows, -1, np.int8),
        "mirrored": (kinds == KINDS.index("general")) & ~texts,
        "width_px": width_px,
        "height_px": height_px,
        "weight": weight.astype(np.float32),
    }


def _places(table: pa.Table, name: str, known: Sequence[str]) -> NDArray[np.int8]:
    """Each value's place among those known, -1 for another."""
    if not _is_text(table.schema.field(name).type):
        return np.full(table.num_rows, -1, np.int8)
    places = pc.index_in(table.column(name).cast(pa.string()), value_set=pa.array(known)).fill_null(-1)
    return np.asarray(places.to_numpy()).astype(np.int8)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numbers(table: pa.Table, name: str, missing: float) -> NDArray[np.float64]:
    """A column of numbers; `missing` where it or a value is not there."""
    if name not in table.column_names:
        return np.full(table.num_rows, missing)
    return np.asarray(table.column(name).cast(pa.float64()).fill_null(missing).to_numpy())


def open_images(shard: Shard, group: int) -> pa.Array:
    """The encoded images of a row group, a binary array; a store that fails is asked again, thrice.

    Raises BadGroup where it is damaged, OSError where the store goes on failing.
    """
    return patiently(partial(_open_images, shard, group))


def patiently(read: Callable[[], T]) -> T:
    """What a store gives, which is asked again, thrice, where it fails."""
    for seconds in PAUSES_S:
        try:
            return read()
        except FileNotFoundError:
            raise
        except OSError:
            time.sleep(seconds)
    return read()


@contextmanager
def telling(shard: Shard, group: int) -> Iterator[None]:
    """Errors within as BadGroup where the shard is damaged, and as OSError where the store failed."""
    try:
        yield
    except (*PARQUET_FAULTS, IndexError, OSError) as error:
        _raise_store_errors(error)
        raise BadGroup(f"row group {group} cannot be read ({error}); {REMEDY}") from error
    except ValueError:
        raise
    except Exception as error:  # a store's own, such as botocore's
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", shard.path) from error


def _open_images(shard: Shard, group: int) -> pa.Array:
    with telling(shard, group), shard.folder.open(shard.name) as file:
        parquet = ParquetFile(file)
        leaf = parquet.metadata.schema.column(_image_leaf(parquet, shard)).path
        column = parquet.read_row_group(group, columns=[leaf]).column(0).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    return column.field("bytes") if pa.types.is_struct(column.type) else column


def _image_leaf(parquet: ParquetFile, shard: Shard) -> int:
    """The number of the leaf that holds encoded images."""
    name = image_column(parquet.schema_arrow)
    if name is None:
        columns = ", ".join(parquet.schema_arrow.names[:12])
        raise ValueError(f"{shard.path} has no column of encoded images, but {columns}: name a folder of images")
    schema = parquet.metadata.schema
    paths = [schema.column(number).path for number in range(len(schema))]
    return next(paths.index(path) for path in (f"{name}.bytes", name) if path in paths)
