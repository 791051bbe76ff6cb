"""Files that appear whole, shards with sidecars, and folders that belong to one job."""

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.corpora.sources import open_source
from pipelines.exits import exit_code
from pipelines.shards.files import (
    read_manifest,
    shard_name,
    sidecar_name,
    sum_counts,
    verify_shard,
    write_shard,
)
from pipelines.shards.folder import Folder
from pipelines.shards.identity import claim_folder, library_versions
from pipelines.shards.parquet import ParquetFile
from tests.pipelines.toy_job import ToyJob

JOB = ToyJob(num_images=25)
VERSIONS = {"numpy": "1"}


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(str(tmp_path / "out"))


@pytest.fixture(params=["local", "s3"])
def any_folder(request, tmp_path) -> Folder:
    if request.param == "local":
        return Folder(str(tmp_path / "out[1]"))  # which fsspec may take for a pattern
    bucket: str = request.getfixturevalue("s3")
    return Folder(f"{bucket}/{tmp_path.name}[1]")


def files_of(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def test_files_come_back(any_folder):
    any_folder.put("a/b.txt", b"one")
    any_folder.put("a/b.txt", b"other")
    any_folder.put("c.txt", b"")

    with any_folder.open("a/b.txt") as file:
        file.seek(2)
        tail = file.read()

    assert any_folder.read("a/b.txt") == b"other"
    assert tail == b"her"
    assert any_folder.list() == {"a/b.txt": 5, "c.txt": 0}
    assert any_folder.list("a") == {"a/b.txt": 5}
    assert any_folder.list("none") == {}
    assert dict(any_folder.read_each(["a/b.txt", "c.txt"])) == {"a/b.txt": b"other", "c.txt": b""}


def test_deleted_files_are_gone(any_folder):
    any_folder.put("a", b"1")

    any_folder.delete("a")
    any_folder.delete("a")

    assert not any_folder.exists("a")
    with pytest.raises(FileNotFoundError):
        any_folder.read("a")


def test_a_file_half_written_is_never_seen(any_folder):
    any_folder.put("a", b"old")

    with suppress(InterruptedError), any_folder.writing("a") as file:
        file.write(b"new")
        seen = any_folder.list()
        raise InterruptedError

    assert seen == {"a": 3}
    assert any_folder.read("a") == b"old"
    assert any_folder.sweep() == 0


def test_urls_are_absolute(tmp_path, monkeypatch, s3):
    monkeypatch.chdir(tmp_path)

    assert Folder("out/x/").url == str(tmp_path / "out/x")
    assert Folder(f"file://{tmp_path}/out").url == str(tmp_path / "out")
    assert Folder(f"{s3}/out/").url == f"{s3}/out"


def test_a_store_that_is_down_is_told_in_a_sentence(s3, second_server, capfd):
    folder = Folder(f"{s3}/down")
    folder.put("a.txt", b"x")
    file = folder.open("a.txt")
    second_server.stop()
    calls = {
        "a.txt": (partial(folder.read, "a.txt"), file.read, partial(folder.put, "a.txt", b"y")),
        "": (folder.list, partial(open_source, folder.url)),
    }
    codes = [exit_code("curate.py", call) for some in calls.values() for call in some]
    said = capfd.readouterr().err.splitlines()

    assert codes == [1] * 5
    assert [line.split(": ")[-1] for line in said] == ["'s3://shards/down/a.txt'"] * 3 + ["'s3://shards/down'"] * 2
    assert all("Could not connect to the endpoint" in line for line in said)


def test_a_store_without_its_library_says_what_to_install():
    program = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from pipelines.shards.folder import Folder; from pipelines.exits import exit_code\n"
        "sys.exit(exit_code('curate.py', lambda: Folder('s3://a/b')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[2], capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr == "curate.py: s3:// cannot be opened: Install s3fs to access S3: pip install '.[s3]'\n"


def test_files_of_dead_writers_are_swept(folder):
    program = (
        "import os, sys; from pipelines.shards.folder import Folder\n"
        "with Folder(sys.argv[1]).writing('data/a') as file: file.write(b'x'); file.flush(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, folder.url], check=False, cwd=Path(__file__).parents[2])
    left = files_of(Path(folder.url))
    with folder.writing("data/b") as file:
        file.write(b"y")
        num_swept = folder.sweep()

    assert len(left) == 1
    assert left[0].startswith("data/.a~")
    assert num_swept == 1
    assert files_of(Path(folder.url)) == ["data/b"]


def test_files_of_other_nodes_are_swept_when_old(folder):
    Path(folder.url).mkdir()
    for name in (".a~other-node~00000000.tmp", ".b~other-node~00000000.tmp", ".mine.tmp"):
        Path(folder.url, name).touch()
    os.utime(Path(folder.url, ".a~other-node~00000000.tmp"), (0, 0))

    num_swept = folder.sweep()

    assert num_swept == 1
    assert files_of(Path(folder.url)) == [".b~other-node~00000000.tmp", ".mine.tmp"]


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

    assert files_of(Path(folder.url)) == []


def test_a_failed_rewrite_leaves_no_sidecar(folder):
    write_shard(folder, 0, JOB, VERSIONS)

    with pytest.raises(RuntimeError, match="is broken"):
        write_shard(folder, 0, replace(JOB, bad_shards=(0,)), VERSIONS)

    assert files_of(Path(folder.url)) == [shard_name(0)]
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
    assert files_of(Path(folder.url)) == []


def test_a_folder_belongs_to_one_job(any_folder):
    identity = {"recipe": {"bands": [0.5, 0.5], "seed": 1, "faces": {"a": "x" * 100}}}
    claim_folder(any_folder, identity)
    claim_folder(any_folder, json.loads(json.dumps(identity)))

    with pytest.raises(ValueError, match="was begun by another job") as refused:
        claim_folder(any_folder, {"recipe": {"bands": [0.5, 0.4], "seed": 2, "faces": {"b": 1}, "new": None}})

    lines = str(refused.value).splitlines()
    assert "  identity.recipe.bands.1: 0.5 -> 0.4" in lines
    assert "  identity.recipe.seed: 1 -> 2" in lines
    assert "  identity.recipe.faces.b: (none) -> 1" in lines
    assert "  identity.recipe.new: (none) -> null" in lines
    assert max(map(len, lines)) < 110 + len(any_folder.url)


def test_other_library_versions_are_refused(folder):
    claim_folder(folder, {"seed": 1})
    job = json.loads(folder.read("job.json"))
    job["versions"]["numpy"] = "0.9"
    folder.put("job.json", json.dumps(job).encode())

    with pytest.raises(ValueError, match=r"versions.numpy: \"0.9\" -> \"") as refused:
        claim_folder(folder, {"seed": 1})

    assert folder.url in str(refused.value)


def test_shards_of_nobody_are_refused(folder):
    write_shard(folder, 0, JOB, VERSIONS)

    with pytest.raises(ValueError, match=r"holds shards but no job.json"):
        claim_folder(folder, {})


def test_versions_name_what_makes_the_bytes():
    versions = library_versions()

    assert {"smallprint", "numpy", "pillow", "isal", "freetype-py", "pyarrow"} <= versions.keys()
    assert all(versions.values())
