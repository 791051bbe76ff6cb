"""Shards as files: written with the sidecar last, so a folder is valid at every moment; read, verified."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shards.columns import to_table
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.record import IMAGE

ROW_GROUP_ROWS = 100
ROW_GROUP_BYTES = 12_000_000  # of images; a writer holds a group some three times over
TABLE_GROUP_ROWS = 4096  # where there is no image
LOST = "lost"
IMAGES_A_PAGE = 16  # at most, a megabyte else; Arrow's 1,024 would first grow a page to the size of the group


class Job(Protocol):
    """What fills a folder of shards. It knows nothing of workers; `rows` is pure in the shard index."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of every shard, with Hugging Face features."""
        ...

    def num_rows(self, shard: int) -> int:
        """How many rows the finished shard holds."""
        ...

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        """The shard's rows in order; `counts` (slash paths such as "band/5-7") is filled on the way.

        A promised row whose input is gone for good is counted under LOST instead of being made.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardInfo:
    """What is known of a finished shard: its sidecar."""

    index: int
    num_rows: int
    num_bytes: int
    sha256: str
    counts: dict[str, int]
    versions: dict[str, str]
    num_lost: int = 0  # promised rows that could not be made

    def __post_init__(self) -> None:
        numbers = (self.index, self.num_rows, self.num_bytes, self.num_lost)
        if any(not isinstance(number, int) or number < 0 for number in numbers):
            raise ValueError(f"index, num_rows, num_bytes, num_lost are {numbers}: need whole numbers from 0")
        if not (isinstance(self.counts, dict) and isinstance(self.versions, dict)):
            raise ValueError("counts and versions need names and values")
        if not all(isinstance(count, int) for count in self.counts.values()):
            raise ValueError("counts hold what is no whole number")

    @property
    def num_promised(self) -> int:
        """The rows that the job promised, made or lost."""
        return self.num_rows + self.num_lost


def shard_name(index: int) -> str:
    return f"data/{index:06d}.parquet"


def sidecar_name(index: int) -> str:
    return f"manifest/{index:06d}.json"


def write_shard(folder: Folder, index: int, job: Job, versions: dict[str, str]) -> ShardInfo:
    """Write shard `index` of the job and then its sidecar; an older sidecar goes first.

    Raises ValueError when the job makes another number of rows than it promised, and whatever it raises;
    then no shard is there, or still the older one without a sidecar.
    """
    counts: Counter[str] = Counter()
    folder.delete(sidecar_name(index))
    with folder.writing(shard_name(index)) as file:
        sink = _HashingFile(file)
        num_rows = _write_parquet(sink, job.schema, job.rows(index, counts))
        if num_rows + counts[LOST] != job.num_rows(index):
            raise ValueError(f"shard {index} made {num_rows} rows: the job promised {job.num_rows(index)}")
    info = ShardInfo(
        index=index,
        num_rows=num_rows,
        num_bytes=sink.num_bytes,
        sha256=sink.digest.hexdigest(),
        counts=dict(counts),
        versions=versions,
        num_lost=counts[LOST],
    )
    folder.put(sidecar_name(index), json.dumps(asdict(info), sort_keys=True, ensure_ascii=False).encode())
    return info


class _HashingFile(io.RawIOBase):
    """Passes bytes on to a file, counting and hashing them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = sha256()
        self.num_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.num_bytes += len(data)
        return self._file.write(data)


def _write_parquet(sink: _HashingFile, schema: pa.Schema, rows: Iterator[dict[str, Any]]) -> int:
    num_rows = 0
    options = {"write_page_index": True, "write_batch_size": IMAGES_A_PAGE} | _column_options(schema)
    with pq.ParquetWriter(sink, schema, **options) as writer:
        has_images = any(field.type == IMAGE for field in schema)
        for group in _groups(rows, ROW_GROUP_ROWS if has_images else TABLE_GROUP_ROWS):
            writer.write_table(to_table(group, schema), len(group))
            num_rows += len(group)
    return num_rows


