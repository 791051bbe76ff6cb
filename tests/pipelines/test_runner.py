"""Jobs make the same bytes on every backend, leave alone what is whole, and make again what is damaged."""

import os
import re
from functools import partial
from pathlib import Path

import pytest

from pipelines.runner import run, workers_of
from pipelines.shardloop import ShardsFailed
from pipelines.shards.files import read_manifest, shard_name, sidecar_name, verify_shard
from pipelines.shards.folder import Folder
from tests.digests import digests, sha256
from tests.pipelines.toy_job import NUM_IMAGES, NUM_SHARDS, ToyJob, make


def test_backends_make_the_same_bytes(tmp_path, backend, toy):
    infos = make(tmp_path, backend)

    assert digests(tmp_path) == toy
    assert list(infos) == list(range(NUM_SHARDS))
    assert [info.num_rows for info in infos.values()] == [10] * 6 + [5]
    assert len(toy) == 2 * NUM_SHARDS


def test_no_workers_means_this_process(tmp_path, toy):
    make(tmp_path, "ray", num_workers=0, pids=tmp_path)

    (tmp_path / str(os.getpid())).unlink()
    assert digests(tmp_path) == toy


@pytest.mark.parametrize("backend", ["processes", "ray", "actors"], indirect=True)
def test_each_worker_builds_the_job_once(tmp_path, backend):
    builds, out = tmp_path / "builds", tmp_path / "out"
    builds.touch()

    with_actors = {"backend": "ray" if backend == "actors" else backend, "actors": backend == "actors"}
    run(partial(counted_job, builds), NUM_SHARDS, str(out), num_workers=2, **with_actors)

    pids = builds.read_text().split()
    assert len(pids) == len(set(pids))
    assert len(pids) <= 3  # two workers and the driver


def counted_job(builds: Path) -> ToyJob:
    with builds.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return ToyJob(num_images=NUM_IMAGES)


def test_a_finished_folder_is_left_alone(tmp_path):
    first = make(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    second = make(tmp_path, "processes")

    assert second == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times


def test_failing_shards_are_named_while_the_others_finish(tmp_path, backend, toy):
    with pytest.raises(ShardsFailed) as failed:
        make(tmp_path, backend, bad_shards=(0, 5))

    message = str(failed.value)
    assert "2 failed, shard 0, 5:" in message
    assert "shard 5: RuntimeError: the photo of shard 5 is broken" in message
    assert "in _fail" in message  # the end of the traceback
    assert digests(tmp_path) == {name: toy[name] for name in toy if not re.search("00000[05]", name)}

    make(tmp_path, backend)
    assert digests(tmp_path) == toy


@pytest.mark.parametrize("fault", ["no sidecar", "truncated", "garbled"])
def test_damaged_shards_are_made_again(tmp_path, toy, fault):
    make(tmp_path)
    match fault:
        case "no sidecar":
            (tmp_path / sidecar_name(2)).unlink()
        case "truncated":
            os.truncate(tmp_path / shard_name(2), 1000)
        case "garbled":
            (tmp_path / sidecar_name(2)).write_text("{")
    others = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").iterdir() if "02" not in path.name}

    make(tmp_path)

    assert digests(tmp_path) == toy
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_more_images_extend_the_folder(tmp_path, toy):
    make(tmp_path, num_images=25)
    kept = (tmp_path / shard_name(1)).stat().st_mtime_ns

    make(tmp_path, "processes")

    assert digests(tmp_path) == toy
    assert (tmp_path / shard_name(1)).stat().st_mtime_ns == kept


@pytest.mark.parametrize("num_images", [60, 64])
def test_fewer_images_are_refused(tmp_path, toy, num_images):
    make(tmp_path)

    with pytest.raises(ValueError, match=f"holds 65 rows in 7 shards, more than the {num_images} asked for"):
        make(tmp_path, num_images=num_images)

    assert digests(tmp_path) == toy


def test_s3_holds_the_same_bytes(tmp_path, s3, toy):
    folder = Folder(f"{s3}/{tmp_path.name}")
    make(folder.url, "processes")
    folder.delete(sidecar_name(6))
    make(folder.url)

    there = {name: sha256(data) for name, data in folder.read_each(list(folder.list()))}

    assert there == toy
    assert [verify_shard(folder, info) for info in read_manifest(folder).values()] == [""] * NUM_SHARDS


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU can be kept from a process here")
def test_there_is_a_worker_for_each_cpu_that_may_be_used():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        num_workers = workers_of(-1)
    finally:
        os.sched_setaffinity(0, allowed)

    assert num_workers == 1
    assert workers_of(-1) == len(allowed)


def test_a_job_that_cannot_be_built_says_so_at_once(tmp_path):
    with pytest.raises(TypeError, match="num_images"):
        run(ToyJob, 1, str(tmp_path), num_workers=2, backend="processes")  # type: ignore[arg-type]


def test_arguments_out_of_range_are_refused(tmp_path):
    for wrong in ({"backend": "threads"}, {"num_workers": -2}, {"num_shards": 0}):
        arguments = {"num_shards": 1, "num_workers": 1, "backend": "inline"} | wrong
        with pytest.raises(ValueError, match="at least 1 shard"):
            run(partial(ToyJob, num_images=1), folder=str(tmp_path), **arguments)  # type: ignore[arg-type]
