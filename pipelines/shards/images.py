"""Parquet files of encoded images, whoever wrote them: which column holds them, and what reading them may meet."""

import json

import pyarrow as pa

PARQUET_FAULTS = (pa.ArrowException, UnicodeDecodeError)  # of a damaged file; the second: names in its footer
MAX_GROUP_BYTES = 2**30  # of images: a row group is held whole
SUFFIXES = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"RIFF": "webp",
    b"GIF8": "gif",
    b"II*\0": "tif",
    b"MM\0*": "tif",
}


def image_column(schema: pa.Schema) -> str | None:
    """The column of encoded images: the Image feature of `datasets`, else a struct with binary "bytes", else a binary
    column. Of several alike one called "image" wins, else the first."""
    by_kind: tuple[list[str], ...] = (_image_features(schema), [], [])
    for field in schema:
        if pa.types.is_struct(field.type):
            at = field.type.get_field_index("bytes")
            if at >= 0 and _is_binary(field.type.field(at).type):
                by_kind[1].append(field.name)
        elif _is_binary(field.type):
            by_kind[2].append(field.name)
    names = next((names for names in by_kind if names), [])
    return "image" if "image" in names else next(iter(names), None)


def _image_features(schema: pa.Schema) -> list[str]:
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [name for name in schema.names if features[name].get("_type") == "Image"]
    except (KeyError, ValueError, TypeError, AttributeError):  # not written by `datasets`
        return []


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def suffix(data: bytes) -> str:
    """The ending of an image file by its first bytes."""
    return next((ending for magic, ending in SUFFIXES.items() if data.startswith(magic)), "img")
