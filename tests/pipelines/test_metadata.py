"""What a corpus says of its images: read once and no more, whatever stands in it."""

import json
import logging
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.corpora.sources import open_source
from tests.pipelines.corpus_files import PNG, listed, tar_of, write


def said(corpus: Path | str, *names: str) -> dict[str, dict[str, Any]]:
    """What a corpus says of each of its images."""
    source = open_source(str(corpus))
    metadata = source.metadata(names)
    return {entry.name: metadata.read(entry) for entry in listed(source)[0]}


def one_said(doc: str) -> bytes:
    """A line of metadata.jsonl about a.png."""
    return json.dumps({"file_name": "a.png", "doc": doc}).encode()


def test_a_tar_in_a_store_is_read_in_one_pass(s3: str, caplog: pytest.LogCaptureFixture):
    members = {f"{n:03d}/a{end}": data for n in range(40) for end, data in ((".png", PNG[0]), (".json", b'{"doc":1}'))}
    fs, root = fsspec.core.url_to_fs(f"{s3}/pass")
    fs.pipe_file(f"{root}/deep/t.tar", tar_of(members))
    source = open_source(f"{s3}/pass")
    entries, metadata = listed(source)[0], source.metadata(["doc"])

    with caplog.at_level(logging.INFO, "werkzeug"):
        assert [metadata.read(entry) for entry in entries] == [{"doc": 1}] * 40

    requests = [record.getMessage() for record in caplog.records if record.name == "werkzeug"]
    assert 0 < len(requests) < 24, "for the tables of two folders, and one tar"


def test_the_json_of_an_image_is_none_of_its_other_fields_nor_of_another_folder(tmp_path: Path):
    members = {"1.png": PNG[0], "1.json": b'{"doc":"its"}', "1.boxes.json": b'{"doc":"boxes"}'}
    write(tmp_path, {"t.tar": tar_of(members | {"2.png": PNG[1], "../2.json": b'{"doc":"out"}', "._2.json": b"{}"})})

    assert said(tmp_path, "doc") == {"t.tar/1.png": {"doc": "its"}, "t.tar/2.png": {}}


def test_tables_outside_the_corpus_folders_and_pipes_are_not_opened(tmp_path: Path):
    write(tmp_path, {"out.jsonl": one_said("secret"), "in/a.png": PNG[0], "in/metadata.csv": b"file_name,doc\na.png,x"})
    corpus = tmp_path / "in"
    (corpus / "metadata.jsonl").symlink_to(tmp_path / "out.jsonl")
    os.mkfifo(corpus / "manifest.jsonl")
    assert said(corpus, "doc") == {"a.png": {"doc": "x"}}

    (corpus / "metadata.jsonl").unlink()
    (corpus / "metadata.jsonl").mkdir()
    assert said(corpus, "doc") == {"a.png": {"doc": "x"}}


def test_a_table_in_a_snapshot_of_the_hugging_face_cache_is_read(tmp_path: Path):
    repository = tmp_path / "datasets--me--mine"
    write(repository, {"blobs/1": PNG[0], "blobs/2": one_said("x"), "snapshots/0/n.txt": b""})
    for name, blob in (("a.png", "1"), ("metadata.jsonl", "2")):
        (repository / "snapshots/0" / name).symlink_to(f"../../blobs/{blob}")

    assert said(repository / "snapshots/0", "doc") == {"a.png": {"doc": "x"}}


def test_an_empty_cell_says_nothing_and_a_line_break_in_one_stays(tmp_path: Path):
    table = b'file_name,doc,more\r\na.png,,"two\r\nlines"\r\n'
    write(tmp_path, {"deep/a.png": PNG[0], "deep/metadata.csv": table, "metadata.jsonl": b""})
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "deep/a.png", "doc": "of the folder above"}))

    assert said(tmp_path, "doc", "more") == {"deep/a.png": {"doc": "of the folder above", "more": "two\r\nlines"}}


def test_what_csv_cannot_hold_is_told_with_what_to_write(tmp_path: Path):
    write(tmp_path, {"a.png": PNG[0], "metadata.csv": b"file_name,doc\na.png," + b"x" * 140_000})

    with pytest.raises(ValueError, match=r"metadata.csv cannot be read \(field larger.*: write metadata.jsonl in its"):
        said(tmp_path, "doc")


def test_one_odd_value_of_a_row_group_says_nothing_and_its_neighbours_theirs(tmp_path: Path):
    offsets, letters = pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])), pa.py_buffer(b"\xffA")
    garbled = pa.Array.from_buffers(pa.string(), 2, [None, offsets, letters])
    columns = {
        "text": garbled,
        "day": pa.array([1, 10**7], pa.date32()),
        "at": pa.array([1, 2], pa.timestamp("ns")),
        "price": pa.array([Decimal("1.50"), None], pa.decimal128(5, 2)),
    }
    pq.write_table(pa.table({"image": PNG[:2], **columns}), tmp_path / "a.parquet")

    found = said(tmp_path, *columns, "none")

    assert list(found.values()) == [
        {"day": "1970-01-02", "at": "1970-01-01 00:00:00.000000001", "price": Decimal("1.50")},
        {"text": "A", "day": "29349-01-26", "at": "1970-01-01 00:00:00.000000002"},
    ]
