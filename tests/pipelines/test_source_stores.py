"""Corpora in an object store: listed and read like a folder; a store that fails is no fault of an image."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.picture import BadImage
from pipelines.corpora.archives import Entry
from pipelines.corpora.sources import Source, open_source
from tests.pipelines.corpus_files import PNG, image_parquet, listed, pdf, tar_of, write


def test_a_bucket_lists_and_reads_like_a_folder(s3: str, tmp_path: Path):
    files = {
        "x/b.png": PNG[0],
        "x/t.tar": tar_of({"0.png": PNG[1], "/1.png": PNG[2]}),
        "a.png": PNG[3],
        "n.txt": b"x",
    }
    write(tmp_path, files)
    image_parquet(tmp_path / "z.parquet", PNG[4:6])
    fs, root = fsspec.core.url_to_fs(f"{s3}/corpus")
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        fs.pipe_file(f"{root}/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    local, remote = open_source(str(tmp_path)), open_source(f"{s3}/corpus")

    entries, counts = listed(remote)

    assert (entries, counts) == listed(local)
    assert len(entries) == 6
    assert [remote.read(entry) for entry in entries] == [local.read(entry) for entry in entries]


def in_store(url: str) -> tuple[Source, list[Entry]]:
    """An image of each kind in a store, and how it is listed."""
    parquet = pa.BufferOutputStream()
    pq.write_table(pa.table({"image": PNG[:2]}), parquet)
    fs, root = fsspec.core.url_to_fs(url)
    files = {"a.png": PNG[0], "p.pdf": pdf("a page"), "t.tar": tar_of({"0.png": PNG[1]})}
    for name, data in (files | {"z.parquet": parquet.getvalue().to_pybytes()}).items():
        fs.pipe_file(f"{root}/{name}", data)
    source = open_source(url)
    return source, listed(source)[0]


def test_a_store_that_is_down_is_no_fault_of_an_image(s3: str, second_server: Any):
    source, entries = in_store(f"{s3}/down")
    second_server.stop()

    assert [entry.name for entry in entries] == ["a.png", "p.pdf#page=1", "t.tar/0.png", "z.parquet#0", "z.parquet#1"]
    for entry in entries[:-1]:
        with pytest.raises(OSError, match=r"Could not connect.*: 's3://shards/down/") as failed:
            source.read(entry)
        assert failed.value.errno == errno.EIO


def test_a_store_that_refuses_is_no_fault_of_an_image(s3: str, refused: Callable[[], None]):
    source, entries = in_store(f"{s3}/refused")
    refused()

    for entry in entries[:-1]:
        with pytest.raises(PermissionError, match=r": 's3://shards/refused/"):
            source.read(entry)


def test_an_object_that_went_away_is_named(s3: str):
    source, entries = in_store(f"{s3}/objects")
    fs, root = fsspec.core.url_to_fs(f"{s3}/objects")
    for name in ("a.png", "z.parquet"):
        fs.rm_file(f"{root}/{name}")

    for entry in (entries[0], entries[-1]):
        with pytest.raises(BadImage, match="its file is gone"):
            source.read(entry)
    fs.rm(root, recursive=True)
    with pytest.raises(OSError, match="the folder of the images is gone or empty: 's3://shards/objects'"):
        source.read(entries[0])
