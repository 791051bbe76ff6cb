"""Folders, local or in a store: files appear whole, what dead writers left is swept, faults are told in a sentence."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from pipelines.corpora.sources import open_source
from pipelines.exits import exit_code
from pipelines.shards.folder import Folder
from tests.digests import digests


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
    left = list(digests(Path(folder.url)))
    with folder.writing("data/b") as file:
        file.write(b"y")
        num_swept = folder.sweep()

    assert len(left) == 1
    assert left[0].startswith("data/.a~")
    assert num_swept == 1
    assert list(digests(Path(folder.url))) == ["data/b"]


def test_files_of_other_nodes_are_swept_when_old(folder):
    Path(folder.url).mkdir()
    for name in (".a~other-node~00000000.tmp", ".b~other-node~00000000.tmp", ".mine.tmp"):
        Path(folder.url, name).touch()
    os.utime(Path(folder.url, ".a~other-node~00000000.tmp"), (0, 0))

    num_swept = folder.sweep()

    assert num_swept == 1
    assert list(digests(Path(folder.url))) == [".b~other-node~00000000.tmp", ".mine.tmp"]


def test_a_sweep_takes_no_file_that_is_being_written(folder: Folder):
    def write() -> None:
        for _ in range(300):
            folder.put("a", b"a")

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        while not writing.done():
            folder.sweep()

    assert writing.exception() is None
