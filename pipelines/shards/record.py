"""One row of a shard: its types, and its Parquet schema with Hugging Face features.

Positions are pixels of the image, x right and y down; a quad is its corners from the top left of the
text, clockwise as read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

KINDS = ("synthetic", "text", "general")
Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
QUAD = pa.list_(pa.list_(pa.float32(), 2), 4)
LINE = pa.struct(
    [
        ("text", pa.string()),
        ("quad_px", QUAD),
        ("size_px", pa.float32()),
        ("ink_px", pa.float32()),
        ("x_height_px", pa.float32()),
        ("contrast", pa.float32()),
        ("ink_density", pa.float32()),
        ("ground_std", pa.float32()),
        ("face", pa.string()),
        ("language", pa.string()),
        ("role", pa.string()),
        ("style", pa.string()),
    ]
)
SIMPLE = (  # types whose name is the same to Arrow and to `datasets`, or is spelt as there by `_feature`
    *(pa.types.is_boolean, pa.types.is_integer, pa.types.is_float32, pa.types.is_float64, pa.types.is_decimal),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null),
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary),
    *(pa.types.is_timestamp, pa.types.is_time, pa.types.is_duration),
)
BOX = pa.struct([("text", pa.string()), ("quad_px", QUAD), ("line", pa.int32())])


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """One line as drawn; sizes in px of the final image."""

    text: str
    quad_px: Quad
    size_px: float  # the em
    ink_px: float  # height of the ink
    x_height_px: float  # of a Latin face; the face height of a Han one
    contrast: float
    ink_density: float  # share of the quad that is ink, 0 to 1
    ground_std: float  # luma deviation of the ground under the quad, 0 to 255
    face: str
    language: str
    role: str
    style: str


def _check_table(table: "LineTable | BoxTable") -> None:
    count = len(table.text)
    if table.quad_px.shape != (count, 4, 2):
        raise ValueError(f"quad_px has shape {table.quad_px.shape}: {count} texts need ({count}, 4, 2)")
    for field in fields(table):
        if len(getattr(table, field.name)) != count:
            raise ValueError(f"{field.name} has {len(getattr(table, field.name))} values for {count} texts")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineTable(Sequence[TextLine]):
    """The lines of one image by column (n values each): a sequence of TextLine that is cheap to store."""

    text: Sequence[str]
    quad_px: NDArray[np.float32]  # (n, 4, 2)
    size_px: NDArray[np.float32]
    ink_px: NDArray[np.float32]
    x_height_px: NDArray[np.float32]
    contrast: NDArray[np.float32]
    ink_density: NDArray[np.float32]
    ground_std: NDArray[np.float32]
    face: Sequence[str]
    language: Sequence[str]
    role: Sequence[str]
    style: Sequence[str]

    def __post_init__(self) -> None:
        _check_table(self)

    def __len__(self) -> int:
        return len(self.text)

    @overload
    def __getitem__(self, at: int) -> TextLine: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[TextLine]: ...
    def __getitem__(self, at: int | slice) -> TextLine | Sequence[TextLine]:
        if isinstance(at, slice):
            return tuple(self[i] for i in range(*at.indices(len(self))))
        values = {field.name: getattr(self, field.name)[at] for field in fields(self)}
        quad = tuple(tuple(corner) for corner in values.pop("quad_px").tolist())
        plain = {name: value if isinstance(value, str) else float(value) for name, value in values.items()}
        return TextLine(quad_px=quad, **plain)  # type: ignore[arg-type]

    @classmethod
    def of(cls, lines: Sequence[TextLine]) -> Self:
        """The same lines by column."""
        columns: dict[str, Any] = {field.name: [getattr(line, field.name) for line in lines] for field in LINE}
        for field in LINE:
            if field.type != pa.string():
                columns[field.name] = np.asarray(columns[field.name], np.float32)
        columns["quad_px"] = columns["quad_px"].reshape(-1, 4, 2)
        return cls(**columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxTable:
    """The words or characters of one image by column; `line` is the index of each box's line."""

    text: Sequence[str]
    quad_px: NDArray[np.float32]  # (n, 4, 2)
    line: NDArray[np.int32]

    def __post_init__(self) -> None:
        _check_table(self)

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row: an encoded image and what is known of it. `text` is the lines joined by newlines, as read."""

    id: str
    image: bytes
    width_px: int
    height_px: int
    kind: str
    source: str
    licence: str
    language: str
    layout: str
    band: str
    text: str = ""
    lines: Sequence[TextLine] = ()
    scene: str = "{}"
    words: BoxTable | None = None
    chars: BoxTable | None = None
    mask: bytes | None = None  # PNG, 8 bit grey, the share of ink in each pixel

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}: use one of {', '.join(KINDS)}")
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError(f"record {self.id}: {self.width_px}x{self.height_px} px is no image size")

    def row(self) -> dict[str, Any]:
        """The record as a shard's row: words, chars and mask only where they are set."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        row["lines"] = self.lines if isinstance(self.lines, LineTable) else LineTable.of(self.lines)
        return {name: value for name, value in row.items() if value is not None}


def record_schema(*, words: bool = False, chars: bool = False, mask: bool = False) -> pa.Schema:
    """The schema of Record rows, with the optional columns asked for."""
    columns: list[tuple[str, pa.DataType]] = [
        ("id", pa.string()),
        ("image", IMAGE),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        *((name, pa.string()) for name in ("kind", "source", "licence", "language", "layout", "band", "text")),
        ("lines", pa.list_(LINE)),
        ("scene", pa.string()),
    ]
    columns += [(name, pa.list_(BOX)) for name, wanted in (("words", words), ("chars", chars)) if wanted]
    columns += [("mask", IMAGE)] if mask else []
    return with_features(pa.schema(columns))


def with_features(schema: pa.Schema) -> pa.Schema:
    """The schema with the metadata that makes `datasets` decode its image columns and type the others."""
    features = {field.name: _feature(field.type) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> Any:
    """The feature of an Arrow type, in the spelling that every `datasets` release reads."""
    if kind == IMAGE:
        return {"_type": "Image"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type), "length": kind.list_size, "_type": "Sequence"}
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    return {"dtype": {"float": "float32", "double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


RECORD_SCHEMA = record_schema()


def has_feature(kind: pa.DataType) -> bool:
    """Whether `datasets` reads an Arrow type as `with_features` writes it; half floats, dates, maps and dictionaries
    it does not."""
    if pa.types.is_struct(kind):
        return all(has_feature(field.type) for field in kind)
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return has_feature(kind.value_type)
    return any(is_of(kind) for is_of in SIMPLE)
