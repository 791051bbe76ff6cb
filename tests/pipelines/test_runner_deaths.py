"""Jobs run to the end through kills of workers and drivers, interrupts and full disks."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.shardloop import MAX_DEATHS, Deaths, ShardsFailed
from pipelines.shards.files import sidecar_name
from tests.digests import digests
from tests.full_disks import small_disk
from tests.pipelines.small_job import ROOT, wait_until
from tests.pipelines.toy_job import make


@pytest.fixture
def driver() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a driver in a process of its own: `driver(folder, fault=value)`, on two processes."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, before: str = "", **faults: object) -> subprocess.Popen[str]:
        program = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from pathlib import Path, PosixPath\n"
            "from tests.pipelines.toy_job import make\n"
            f"if __name__ == '__main__':\n    {before or 'pass'}\n"
            f"    make({str(folder)!r}, 'processes', **{faults!r})\n"
        )
        script = folder.parent / "driver.py"
        script.write_text(program)
        command = [sys.executable, str(script)]
        started.append(subprocess.Popen(command, cwd="/", stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def is_running(pid: int) -> bool:
    """Whether the process runs: one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("backend", ["processes", "ray", "actors"], indirect=True)
def test_a_killed_worker_costs_no_shard(tmp_path, backend, toy, capfd):
    out, deaths = tmp_path / "out", tmp_path
    (deaths / "die-1").write_text("1")
    (deaths / "die-4").write_text("2")

    make(out, backend, deaths=deaths)

    said = capfd.readouterr().err
    assert digests(out) == toy
    assert len(re.findall("shard 1: its worker was .*; trying it again", said)) == 1
    assert len(re.findall("shard 4: its worker was .*; trying it again", said)) == 2


def test_a_shard_that_kills_its_workers_is_named(tmp_path, toy):
    out, deaths = tmp_path / "out", tmp_path
    (deaths / "die-3").write_text("100")

    with pytest.raises(ShardsFailed, match="shard 3: its worker was killed by SIGKILL") as failed:
        make(out, "processes", deaths=deaths)

    assert [outcome.shard for outcome in failed.value.outcomes] == [3]
    assert (deaths / "die-3").read_text() == "97"  # the first try and two more
    assert digests(out) == {name: digest for name, digest in toy.items() if "000003" not in name}


def test_a_shard_that_always_dies_elsewhere_is_given_up():
    rows = iter(range(1000))
    deaths = Deaths(lambda shard: next(rows))
    num_deaths = 1
    while deaths.allow_another(0):
        num_deaths += 1

    assert num_deaths == MAX_DEATHS


def test_a_killed_driver_leaves_no_worker_and_resumes(tmp_path, driver, toy):
    out, pids = tmp_path / "out", tmp_path / "pids"
    pids.mkdir()
    process = driver(out, pids=pids, seconds_a_row=0.05)
    wait_until(lambda: (out / sidecar_name(0)).exists() and len(list(pids.iterdir())) == 2)

    process.kill()
    process.wait()
    workers = [int(path.name) for path in pids.iterdir()]
    wait_until(lambda: not any(map(is_running, workers)), seconds=5)
    left = digests(out)
    make(out)

    assert any(name.endswith(".tmp") for name in left)  # both workers were in the middle of a shard
    assert len(left) < len(toy)
    assert digests(out) == toy


def test_an_interrupt_stops_workers_and_leaves_no_half_files(tmp_path, driver, toy):
    out, pids = tmp_path / "out", tmp_path / "pids"
    pids.mkdir()
    process = driver(out, pids=pids, seconds_a_row=0.05)
    wait_until(lambda: (out / sidecar_name(0)).exists() and len(list(pids.iterdir())) == 2)

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)

    assert said.rstrip().endswith("KeyboardInterrupt")
    assert not any(is_running(int(path.name)) for path in pids.iterdir())
    assert digests(out).items() <= toy.items()


def test_a_killed_worker_of_another_process_group_is_noticed(tmp_path, driver, toy):
    out, pids = tmp_path / "out", tmp_path / "pids"
    pids.mkdir()
    process = driver(out, pids=pids, seconds_a_row=0.02)
    wait_until(lambda: len(list(pids.iterdir())) == 2)

    os.kill(int(next(pids.iterdir()).name), signal.SIGKILL)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "its worker was killed by SIGKILL; trying it again" in said
    assert digests(out) == toy


def test_a_full_disk_is_named_and_resumed(tmp_path, toy):
    out = tmp_path / "small/out"
    with small_disk(tmp_path / "small", "64k") as resize:
        with pytest.raises(ShardsFailed) as failed:
            make(out)
        full = digests(out)
        resize("4m")
        make(out)
        mended = digests(out)

    assert f"no room for data/00000{len(full) // 2}.parquet in {out}/data" in str(failed.value)
    assert "shards were not begun" in str(failed.value)
    assert full.items() <= toy.items()
    assert mended == toy


def test_a_disk_that_fills_under_workers(tmp_path, driver):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))"

    process = driver(tmp_path / "out", before=limit)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 1
    assert re.search("5 shards were not begun", said)
    assert digests(tmp_path / "out") == {}
