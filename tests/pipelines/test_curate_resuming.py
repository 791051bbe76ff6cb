"""Curation stopped, damaged, out of room or run elsewhere: the same command ends with the same bytes."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
from fsspec.core import url_to_fs

from pipelines.shards.files import shard_name, sidecar_name
from tests.full_disks import file_limit, small_disk
from tests.pipelines.curation import (
    NUM_GOOD,
    NUM_SHARDS,
    RULES,
    SCORERS,
    SLOW_SCORER,
    curate,
    digests,
    start,
)
from tests.pipelines.small_job import ended, sidecars, stop_writer, wait_until, writers


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags that make scoring take a while: a scorer of the user's own."""
    file = tmp_path_factory.mktemp("slow") / "slow.py"
    file.write_text(SLOW_SCORER)
    return ["--scorers", *SCORERS, f"{file}:Slow"]


@pytest.fixture(scope="session")
def slowly_scored(good: Path, slow: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The curation of the good images with the slow scorer; not to be changed."""
    out = tmp_path_factory.mktemp("slowly")
    assert curate("score", out, good, *slow) == 0
    return out


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts commands; neither they nor their workers outlive the test."""
    with ended() as processes:

        def start_one(*args: Any, **options: Any) -> subprocess.Popen[str]:
            processes.append(start(*args, **options))
            return processes[-1]

        yield start_one


def test_two_processes_make_the_same_bytes(tmp_path, good, scored, started):
    driver = started("score", tmp_path / "out", good, "--backend", "processes")
    said, _ = driver.communicate(timeout=90)

    assert driver.returncode == 0, said
    assert digests(tmp_path / "out") == digests(scored)


def test_a_killed_worker_costs_nothing(tmp_path, good, slow, slowly_scored, started):
    driver = started("score", tmp_path / "out", good, *slow, "--backend", "processes")
    os.kill(stop_writer(tmp_path / "out/scores"), signal.SIGKILL)
    said, _ = driver.communicate(timeout=90)

    assert driver.returncode == 0, said
    assert "its worker was killed by SIGKILL; trying it again" in said
    assert digests(tmp_path / "out") == digests(slowly_scored)


def test_a_killed_driver_is_resumed(tmp_path, good, slow, slowly_scored, started, capfd):
    out = tmp_path / "out"
    driver = started("score", out, good, *slow, "--backend", "processes")
    worker = stop_writer(out / "scores")
    driver.kill()
    os.kill(worker, signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not writers(out / "scores"))
    left = len(sidecars(out / "scores"))
    (out / f"list/.entries.parquet~{gethostname()}~0123abcd.tmp").write_bytes(b"half")  # as if killed there, too
    code = curate("score", out, good, *slow)

    assert left < NUM_SHARDS
    assert code == 0
    assert f"{NUM_GOOD} listed, {NUM_GOOD} scored" in capfd.readouterr().out
    assert digests(out) == digests(slowly_scored)


def test_a_damaged_score_shard_is_made_again_and_no_other(tmp_path, good, scored):
    out = Path(shutil.copytree(scored, tmp_path / "out"))
    (out / "scores" / sidecar_name(1)).unlink()
    os.truncate(out / "scores" / shard_name(2), 1000)
    kept = (out / "scores" / shard_name(0)).stat().st_mtime_ns
    code = curate("score", out, good)

    assert code == 0
    assert digests(out) == digests(scored)
    assert (out / "scores" / shard_name(0)).stat().st_mtime_ns == kept


def test_a_full_disk_is_named_and_resumed(tmp_path, good, scored, capfd):
    out = tmp_path / "small/out"
    with small_disk(tmp_path / "small", "48k") as resize:
        full = curate("score", out, good)
        said, left = capfd.readouterr().err, digests(out / "scores")
        resize("4m")
        mended = curate("score", out, good)
        made = digests(out / "scores")

    assert (full, mended) == (1, 0)
    assert f"in {out}/scores" in said
    assert "no room for " in said
    assert left.items() <= digests(scored / "scores").items()
    assert made == digests(scored / "scores")


def test_a_disk_too_full_for_anything(tmp_path, good, capsys):  # in memory, unlike capfd
    with file_limit(100):
        code = curate("score", tmp_path / "out", good)

    assert code == 1
    assert f"no room for job.json in {tmp_path}/out/list" in capsys.readouterr().err


def test_ctrl_c_stops_and_the_same_command_goes_on(tmp_path, good, slow, slowly_scored, started):
    out = tmp_path / "out"
    driver = started("score", out, good, *slow, "--backend", "processes")
    worker = stop_writer(out / "scores")
    driver.send_signal(signal.SIGINT)
    os.kill(worker, signal.SIGCONT)
    said, _ = driver.communicate(timeout=180)
    code = curate("score", out, good, *slow)

    assert driver.returncode == 130
    assert said.endswith("curate.py score: stopped; the same command goes on from here\n")
    assert code == 0
    assert digests(out) == digests(slowly_scored)


def test_on_ray_the_bytes_are_the_same(tmp_path, good, scored, ray_cluster):
    code = curate("score", tmp_path / "out", good, "--backend", "ray", "--workers", "2")

    assert code == 0
    assert digests(tmp_path / "out") == digests(scored)


def test_a_curation_in_an_object_store_is_the_same(tmp_path, good, s3, capfd):
    """Scored, selected, packed and reported; resumed; and read back with the same bytes as a local one."""
    rules = tmp_path / "mine.yaml"
    rules.write_text(RULES)
    store, place = url_to_fs(f"{s3}/curated")
    codes = [curate("run", out, good, "--rules", str(rules)) for out in (tmp_path / "out", f"{s3}/curated")]
    keys = set(store.find(place))
    dates = {key: store.info(key)["LastModified"] for key in keys if key.endswith(".parquet")}
    codes.append(curate("score", f"{s3}/curated", good))
    codes.append(curate("score", f"{s3}/curated", good, "--max-mpx", "1"))
    store.get(place, str(tmp_path / "back"), recursive=True)
    said = capfd.readouterr()

    assert codes == [0, 0, 0, 1]
    parts = ("scores", "list", "selections", "packed", "duplicates")
    assert all(digests(tmp_path / "back" / part) == digests(tmp_path / "out" / part) for part in parts)
    assert dates == {key: store.info(key)["LastModified"] for key in dates}
    assert f"{place}/report.html" in keys
    assert f"report   {s3}/curated/report.html" in said.out
    assert f"{s3}/curated/list was begun by another job" in said.err
