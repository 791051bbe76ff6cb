"""The rendering job end to end: the same bytes however it is run, and through every fault it may meet."""

import json
import os
import shutil
import signal
from pathlib import Path

import cv2
import pyarrow.parquet as pq
import pytest

from pipelines.shards.files import shard_name, sidecar_name
from tests.full_disks import file_limit, small_disk
from tests.pipelines.small_job import (
    NUM_IMAGES,
    NUM_SHARDS,
    SHARD_ROWS,
    shards,
    sidecars,
    stop_writer,
    wait_until,
    writers,
)


def ids(folder: Path) -> list[int]:
    """The index of every record, in the order of the shards."""
    tables = [pq.read_table(path, columns=["id"]) for path in sorted(folder.glob("data/*.parquet"))]
    return [int(name.rpartition("/")[2]) for table in tables for name in table.column("id").to_pylist()]


def test_says_what_it_made(whole):
    summary = json.loads((whole / "summary.json").read_text())
    card = (whole / "README.md").read_text()

    assert ids(whole) == list(range(NUM_IMAGES))
    assert summary["images"] == sum(summary["band"].values()) == NUM_IMAGES
    assert summary["photos"] == {"ok": 4}
    assert summary["fault"] == {}
    assert f"{NUM_IMAGES} images" in card
    assert cv2.imread(str(whole / "preview.png")) is not None


def test_a_killed_worker_costs_nothing(tmp_path, start, whole):
    driver = start(tmp_path / "out", "--backend", "processes")
    os.kill(stop_writer(tmp_path / "out"), signal.SIGKILL)
    said, _ = driver.communicate(timeout=180)

    assert driver.returncode == 0, said
    assert "its worker was killed by SIGKILL; trying it again" in said
    assert shards(tmp_path / "out") == shards(whole)


def test_a_killed_driver_is_resumed(tmp_path, midway, small_job, whole):
    left = shards(midway)
    out = Path(shutil.copytree(midway, tmp_path / "out"))
    code = small_job.make(out)

    assert 0 < len(sidecars(midway)) < NUM_SHARDS
    assert any(name.endswith(".tmp") for name in left)
    assert code == 0
    assert shards(out) == shards(whole)
    assert ids(out) == list(range(NUM_IMAGES))


def test_a_killed_driver_on_ray_is_resumed(tmp_path, ray_cluster, start, small_job, whole):
    out = tmp_path / "out"
    driver = start(out, env={"RAY_ADDRESS": ray_cluster})
    worker = stop_writer(out)
    driver.kill()
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: not writers(out))
    num_left = len(sidecars(out))
    code = small_job.make(out)

    assert num_left < NUM_SHARDS
    assert code == 0
    assert shards(out) == shards(whole)


def test_ctrl_c_stops_and_the_same_command_goes_on(tmp_path, start, small_job, whole, capfd):
    out = tmp_path / "out"
    driver = start(out, "--backend", "processes")
    worker = stop_writer(out)
    wait_until(lambda: sidecars(out))
    driver.send_signal(signal.SIGINT)
    os.kill(worker, signal.SIGCONT)
    said, _ = driver.communicate(timeout=180)
    left = shards(out)
    code = small_job.make(out)

    assert driver.returncode == 130
    assert said.endswith("render.py: stopped; the same command goes on from here\n")
    assert left.items() <= shards(whole).items()
    assert code == 0
    assert shards(out) == shards(whole)
    assert f"{NUM_IMAGES} ({NUM_IMAGES - len(left) // 2 * SHARD_ROWS} new)" in capfd.readouterr().out


@pytest.mark.parametrize("fault", ["no sidecar", "truncated"])
def test_a_damaged_shard_is_made_again_and_no_other(tmp_path, small_job, whole, fault):
    out = Path(shutil.copytree(whole, tmp_path / "out"))
    if fault == "no sidecar":
        (out / sidecar_name(2)).unlink()
    else:
        os.truncate(out / shard_name(2), 1000)
    before = {path: path.stat().st_mtime_ns for path in out.glob("data/*") if path.name != "000002.parquet"}
    code = small_job.make(out)

    assert code == 0
    assert shards(out) == shards(whole)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_more_images_extend_the_set(tmp_path, small_job, whole):
    first = small_job.make(tmp_path, "--num-images", "14")
    short = shards(tmp_path)
    more = small_job.make(tmp_path)

    assert (first, more) == (0, 0)
    assert len(short) == 2 * 4
    assert {name for name in short if short[name] != shards(whole)[name]} == {shard_name(3), sidecar_name(3)}
    assert shards(tmp_path) == shards(whole)


def test_fewer_images_are_refused_and_change_nothing(whole, small_job, capfd):
    before, card = shards(whole), (whole / "README.md").read_text()
    code = small_job.make(whole, "--num-images", "14")

    assert code == 1
    assert "holds 32 rows in 8 shards, more than the 14 asked for" in capfd.readouterr().err
    assert shards(whole) == before
    assert (whole / "README.md").read_text() == card


def test_another_recipe_is_refused_with_the_difference(whole, small_job, capfd):
    before = shards(whole)
    code = small_job.make(whole, "--contrast-floor", "35", "--seed", "6")
    said = capfd.readouterr().err

    assert code == 1
    assert "was begun by another job (there -> now):" in said
    assert "--contrast-floor: 30.0 -> 35.0" in said
    assert "--seed: 5 -> 6" in said
    assert shards(whole) == before


def test_a_full_disk_is_named_and_resumed(tmp_path, small_job, whole, capfd):
    with small_disk(tmp_path / "small", "400k") as resize:
        out = tmp_path / "small/out"
        full = small_job.make(out)
        said, left = capfd.readouterr().err, shards(out)
        resize("9m")
        mended = small_job.make(out)
        made = shards(out)

    assert (full, mended) == (1, 0)
    assert f"no room for data/00000{len(left) // 2}.parquet in {out}/data" in said
    assert left.items() <= shards(whole).items()
    assert made == shards(whole)


@pytest.mark.usefixtures("whole")  # the index is made
def test_a_disk_too_full_for_anything(tmp_path, small_job, capsys):  # in memory, unlike capfd
    with file_limit(100):
        code = small_job.make(tmp_path / "out")

    assert code == 1
    assert f"no room for job.json in {tmp_path}/out" in capsys.readouterr().err
