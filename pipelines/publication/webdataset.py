"""A dataset as WebDataset tars: the images' own bytes and their labels as JSON; the same tars each time."""

import hashlib
import io
import json
import math
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.progress import Progress
from pipelines.publication.uploading import shard_roots
from pipelines.shards.files import ShardInfo, read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.identity import claim_folder
from pipelines.shards.images import suffix
from pipelines.shards.parquet import ParquetFile

MANIFEST_FILE = "manifest.json"
PICTURES = ("image", "mask")
ALL = "*/*"  # splits and configurations
Infos = Mapping[int, ShardInfo]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tar:
    """Rows `start` to `stop` of a part of the dataset ("" where it has none), as one tar."""

    part: str
    number: int
    start: int
    stop: int
    ending: str  # of all images; "": of each its own

    @property
    def name(self) -> str:
        return f"{self.part.replace('/', '-') or 'all'}-{self.number:06d}.tar"


def export_tars(url: str, to: str, wanted: str, images_per_tar: int, ending: str = "") -> dict[str, Any]:
    """Write the parts that a pattern SPLIT/CONFIG takes, or what is missing of them; the manifest.

    Images are named by their format, or all by one `ending`.
    Raises ValueError where there is nothing to export, and where the folder holds another export.
    """
    dataset, out = Folder(url), Folder(to)
    found = shard_roots(dataset.list())
    if wanted != ALL and "" in found:
        raise ValueError(f"{url} is no mix and has no splits and configurations: leave out split and config")
    roots = [root for root in found if not root or _wanted(root, wanted)]
    infos = {root: read_manifest(Folder(f"{dataset.url}/{root}")) for root in roots}
    rows = {root: sum(info.num_rows for info in known.values()) for root, known in infos.items()}
    if not sum(rows.values()):
        raise ValueError(
            f"{url} has no image to export ({wanted} of splits and configurations): name the folder of a rendered, "
            "packed or mixed set"
        )
    shas = {root: [info.sha256 for info in known.values()] for root, known in infos.items()}
    digest = hashlib.sha256(json.dumps(shas, sort_keys=True).encode()).hexdigest()
    identity = {"shards_sha256": digest, "parts": roots, "images_per_tar": images_per_tar, "ending": ending}
    claim_folder(out, identity)
    tars = [
        Tar(part=root, number=number, start=start, stop=min(start + images_per_tar, count), ending=ending)
        for root, count in rows.items()
        for number, start in enumerate(range(0, count, images_per_tar))
    ]
    with Progress(sum(rows.values()), 0) as progress:
        done = [_made(dataset, infos[tar.part], out, tar, progress) for tar in tars]
    manifest = {"images": sum(rows.values()), "tars": done}
    out.put(MANIFEST_FILE, json.dumps(manifest, indent=1).encode())
    return manifest


def _wanted(root: str, pattern: str) -> bool:
    """Whether a part is wanted: a configuration also stands for those whose names begin with it."""
    return fnmatchcase(root, pattern) or fnmatchcase(root, f"{pattern}-*")


def _made(dataset: Folder, infos: Infos, out: Folder, tar: Tar, progress: Progress) -> dict[str, Any]:
    """What the manifest says of a tar; made where its note is not there or does not fit."""
    note = f"notes/{tar.name}.json"
    if out.exists(note):
        known: dict[str, Any] = json.loads(out.read(note))
        if out.exists(tar.name) and out.list(tar.name).get(tar.name) == known["bytes"]:
            progress.advance(known["images"])
            return known
    digest = hashlib.sha256()
    with out.writing(tar.name) as file:
        writer = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        for number, row in enumerate(_rows(Folder(f"{dataset.url}/{tar.part}"), infos, tar), tar.start):
            for name, data in files_of_row(row, f"{number:09d}", tar.ending):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                writer.addfile(member, io.BytesIO(data))
            progress.advance(1)
        writer.close()
    size = out.list(tar.name)[tar.name]
    with out.open(tar.name) as file:
        while block := file.read(2**22):
            digest.update(block)
    about = {"name": tar.name, "images": tar.stop - tar.start, "bytes": size, "sha256": digest.hexdigest()}
    out.put(note, json.dumps(about).encode())
    return about


def _rows(folder: Folder, infos: Infos, tar: Tar) -> Iterator[dict[str, Any]]:
    """The rows of a tar, a row group in memory at a time."""
    first = 0
    for index, info in infos.items():
        if first < tar.stop and first + info.num_rows > tar.start:
            with folder.open(shard_name(index)) as file:
                parquet = ParquetFile(file)
                at = first
                for group in range(parquet.num_row_groups):
                    count = parquet.metadata.row_group(group).num_rows
                    low, high = max(tar.start - at, 0), min(tar.stop - at, count)
                    if low < high:
                        yield from plain_rows(parquet.read_row_group(group).slice(low, high - low))
                    at += count
        first += info.num_rows


def plain_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as JSON has them, but for the pictures."""
    kinds = {field.name: field.type for field in table.schema}
    for row in table.to_pylist():
        yield {name: value if name in PICTURES else plain(value, kinds[name]) for name, value in row.items()}


def files_of_row(row: dict[str, Any], key: str, ending: str) -> Iterator[tuple[str, bytes]]:
    """The members of a row: the image, the mask where there is one, and all else as JSON."""
    for name in PICTURES:
        if row.get(name):
            data = row[name]["bytes"]
            kind = suffix(data)
            yield f"{key}.{ending or kind}" if name == "image" else f"{key}.{name}.{kind}", data
    labels = {name: value for name, value in row.items() if name not in PICTURES}
    yield f"{key}.json", json.dumps(labels, ensure_ascii=False, allow_nan=False, default=str).encode()


def plain(value: Any, kind: pa.DataType) -> Any:
    """A value of an Arrow type as JSON has it: nan and infinities null; hashes, of 64 bits or bytes, as hex digits: as
    numbers they are too large for many readers."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if pa.types.is_float32(kind):
        return float(np.format_float_positional(np.float32(value)))
    if pa.types.is_uint64(kind):
        return f"{value:016x}"
    if pa.types.is_struct(kind):
        return {field.name: plain(value[field.name], field.type) for field in kind}
    if isinstance(value, list):
        return [plain(one, kind.value_type) for one in value]
    return value.hex() if isinstance(value, bytes) else value
