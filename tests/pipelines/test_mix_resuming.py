"""A mix stopped, damaged or made elsewhere: the same command ends with the same bytes."""

import os
import re
import shutil
import signal
from pathlib import Path
from socket import gethostname

import pyarrow.parquet as pq
import pytest

from pipelines.mixture import mixing
from pipelines.mixture.plan import read_plan
from pipelines.shards.folder import Folder
from tests.digests import digests, sha256
from tests.pipelines.mixed import (
    mix,
    start,
)
from tests.pipelines.small_job import wait_until


@pytest.mark.timeout(300)
def test_processes_killed_midway_leave_what_the_same_command_finishes(inputs, mixed, tmp_path):
    flags = ["--images-per-shard", "1"]  # so many that processes are worth starting
    assert mix(*inputs.flags(tmp_path / "whole/out", *flags)) == 0
    whole = digests(tmp_path / "whole/out")
    out = tmp_path / "out"
    driver = start(*inputs.flags(out, *flags))
    try:
        wait_until(lambda: list(out.glob("train/*/manifest/*.json")), seconds=200)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()
    half = digests(out)
    made = {name: digest for name, digest in half.items() if re.fullmatch(r".*/(data|manifest)/\d+\.\w+", name)}
    for folder in (out, tmp_path / "out.plan/choice"):
        (folder / f".plan.json~{gethostname()}~0123abcd.tmp").write_bytes(b"half")  # as if it had been killed there
    code = mix(*inputs.flags(out, *flags))

    assert code == 0
    assert 0 < len(made) < len([name for name in whole if "/data/" in name or "/manifest/" in name])
    assert made.items() <= whole.items()  # two processes made what one does
    assert digests(out) == whole
    assert not list((tmp_path / "out.plan").rglob(".*.tmp"))


def test_s3_holds_the_same_bytes(inputs, mixed, s3):
    out = Folder(f"{s3}/mix/out")
    code = mix(*inputs.flags(out.url))
    there = {name: sha256(data) for name, data in out.read_each(list(out.list()))}
    took_out = mix("--out", out.url, "--without", inputs.text.name)

    assert (code, took_out) == (0, 0)
    assert there == digests(mixed)
    assert not [name for name in out.list() if "/text/" in name]


@pytest.mark.timeout(300)
def test_on_ray_the_bytes_are_the_same(inputs, mixed, ray_cluster, tmp_path):
    settings = mixing.parse_settings(inputs.flags(tmp_path / "out", "--backend", "ray", "--workers", "2"))

    assert mixing.execute(settings) == 0
    assert digests(tmp_path / "out") == digests(mixed)


def test_a_finished_mix_is_left_alone(inputs, mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    shutil.copytree(f"{mixed}.plan", f"{out}.plan")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}

    assert mix(*inputs.flags(out)) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before
    assert digests(out) == digests(mixed)


def test_a_mix_whose_plan_was_removed_is_checked_and_mended(inputs, mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    lost = next(iter(sorted((out / "train/general/data").iterdir())))
    lost.unlink()

    assert mix(*inputs.flags(out)) == 0
    assert digests(out) == digests(mixed)


def test_shards_that_another_run_is_writing_are_not_counted_as_a_finished_mix(mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    shard = min((out / "train/general/data").iterdir())
    (out / f"train/general/manifest/{shard.stem}.json").unlink()  # as while it is made anew

    with pytest.raises(
        ValueError, match=r"train/general holds \d+ images and \d+ are planned: perhaps another run is writing"
    ):
        mixing.finish(str(out), pq.read_schema(shard), read_plan(f"{mixed}.plan"))
    assert (out / "statistics.json").read_bytes() == (mixed / "statistics.json").read_bytes()


def test_a_selection_without_its_curation_is_fingerprinted_from_its_images(inputs, mixed, tmp_path):
    moved = Path(shutil.copytree(inputs.general, tmp_path / "general"))
    flags = inputs.flags(tmp_path / "out")
    flags[flags.index(str(inputs.general))] = str(moved)

    assert mix(*flags) == 0
    assert digests(tmp_path / "out/train") == digests(mixed / "train")
