"""Parquet files of encoded images, whoever wrote them: which column holds them, and what reading them may meet."""

import json
from typing import BinaryIO

import pyarrow as pa

from pipelines.shards.parquet import ParquetFile

PARQUET_FAULTS = (pa.ArrowException, UnicodeDecodeError)  # of a damaged file; the second: names in its footer
MAX_GROUP_BYTES = 2**30  # of images: a row group is held whole
SUFFIXES = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"RIFF": "webp",
    b"GIF8": "gif",
    b"II*\0": "tif",
    b"MM\0*": "tif",
    b"BM": "bmp",
}
NAMES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp")  # of columns, the surest first
FIRST_ROWS, BUFFER_BYTES = 16, 2**16


def image_column(schema: pa.Schema) -> str | None:
    """The first of `image_columns`, None where there is none."""
    return next(iter(image_columns(schema)), None)


def image_columns(schema: pa.Schema) -> list[str]:
    """The columns of encoded images: the Image features of `datasets`, else structs with binary "bytes", else binary
    columns; those called "image" or the like first."""
    structs = [field.name for field in schema if _is_picture(field.type)]
    binary = [field.name for field in schema if _is_binary(field.type)]
    names = _image_features(schema) or structs or binary
    return sorted(names, key=lambda name: NAMES.index(name.lower()) if name.lower() in NAMES else len(NAMES))


def image_lists(schema: pa.Schema) -> list[str]:
    """The columns that hold several images a row."""
    return [field.name for field in schema if pa.types.is_list(field.type) and _is_picture(field.type.value_type)]


def find_image_column(file: BinaryIO) -> str | None:
    """The image column of a Parquet file: of several whose names say nothing the first that begins with an image."""
    parquet = ParquetFile(file, buffer_bytes=BUFFER_BYTES)
    names = image_columns(parquet.schema_arrow)
    if len(names) > 1 and names[0].lower() not in NAMES:
        return next((name for name in names if _begins_with_image(parquet, name)), names[0])
    return next(iter(names), None)


def _begins_with_image(parquet: ParquetFile, name: str) -> bool:
    batch = next(parquet.iter_batches(FIRST_ROWS, [name]), None)
    cells = batch.column(0).to_pylist() if batch is not None else []
    values = [cell["bytes"] if isinstance(cell, dict) else cell for cell in cells]
    first = next((value for value in values if value is not None), b"")
    return suffix(first) in SUFFIXES.values()


def _image_features(schema: pa.Schema) -> list[str]:
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [name for name in schema.names if features[name].get("_type") == "Image"]
    except (KeyError, ValueError, TypeError, AttributeError):  # not written by `datasets`
        return []


def _is_picture(kind: pa.DataType) -> bool:
    at = kind.get_field_index("bytes") if pa.types.is_struct(kind) else -1
    return at >= 0 and _is_binary(kind.field(at).type)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def suffix(data: bytes) -> str:
    """The ending of an image file by its first bytes."""
    return next((ending for magic, ending in SUFFIXES.items() if data.startswith(magic)), "img")