def _groups(rows: Iterator[dict[str, Any]], max_rows: int) -> Iterator[Sequence[dict[str, Any]]]:
    group, size = [], 0
    for row in rows:
        group.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, bytes))
        if len(group) == max_rows or size >= ROW_GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _column_options(schema: pa.Schema) -> dict[str, Any]:
    """Encoded images as they are, all else by zstd; dictionaries for strings alone."""
    empty = io.BytesIO()
    pq.write_table(schema.empty_table(), empty)
    columns = ParquetFile(empty).schema
    leaves = {leaf.path: leaf for leaf in (columns.column(i) for i in range(len(columns)))}
    strings = [path for path, leaf in leaves.items() if leaf.logical_type.type == "STRING"]
    images = {path for path in leaves if leaves[path].physical_type == "BYTE_ARRAY"} - set(strings)
    return {
        "compression": {path: "none" if path in images else "zstd" for path in leaves},
        "use_dictionary": strings,
        "write_statistics": [path for path in leaves if path not in images],
    }


def sidecars(folder: Folder) -> Iterator[ShardInfo]:
    """The sidecars of whole shards, by index; without garbled ones and those whose shard has another size."""
    sizes = folder.list("data")
    names = [name for name in folder.list("manifest") if re.fullmatch(r"manifest/\d{6,}\.json", name)]
    for name, data in folder.read_each(sorted(names, key=len)):  # from a million on a number has more digits
        try:
            info = ShardInfo(**json.loads(data))
        except (ValueError, TypeError, RecursionError):
            continue
        if name == sidecar_name(info.index) and sizes.get(shard_name(info.index)) == info.num_bytes:
            yield info


def read_manifest(folder: Folder) -> dict[int, ShardInfo]:
    """The whole shards by index, without their counts (a million images have millions of them)."""
    return {info.index: replace(info, counts={}) for info in sidecars(folder)}


def fingerprint(shards: Iterable[ShardInfo]) -> str:
    """The rows of a dataset's whole shards, in order, and a hash of them, for the card's configurations: `datasets`
    tells folders by their own name and these alone, and else gives what it kept of another folder of that name."""
    rows, digest = 0, sha256()
    for info in shards:
        rows += info.num_rows
        digest.update(info.sha256.encode())
    return f"{rows:,} rows, {digest.hexdigest()[:16]}"


def counts_under(counts: Mapping[str, int], name: str) -> Counter[str]:
    """The counts below a slash path, by the rest of it, largest first."""
    start = f"{name}/"
    found = {key[len(start) :]: count for key, count in counts.items() if key.startswith(start)}
    return Counter(dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))))


def sum_counts(folder: Folder) -> Counter[str]:
    """The counts of all whole shards together, read one sidecar at a time."""
    total: Counter[str] = Counter()
    for info in sidecars(folder):
        total.update(info.counts)
    return total


def verify_shard(folder: Folder, info: ShardInfo) -> str:
    """What is wrong with a shard's file against its sidecar, or "" where nothing is."""
    name, digest, num_bytes = shard_name(info.index), sha256(), 0
    try:
        with folder.open(name) as file:
            while block := file.read(2**22):
                digest.update(block)
                num_bytes += len(block)
            if (num_bytes, digest.hexdigest()) != (info.num_bytes, info.sha256):
                return (
                    f"{name} has {num_bytes} bytes of sha256 {digest.hexdigest()}: its sidecar says "
                    f"{info.num_bytes} of {info.sha256}"
                )
            num_rows = ParquetFile(file).metadata.num_rows
    except (OSError, pa.ArrowInvalid) as error:
        return f"{name}: {error}"
    wrong = f"{name} has {num_rows} rows: its sidecar says {info.num_rows}"
    return wrong if num_rows != info.num_rows else ""
