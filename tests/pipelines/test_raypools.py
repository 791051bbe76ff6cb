"""Jobs on Ray: actors that wait for room or have none, nodes that cannot build the job, clusters that died."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import pipelines.raypools
from pipelines.pools import hush_token_notice
from pipelines.runner import run
from pipelines.shardloop import ShardsFailed
from tests.digests import digests
from tests.pipelines.small_job import ROOT, wait_until
from tests.pipelines.toy_job import NUM_IMAGES, NUM_SHARDS, SHARD_ROWS, ToyJob, make


def test_actors_for_which_there_is_no_room_yet_hold_nothing_up(tmp_path, ray_cluster, toy):
    make(tmp_path, "actors", num_workers=5)  # on two CPUs

    assert digests(tmp_path) == toy


@pytest.mark.parametrize(("room", "needs"), [({"num_gpus": 1}, "1 CPU and 1 GPU"), ({"num_cpus": 2}, "2 CPU")])
def test_actors_that_no_node_can_hold_are_refused(tmp_path, ray_cluster, room, needs, monkeypatch):
    """Two nodes have one CPU each, and no other comes."""
    monkeypatch.setattr(pipelines.raypools, "JOIN_SECONDS", 0.5)
    monkeypatch.setattr(pipelines.raypools, "COUNT_SECONDS", 0.2)
    with pytest.raises(ValueError, match=f"a worker needs {needs}: no node .* has so much, 1 CPU and 0 GPU at most"):
        run(partial(ToyJob, num_images=1), 1, str(tmp_path), num_workers=1, actors=True, **room)


@pytest.mark.parametrize(("actors", "need", "least"), [(False, 1, 3), (True, 1, 3), (True, 3, 1)])
def test_a_node_that_joins_later_gets_shards(tmp_path, ray_nodes, toy, actors, need, least, monkeypatch):
    """Two nodes have one CPU each: workers are more once there is another, and actors that need it wait for it."""
    monkeypatch.setattr(pipelines.raypools, "COUNT_SECONDS", 0.2)
    seconds_a_row = 0.02 if need == 3 else 0.2
    faults = {"num_images": NUM_IMAGES, "shard_rows": SHARD_ROWS, "seconds_a_row": seconds_a_row, "notes": tmp_path}
    job = partial(NotingJob, **faults)
    with ThreadPoolExecutor() as pool:
        done = pool.submit(run, job, NUM_SHARDS, str(tmp_path / "out"), num_workers=-1, num_cpus=need, actors=actors)
        time.sleep(1)
        joined = ray_nodes.add_node(num_cpus=3)
        try:
            done.result(timeout=60)
        finally:
            ray_nodes.remove_node(joined)

    assert digests(tmp_path / "out") == toy
    spans = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert joined.node_id in [node for node, _, _ in spans]
    assert max(sum(start <= one < end for _, start, end in spans) for _, one, _ in spans) >= least


def test_actors_whose_only_node_goes_wait_for_another(tmp_path, ray_nodes, toy, monkeypatch, capfd):
    monkeypatch.setattr(pipelines.raypools, "COUNT_SECONDS", 0.2)
    faults = {"num_images": NUM_IMAGES, "shard_rows": SHARD_ROWS, "seconds_a_row": 0.1, "notes": tmp_path}
    nodes = [ray_nodes.add_node(num_cpus=3)]
    job, out = partial(NotingJob, **faults), tmp_path / "out"
    try:
        with ThreadPoolExecutor() as pool:
            done = pool.submit(run, job, NUM_SHARDS, str(out), num_workers=-1, num_cpus=3, actors=True)
            wait_until(lambda: any(tmp_path.glob("*.json")))
            ray_nodes.remove_node(nodes.pop())
            time.sleep(2)
            nodes.append(ray_nodes.add_node(num_cpus=3))
            done.result(timeout=60)
    finally:
        for node in nodes:
            ray_nodes.remove_node(node)

    assert digests(out) == toy
    said = capfd.readouterr().err
    assert "its worker was lost" in said
    assert (
        "a worker needs 3 CPU: no node of the Ray cluster has so much, 1 CPU and 0 GPU at most; waiting 600 s" in said
    )


@dataclass(frozen=True, kw_only=True)
class NotingJob(ToyJob):
    """Notes of each shard its node, begin and end."""

    notes: Path

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        import ray

        start = time.time()
        yield from super().rows(shard, counts)
        span = [ray.get_runtime_context().get_node_id(), start, time.time()]
        (self.notes / f"{shard}.json").write_text(json.dumps(span))


@dataclass(frozen=True, kw_only=True)
class PickyJob(ToyJob):
    """Can be built in the driver, and on a node once one is named in the file: by another."""

    driver: int
    nodes: Path

    def __post_init__(self) -> None:
        import ray

        if os.getpid() != self.driver and ray.get_runtime_context().get_node_id() in self.nodes.read_text():
            raise ValueError("this node has other faces")


@pytest.mark.parametrize("actors", [False, True])
def test_a_node_that_cannot_build_the_job_is_left_out(tmp_path, ray_cluster, toy, actors, capfd):
    import ray

    names = [node["NodeID"] for node in ray.nodes()]
    faults = {"num_images": NUM_IMAGES, "shard_rows": SHARD_ROWS, "driver": os.getpid(), "nodes": tmp_path / "nodes"}
    (tmp_path / "nodes").write_text(names[0])
    run(partial(PickyJob, **faults), NUM_SHARDS, str(tmp_path / "out"), num_workers=2, actors=actors)
    said = capfd.readouterr().err
    (tmp_path / "nodes").write_text(" ".join(names))
    with pytest.raises(ShardsFailed, match="this node has other faces") as failed:
        run(partial(PickyJob, **faults), NUM_SHARDS, str(tmp_path / "none"), num_workers=2, actors=actors)

    assert digests(tmp_path / "out") == toy
    assert said.count(f"ValueError: this node has other faces; no more shards for node {names[0]}") == 1
    assert "shards were not begun" in str(failed.value)


@pytest.mark.parametrize("known_by", ["RAY_ADDRESS", "its file"])
def test_a_cluster_that_died_is_told_at_once(tmp_path, known_by):
    """A head that was killed leaves the file that names it; port 1 is nobody's."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment |= {"RAY_TMPDIR": str(tmp_path)} | ({"RAY_ADDRESS": "127.0.0.1:1"} if known_by == "RAY_ADDRESS" else {})
    if known_by == "its file":
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray/ray_current_cluster").write_text("127.0.0.1:1\n")
    command = [sys.executable, str(ROOT / "pipelines/render.py"), "--photos", "builtin", "--out", str(tmp_path / "out")]
    command += ["--num-images", "2", "--image-size", "64"]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert re.search(r"^render.py: no Ray answers at 127\.0\.0\.1:1 .*--backend processes$", done.stderr, re.MULTILINE)


def test_ray_is_silent_about_its_token_and_not_about_having_none(caplog):
    setup = pytest.importorskip("ray._private.authentication.authentication_token_setup")
    setup.logger.addHandler(caplog.handler)  # it has handlers of its own and passes nothing on
    caplog.set_level("WARNING", logger=setup.logger.name)  # a cluster of other tests leaves it at errors
    hush_token_notice()
    setup._warn_token_auth_enabled()
    setup._warn_token_auth_disabled()
    setup.logger.removeHandler(caplog.handler)
    said = caplog.text

    assert "Token authentication is disabled" in said
    assert "Token authentication is enabled" not in said
