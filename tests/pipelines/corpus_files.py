"""Corpora to read in tests: images, and the folders, tars, Parquet files and PDFs that hold them."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.corpora.archives import Entry
from pipelines.corpora.sources import Source
from tests.curate.pictures import blocks, encoded

PNG = [encoded(blocks(seed, 40, 30), "PNG") for seed in range(6)]


def listed(source: Source) -> tuple[list[Entry], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(source.entries(counts)), counts


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tar_of(files: dict[str, bytes], headers: Mapping[str, dict[str, str]] = MappingProxyType({})) -> bytes:
    """A tar of these files; `headers` are pax headers of some."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.pax_headers = headers.get(name, {})
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def image_parquet(path: Path, images: Sequence[bytes | None], *, group_rows: int = 2, **columns: list[str]) -> Path:
    """A file as `datasets` writes it, with an Image feature."""
    cells = [None if data is None else {"bytes": data, "path": None} for data in images]
    features = {"image": {"_type": "Image"}} | {name: {"dtype": "string", "_type": "Value"} for name in columns}
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, struct), **columns})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group_rows)
    return path


def pdf(*texts: str, size_pt: tuple[int, int] = (200, 100), trailer: bytes = b"") -> bytes:
    """A PDF with a page for each text, which stands at its left in 18 pt Helvetica."""
    first = 4
    kids = b" ".join(b"%d 0 R" % (first + 2 * i) for i in range(len(texts)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d /MediaBox [0 0 %d %d] >>" % (kids, len(texts), *size_pt),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, text in enumerate(texts):
        stream = b"BT /F1 18 Tf 20 40 Td (%s) Tj ET" % text.encode("latin-1")
        page = b"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>"
        objects += [page % (first + 2 * i + 1), b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)]
    return _file(objects, trailer)


def _file(objects: Sequence[bytes], trailer: bytes) -> bytes:
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer))
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()
