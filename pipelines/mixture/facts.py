"""What a mix is decided by: a row of a few numbers for each row of the inputs, made once, without their images."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from pipelines.mixture.inputs import Input, config_of, row_groups, schema_of, source_sha256, stretches
from pipelines.mixture.prints import ABSENT, Hashes, Prints, hashes_of, open_prints
from pipelines.mixture.settings import Mixture
from pipelines.shards.files import shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.seeds import rng_for

FINE_BYTES = 32
MIN_WEIGHT = 1e-6
NEEDED = ("id", "kind", "band", "source", "width_px", "height_px")
IF_THERE = ("sha256", "phash", "weight")
FACTS = pa.schema(
    [
        ("config", pa.string()),
        ("unit", pa.uint64()),  # the source, a photo or a document, by the first digits of a hash
        ("file", pa.uint64()),  # the same digits of the source's SHA-256, null where there is no file
        ("phash", pa.uint64()),
        ("phash_fine", pa.binary(FINE_BYTES)),
        ("weight", pa.float32()),
        ("key", pa.float64()),  # rows of the lowest are taken: a random number over the weight
        ("pixels", pa.int64()),
        ("bytes", pa.int64()),  # of the image, the mean of its row group
    ]
)


class FactsJob:
    """Makes the facts of a stretch of an input, row by row in order."""

    schema = FACTS

    def __init__(self, inputs: Sequence[Input], mixture: Mixture) -> None:
        self._inputs, self._seed = inputs, mixture.seed
        self._stretches = stretches(inputs)
        self._document = re.compile(mixture.document)
        self._prints = lru_cache(maxsize=2)(lambda number: open_prints(self._inputs[number]))

    @property
    def num_shards(self) -> int:
        return len(self._stretches)

    def num_rows(self, shard: int) -> int:
        return sum(self._stretches[shard].num_rows)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        stretch = self._stretches[shard]
        one, prints = self._inputs[stretch.number], self._prints(stretch.number)
        for index, num_rows in zip(stretch.shards, stretch.num_rows, strict=True):
            chances = rng_for(self._seed, "mix/rows", stretch.number, index).random(num_rows)
            rows = list(shard_facts(one, index, prints))
            if len(rows) != num_rows:
                raise ValueError(f"{one.url}: shard {index} has {len(rows)} rows and had {num_rows}: begin anew")
            for row, chance in zip(rows, chances.tolist(), strict=True):
                counts[f"{ABSENT}/{one.name}"] += row["hashes"] is None
                yield self._fact(row, chance)

    def _fact(self, row: Mapping[str, Any], chance: float) -> dict[str, Any]:
        weight = max(MIN_WEIGHT, 1.0 if row.get("weight") is None else row["weight"])
        hashes: Hashes = row["hashes"] or {}
        return {
            "config": config_of(row["kind"], row["band"]),
            "unit": unit_of(row, self._document),
            "file": _digits(row["source_sha256"]) if row["source_sha256"] else None,
            "phash": hashes.get("phash"),
            "phash_fine": hashes.get("phash_fine"),
            "weight": weight,
            "key": chance / weight,
            "pixels": row["width_px"] * row["height_px"],
            "bytes": row["bytes"],
        }


def shard_facts(one: Input, shard: int, prints: Prints) -> Iterator[dict[str, Any]]:
    """The columns of a shard's rows that facts are made of, with source_sha256, hashes and bytes.

    Images are read only where a row has no hash of its file, or none of its looks.
    """
    there = schema_of(one).names
    columns = [*NEEDED, *(name for name in (*IF_THERE, *prints.columns) if name in there)]
    sizes = _image_bytes(one, shard)
    for group, table in enumerate(row_groups(one, shard, columns)):
        rows = table.to_pylist()
        if "sha256" not in there and any(row["kind"] != "synthetic" for row in rows):
            _add_images(rows, one, shard, group)
        for row in rows:
            row |= {"source_sha256": source_sha256(row), "bytes": sizes[group]}
        known = prints.of_shard(shard, rows)
        if any(row["id"] not in known for row in rows) and "image" not in rows[0]:
            _add_images(rows, one, shard, group)
        for row in rows:
            image = row.pop("image", None)
            yield row | {"hashes": known[row["id"]] if row["id"] in known else hashes_of(image["bytes"])}


def _add_images(rows: Sequence[dict[str, Any]], one: Input, shard: int, group: int) -> None:
    with Folder(one.url).open(shard_name(shard)) as file:
        images = ParquetFile(file).read_row_group(group, columns=["image"])
    for row, image in zip(rows, images.column("image").to_pylist(), strict=True):
        row["image"] = image


def _image_bytes(one: Input, shard: int) -> list[int]:
    """The mean size of the images of each row group, by the file's own account."""
    with Folder(one.url).open(shard_name(shard)) as file:
        metadata = ParquetFile(file).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    at = [group.column(i).path_in_schema for i in range(metadata.num_columns) for group in groups[:1]]
    column = at.index("image.bytes") if groups else 0
    return [group.column(column).total_uncompressed_size // group.num_rows for group in groups]


def unit_of(row: Mapping[str, Any], document: re.Pattern[str]) -> int:
    """The source of a row as 64 bits: its document's name, or its file's SHA-256, or the row where there is neither.

    Of a file these are the first digits of its SHA-256, as photos are split for rendering.
    """
    if row["kind"] != "synthetic" and (match := document.fullmatch(row["source"])):
        return _digits(hashlib.sha256(match[1].encode()).hexdigest())
    return _digits(row["source_sha256"] or hashlib.sha256(row["id"].encode()).hexdigest())


def _digits(sha256: str) -> int:
    return int(sha256[:16], 16)
