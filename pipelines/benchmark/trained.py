"""What a training dataset holds, whoever wrote it: names, files and texts of its images and documents."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import pyarrow as pa

from curate.picture import BadImage
from pipelines.corpora.archives import Entry, is_image
from pipelines.corpora.pdfs import is_page
from pipelines.corpora.sources import Source, open_source
from pipelines.shards.folder import Folder
from pipelines.shards.images import PARQUET_FAULTS, find_image_column
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.rows import Rows

TEXTS, FILES = ("text", "ocr_text", "layer_text"), ("source_sha256", "sha256")  # columns of our shards
PARQUET, PDF = ".parquet", re.compile(r".+\.pdf(#page=\d+)?", re.IGNORECASE)
SIDECAR = re.compile(r"((?:train|test)/[^/]+)?/?manifest/\d{6}\.json")


class Seen(NamedTuple):
    """One image or page that was trained on; what is not known is empty. file: SHA-256 of its encoded image."""

    name: str = ""
    text: str = ""
    file: str = ""


def records(url: str) -> Iterator[Seen]:
    """Every image: of shards of ours, a mix's too, else of all images, tars, PDFs and Parquet files at a URL.

    Images are read for their SHA-256 where no column of ours says it. All strings in a row of Parquet are its text,
    and those that end as files of images or PDFs do are names too. Raises ValueError where there is nothing of the
    kind, or a Parquet file cannot be read.
    """
    if roots := _roots(Folder(url)):
        for root in roots:
            yield from _ours(Rows(Folder(f"{url.rstrip('/')}/{root}".rstrip("/"))))
        return
    num_records = 0
    for source in (_images(open_source(url)), _tables(url)):
        for record in source:
            num_records += 1
            yield record
    if not num_records:
        raise ValueError(f"{url} holds no image, tar, PDF or row of Parquet: name a folder of training data")


def _roots(folder: Folder) -> list[str]:
    """Where shards of ours lie: in the folder itself, or in SPLIT/CONFIG of a mix; none in a folder of others."""
    roots = {match[1] or "" for name in folder.list() if (match := SIDECAR.fullmatch(name))}
    return [""] if "" in roots else sorted(roots)


def _ours(rows: Rows) -> Iterator[Seen]:
    there = [name for name in ("source", *TEXTS, *FILES) if name in rows.columns]
    for table in rows.tables(there):
        for row in table.to_pylist():
            file = next((row[name] for name in FILES if row.get(name)), "")
            yield Seen(row["source"] or "", "\n".join(row[name] for name in TEXTS if row.get(name)), file)


def _images(source: Source) -> Iterator[Seen]:
    """Images by name and file; pages of PDFs by name and text layer."""
    for entry in source.entries(Counter()):
        if not entry.container.endswith(PARQUET):
            try:
                yield _seen(source, entry)
            except BadImage:  # known by its name alone
                yield Seen(entry.name)


def _seen(source: Source, entry: Entry) -> Seen:
    if is_page(entry):
        return Seen(entry.name, source.text(entry))
    return Seen(entry.name, file=sha256(source.read(entry)).hexdigest())


def _tables(url: str) -> Iterator[Seen]:
    parent, _, own = url.rstrip("/").rpartition("/")
    folder, names = (Folder(parent), [own]) if own.endswith(PARQUET) else (Folder(url), [*Folder(url).list()])
    for name in names:
        if name.endswith(PARQUET):
            try:
                yield from _rows(folder, name)
            except PARQUET_FAULTS as error:
                raise ValueError(f"{folder.url}/{name} cannot be read ({error}): mend it or take it away") from error


def _rows(folder: Folder, name: str) -> Iterator[Seen]:
    with folder.open(name) as file:
        image = find_image_column(file) or ""
        parquet = ParquetFile(file)
        columns = [*_texts(parquet.schema_arrow), *([image] if image else [])]
        for group in range(parquet.num_row_groups):
            for row in parquet.read_row_group(group, columns).to_pylist() if columns else ():
                strings = [text for text in _strings(row) if text]
                yield Seen(text="\n".join(strings), file=_file(row.get(image)))
                yield from (Seen(text) for text in strings if is_image(text) or PDF.fullmatch(text))


def _texts(fields: Iterable[Any], inside: str = "") -> Iterator[str]:
    """The columns of text, those in structs too, dotted."""
    for field in fields:
        kind = field.type
        if pa.types.is_struct(kind):
            yield from _texts((kind.field(i) for i in range(kind.num_fields)), f"{inside}{field.name}.")
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            yield f"{inside}{field.name}"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, str):
        yield value


def _file(image: Any) -> str:
    """The SHA-256 of an encoded image as a row holds it: bytes, or a struct with bytes."""
    data = image.get("bytes") if isinstance(image, Mapping) else image
    return sha256(data).hexdigest() if data else ""
