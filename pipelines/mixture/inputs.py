"""The folders that a mix draws on: their shards, and what each row's source is known by."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder, distinct_names
from pipelines.shards.identity import JOB_FILE
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.record import RECORD_SCHEMA, with_features

CONFIG_KINDS = ("general", "text", "synthetic")
SHARDS_TOGETHER = 16  # of an input, indexed as one
ADDED_FIELDS = (
    pa.field("weight", pa.float32(), metadata={"about": "how often to draw the image; 1 is average in its part"}),
    pa.field("category", pa.string(), metadata={"about": "part of the selection; empty for rendered images"}),
    pa.field("origin", pa.string(), metadata={"about": "the dataset it comes from; lineage/ORIGIN.json says how made"}),
    pa.field("source_sha256", pa.string(), metadata={"about": "SHA-256 of the source's file; empty where none is"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A rendered dataset or a packed selection, as it is when the mix begins."""

    name: str
    url: str
    shards: tuple[int, ...]
    num_rows: tuple[int, ...]  # of each shard
    digest: str  # of all shards


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some shards of an input that follow each other."""

    number: int  # of the input
    shards: tuple[int, ...]
    num_rows: tuple[int, ...]


def open_inputs(urls: Sequence[str]) -> tuple[Input, ...]:
    """The inputs, each under a name of its own. Raises ValueError where one is no dataset of ours."""
    if not urls:
        raise ValueError("inputs is empty: name rendered datasets and packed selections (CURATED/packed/NAME)")
    return tuple(_open(url, name) for url, name in zip(urls, distinct_names(urls), strict=True))


def _open(url: str, name: str) -> Input:
    folder = Folder(url)
    infos = read_manifest(folder)
    if not infos:
        packed = sorted({path.split("/")[1] for path in folder.list("packed")})
        remedy = f"name {', '.join(f'{url}/packed/{one}' for one in packed)}" if packed else "render or pack it first"
        raise ValueError(f"input {url} holds no whole shard: {remedy}")
    digest = hashlib.sha256("".join(f"{index} {info.sha256}\n" for index, info in infos.items()).encode())
    rows = tuple(info.num_rows for info in infos.values())
    return Input(name=name, url=folder.url, shards=tuple(infos), num_rows=rows, digest=digest.hexdigest())


def stretches(inputs: Sequence[Input]) -> list[Stretch]:
    """The inputs cut into parts of a few shards, in order."""
    return [
        Stretch(
            number=number,
            shards=one.shards[start : start + SHARDS_TOGETHER],
            num_rows=one.num_rows[start : start + SHARDS_TOGETHER],
        )
        for number, one in enumerate(inputs)
        for start in range(0, len(one.shards), SHARDS_TOGETHER)
    ]


def schema_of(one: Input) -> pa.Schema:
    """The columns of an input."""
    with Folder(one.url).open(shard_name(one.shards[0])) as file:
        return pq.read_schema(file)


def mixed_schema(inputs: Sequence[Input]) -> pa.Schema:
    """The columns of a mix: those of a record, lineage, and every score of every input.

    Raises ValueError where two inputs have columns of one name and of other types.
    """
    fields = {field.name: field for field in (*RECORD_SCHEMA, *ADDED_FIELDS)}
    owners = dict.fromkeys(fields, "a record")
    for one in inputs:
        for field in schema_of(one):
            known = fields.setdefault(field.name, field)
            if known.type != field.type:
                raise ValueError(
                    f"column {field.name} is {field.type} in {one.url} and {known.type} in {owners[field.name]}: "
                    "score both with one version, or mix them apart"
                )
            owners.setdefault(field.name, one.url)
    return with_features(pa.schema(list(fields.values())))


def lineage_of(one: Input) -> dict[str, Any]:
    """How an input was made, as its folder says: job identity and library versions, and its card."""
    folder = Folder(one.url)
    texts = {name: folder.read(name).decode() if folder.exists(name) else "" for name in (JOB_FILE, "README.md")}
    return {
        "name": one.name,
        "shards_sha256": one.digest,
        "images": sum(one.num_rows),
        "job": json.loads(texts[JOB_FILE] or "{}"),
        "card": texts["README.md"],
    }


def source_sha256(row: Mapping[str, Any]) -> str:
    """SHA-256 of the file under a row: the photo of a rendered one, the image itself of another; "" for none."""
    if row["kind"] == "synthetic":
        crop = json.loads(row["scene"] or "{}").get("ground", {}).get("crop") or {}
        return str(crop.get("sha256", ""))
    return str(row.get("sha256") or hashlib.sha256(row["image"]["bytes"]).hexdigest())


def config_of(kind: str, band: str) -> str:
    """The configuration that a row belongs to."""
    return f"{kind}-{band}" if kind == "synthetic" and band else kind


def config_order(config: str) -> tuple[int, float, str]:
    """What configurations are sorted by: photographs, pages, rendered text by size."""
    kind, _, band = config.partition("-")
    first = band.partition("-")[0]
    return CONFIG_KINDS.index(kind) if kind in CONFIG_KINDS else len(CONFIG_KINDS), _number(first), config


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def row_groups(one: Input, shard: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    """A shard a row group at a time."""
    with Folder(one.url).open(shard_name(shard)) as file:
        parquet = ParquetFile(file)
        for group in range(parquet.num_row_groups):
            yield parquet.read_row_group(group, columns=columns)
