"""What a training dataset holds, whoever wrote it: the names of its images and documents, and their texts."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from curate.picture import BadImage
from pipelines.corpora.archives import is_image
from pipelines.corpora.sources import open_source
from pipelines.shards.files import read_manifest
from pipelines.shards.folder import Folder
from pipelines.shards.images import PARQUET_FAULTS
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.rows import Rows

Record = tuple[str, str]  # a name and a text; either may be empty
OURS = ("source", "text")
PARQUET = ".parquet"


def records(url: str) -> Iterator[Record]:
    """Name and text of every image: of shards of ours, else of all images, tars, PDFs and Parquet files at a URL.

    All strings in a row of Parquet are its text, and those that end as files of images or PDFs do are names too.
    Raises ValueError where there is nothing of the kind, or a Parquet file cannot be read.
    """
    if read_manifest(Folder(url)):
        for table in Rows(Folder(url)).tables(OURS):
            yield from zip(*(map(_known, table.column(name).to_pylist()) for name in OURS), strict=True)
        return
    num_records = 0
    for source in (_images(url), _tables(url)):
        for record in source:
            num_records += 1
            yield record
    if not num_records:
        raise ValueError(f"{url} holds no image, tar, PDF or row of Parquet: name a folder of training data")


def _known(value: str | None) -> str:
    return value or ""


def _images(url: str) -> Iterator[Record]:
    """Images by name; pages of PDFs with their text layer."""
    source = open_source(url)
    for entry in source.entries(Counter()):
        if not entry.container.endswith(PARQUET):
            try:
                yield entry.name, source.text(entry)
            except BadImage:  # known by its name alone
                yield entry.name, ""


def _tables(url: str) -> Iterator[Record]:
    parent, _, own = url.rstrip("/").rpartition("/")
    folder, names = (Folder(parent), [own]) if own.endswith(PARQUET) else (Folder(url), [*Folder(url).list()])
    for name in names:
        if name.endswith(PARQUET):
            try:
                yield from _rows(folder, name)
            except PARQUET_FAULTS as error:
                raise ValueError(f"{folder.url}/{name} cannot be read ({error}): mend it or take it away") from error


def _rows(folder: Folder, name: str) -> Iterator[Record]:
    with folder.open(name) as file:
        parquet = ParquetFile(file)
        columns = list(_texts(parquet.schema_arrow))
        for group in range(parquet.num_row_groups):
            for row in parquet.read_row_group(group, columns).to_pylist() if columns else ():
                strings = list(_strings(row))
                yield "", "\n".join(strings)
                yield from ((text, "") for text in strings if is_image(text) or text.lower().endswith(".pdf"))


def _texts(fields: Any, inside: str = "") -> Iterator[str]:
    """The columns of text, those in structs too, dotted."""
    for field in fields:
        kind = field.type
        if pa.types.is_struct(kind):
            yield from _texts((kind.field(i) for i in range(kind.num_fields)), f"{inside}{field.name}.")
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            yield f"{inside}{field.name}"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, str) and value:
        yield value
