"""Shards and their sidecars: stored as told, whole or missing, damage found."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.shards.files import (
    read_manifest,
    shard_name,
    sidecar_name,
    sum_counts,
    verify_shard,
    write_shard,
)
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.rows import Rows
from tests.digests import digests
from tests.pipelines.toy_job import ToyJob

JOB = ToyJob(num_images=25)
VERSIONS = {"numpy": "1"}


def test_shard_and_sidecar(any_folder):
    info = write_shard(any_folder, 2, JOB, VERSIONS)

    with any_folder.open(shard_name(2)) as file:
        table = ParquetFile(file).read()
    assert table["id"].to_pylist() == [f"toy/{index}" for index in range(20, 25)]
    assert info.num_rows == 5
    assert info.counts == {"band/5-7": 5, "char/0": 45, "char/1": 22, "char/2": 43}
    assert json.loads(any_folder.read(sidecar_name(2)))["sha256"] == info.sha256
    assert read_manifest(any_folder) == {2: replace(info, counts={})}
    assert verify_shard(any_folder, info) == ""


def test_counts_of_all_shards(folder):
    for shard in range(3):
        write_shard(folder, shard, JOB, VERSIONS)

    assert sum_counts(folder) == Counter(
        {"band/5-7": 25, "char/0": 108, "char/1": 92, "char/2": 100},
    )


def test_images_are_stored_as_they_are(folder):
    write_shard(folder, 0, JOB, VERSIONS)

    with folder.open(shard_name(0)) as file:
        group = ParquetFile(file).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert columns["image.bytes"].compression == "UNCOMPRESSED"
    assert not any("DICTIONARY" in encoding for encoding in columns["image.bytes"].encodings)
    assert columns["text"].compression == "ZSTD"
    assert columns["text"].has_offset_index


def test_row_groups_are_bounded(folder, monkeypatch):
    monkeypatch.setattr("pipelines.shards.files.ROW_GROUP_BYTES", 3000)
    write_shard(folder, 0, ToyJob(num_images=150, shard_rows=150), VERSIONS)

    with folder.open(shard_name(0)) as file:
        metadata = ParquetFile(file).metadata
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(sizes) == 150
    assert max(sizes) == 4  # of some 850 bytes each


def test_plain_tables_are_shards_too(folder):
    class Scores:
        schema = pa.schema([("id", pa.string()), ("sharp", pa.float32()), ("tags", pa.list_(pa.string()))])

        def num_rows(self, shard):
            return 2

        def rows(self, shard, counts):
            yield {"id": "a", "sharp": 0.5, "tags": ["x"]}
            yield {"id": "b", "sharp": None, "tags": []}

    write_shard(folder, 0, Scores(), VERSIONS)

    with folder.open(shard_name(0)) as file:
        assert ParquetFile(file).read()["sharp"].to_pylist() == [0.5, None]


@pytest.mark.parametrize("fault", ["truncated", "no sidecar", "garbled", "half", "renamed", "no shard"])
def test_damaged_shards_are_missing(folder, fault):
    for shard in (0, 1):
        write_shard(folder, shard, JOB, VERSIONS)
    sidecar, shard_file = Path(folder.url, sidecar_name(0)), Path(folder.url, shard_name(0))
    match fault:
        case "truncated":
            os.truncate(shard_file, 500)
        case "no sidecar":
            sidecar.unlink()
        case "garbled":
            sidecar.write_bytes(b"\xff\xfe{")
        case "half":
            sidecar.write_text('{"index": 0, "num_rows": 10}')
        case "renamed":
            sidecar.write_bytes(Path(folder.url, sidecar_name(1)).read_bytes())
        case "no shard":
            shard_file.unlink()

    assert list(read_manifest(folder)) == [1]


def test_shards_come_by_number_beyond_a_million_too(folder):
    last = 1_000_000
    for shard in (last, last - 1, 5):
        write_shard(folder, shard, ToyJob(num_images=10 * last + 4), VERSIONS)

    assert list(read_manifest(folder)) == list(Rows(folder).shards) == [5, last - 1, last]


def test_changed_bytes_are_found(folder):
    info = write_shard(folder, 0, JOB, VERSIONS)
    path = Path(folder.url, shard_name(0))
    path.write_bytes(path.read_bytes().replace(b"PNG", b"PNX", 1))

    assert "its sidecar says" in verify_shard(folder, info)
    assert "000001.parquet" in verify_shard(folder, replace(info, index=1))


def test_a_short_shard_is_refused(folder):
    job = ToyJob(num_images=25, short_shards=(1,))

    with pytest.raises(ValueError, match="shard 1 made 9 rows: the job promised 10"):
        write_shard(folder, 1, job, VERSIONS)

    assert list(digests(Path(folder.url))) == []


def test_a_failed_rewrite_leaves_no_sidecar(folder):
    write_shard(folder, 0, JOB, VERSIONS)

    with pytest.raises(RuntimeError, match="is broken"):
        write_shard(folder, 0, replace(JOB, bad_shards=(0,)), VERSIONS)

    assert list(digests(Path(folder.url))) == [shard_name(0)]
    assert read_manifest(folder) == {}


FILL = """
import resource, sys
from pipelines.shards.files import write_shard
from pipelines.shards.folder import Folder
from tests.pipelines.toy_job import ToyJob
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
write_shard(Folder(sys.argv[1]), 0, ToyJob(num_images=100, shard_rows=100), {})
"""


def test_a_file_over_the_limit_is_named_and_removed(folder):
    root = Path(__file__).parents[2]
    program = subprocess.run(
        [sys.executable, "-c", FILL, folder.url], cwd=root, capture_output=True, text=True, check=False
    )

    error = program.stderr.splitlines()[-1]
    assert error.startswith("OSError: [Errno 27] no room for data/000000.parquet in")
    assert str(Path(folder.url, "data")) in error
    assert "give the same command" in error
    assert list(digests(Path(folder.url))) == []
