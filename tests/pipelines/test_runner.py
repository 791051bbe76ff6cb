"""Jobs run to the end: the same bytes from every backend, through kills, faults and full disks."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipelines.pools import hush_token_notice
from pipelines.progress import Progress
from pipelines.runner import run
from pipelines.shardloop import MAX_DEATHS, Deaths, ShardsFailed
from pipelines.shards.files import ShardInfo, read_manifest, shard_name, sidecar_name, verify_shard
from pipelines.shards.folder import Folder
from pipelines.shards.identity import difference
from tests.pipelines.toy_job import ToyJob

ROOT = Path(__file__).parents[2]
NUM_IMAGES, SHARD_ROWS = 65, 10  # the last shard holds 5
NUM_SHARDS = 7


def make(folder: Path | str, backend: str = "inline", num_workers: int = 2, **faults: Any) -> dict[int, ShardInfo]:
    """Run a toy job of NUM_IMAGES images into the folder; the backend "actors" is Ray with workers that stay."""
    actors, backend = backend == "actors", "ray" if backend == "actors" else backend
    faults = {"num_images": NUM_IMAGES, "shard_rows": SHARD_ROWS} | faults
    job = ToyJob(**faults)
    make_job = partial(ToyJob, **faults)
    return run(make_job, job.num_shards, str(folder), num_workers=num_workers, backend=backend, actors=actors)


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every file there is, temporary ones included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> dict[str, str]:
    """What the toy job's folder holds when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("whole")
    make(folder)
    return digests(folder)


@pytest.fixture(params=["processes", "ray"])
def backend(request) -> str:
    if request.param != "processes":
        request.getfixturevalue("ray_cluster")
    return str(request.param)


@pytest.fixture
def driver() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a driver in a process of its own: `driver(folder, fault=value)`, on two processes."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, before: str = "", **faults: object) -> subprocess.Popen[str]:
        program = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from pathlib import Path, PosixPath\n"
            "from tests.pipelines.test_runner import make\n"
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


def wait_until(happened: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether the process runs: one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_backends_make_the_same_bytes(tmp_path, backend, whole):
    infos = make(tmp_path, backend)

    assert digests(tmp_path) == whole
    assert list(infos) == list(range(NUM_SHARDS))
    assert [info.num_rows for info in infos.values()] == [10] * 6 + [5]
    assert len(whole) == 2 * NUM_SHARDS


def test_no_workers_means_this_process(tmp_path, whole):
    make(tmp_path, "ray", num_workers=0, pids=tmp_path)

    (tmp_path / str(os.getpid())).unlink()
    assert digests(tmp_path) == whole


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


@pytest.mark.parametrize("backend", ["processes", "ray", "actors"], indirect=True)
def test_a_killed_worker_costs_no_shard(tmp_path, backend, whole, capfd):
    out, deaths = tmp_path / "out", tmp_path
    (deaths / "die-1").write_text("1")
    (deaths / "die-4").write_text("2")

    make(out, backend, deaths=deaths)

    said = capfd.readouterr().err
    assert digests(out) == whole
    assert len(re.findall("shard 1: its worker was .*; trying it again", said)) == 1
    assert len(re.findall("shard 4: its worker was .*; trying it again", said)) == 2


def test_a_shard_that_kills_its_workers_is_named(tmp_path, whole):
    out, deaths = tmp_path / "out", tmp_path
    (deaths / "die-3").write_text("100")

    with pytest.raises(ShardsFailed, match="shard 3: its worker was killed by SIGKILL") as failed:
        make(out, "processes", deaths=deaths)

    assert [outcome.shard for outcome in failed.value.outcomes] == [3]
    assert (deaths / "die-3").read_text() == "97"  # the first try and two more
    assert digests(out) == {name: digest for name, digest in whole.items() if "000003" not in name}


def test_a_shard_that_always_dies_elsewhere_is_given_up():
    rows = iter(range(1000))
    deaths = Deaths(lambda shard: next(rows))
    num_deaths = 1
    while deaths.allow_another(0):
        num_deaths += 1

    assert num_deaths == MAX_DEATHS


def test_failing_shards_are_named_while_the_others_finish(tmp_path, backend, whole):
    with pytest.raises(ShardsFailed) as failed:
        make(tmp_path, backend, bad_shards=(0, 5))

    message = str(failed.value)
    assert "2 failed, shard 0, 5:" in message
    assert "shard 5: RuntimeError: the photo of shard 5 is broken" in message
    assert "in _fail" in message  # the end of the traceback
    assert digests(tmp_path) == {name: whole[name] for name in whole if not re.search("00000[05]", name)}

    make(tmp_path, backend)
    assert digests(tmp_path) == whole


@pytest.mark.parametrize("fault", ["no sidecar", "truncated", "garbled"])
def test_damaged_shards_are_made_again(tmp_path, whole, fault):
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

    assert digests(tmp_path) == whole
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_more_images_extend_the_folder(tmp_path, whole):
    make(tmp_path, num_images=25)
    kept = (tmp_path / shard_name(1)).stat().st_mtime_ns

    make(tmp_path, "processes")

    assert digests(tmp_path) == whole
    assert (tmp_path / shard_name(1)).stat().st_mtime_ns == kept


@pytest.mark.parametrize("num_images", [60, 64])
def test_fewer_images_are_refused(tmp_path, whole, num_images):
    make(tmp_path)

    with pytest.raises(ValueError, match=f"holds 65 rows in 7 shards, more than the {num_images} asked for"):
        make(tmp_path, num_images=num_images)

    assert digests(tmp_path) == whole


def test_a_killed_driver_leaves_no_worker_and_resumes(tmp_path, driver, whole):
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
    assert len(left) < len(whole)
    assert digests(out) == whole


def test_an_interrupt_stops_workers_and_leaves_no_half_files(tmp_path, driver, whole):
    out, pids = tmp_path / "out", tmp_path / "pids"
    pids.mkdir()
    process = driver(out, pids=pids, seconds_a_row=0.05)
    wait_until(lambda: (out / sidecar_name(0)).exists() and len(list(pids.iterdir())) == 2)

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)

    assert said.rstrip().endswith("KeyboardInterrupt")
    assert not any(is_running(int(path.name)) for path in pids.iterdir())
    assert digests(out).items() <= whole.items()


def test_a_killed_worker_of_another_process_group_is_noticed(tmp_path, driver, whole):
    out, pids = tmp_path / "out", tmp_path / "pids"
    pids.mkdir()
    process = driver(out, pids=pids, seconds_a_row=0.02)
    wait_until(lambda: len(list(pids.iterdir())) == 2)

    os.kill(int(next(pids.iterdir()).name), signal.SIGKILL)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "its worker was killed by SIGKILL; trying it again" in said
    assert digests(out) == whole


def test_a_full_disk_is_named_and_resumed(tmp_path, whole):
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        with pytest.raises(ShardsFailed) as failed:
            make(small / "out")
        full = digests(small / "out")
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        make(small / "out")
        mended = digests(small / "out")
    finally:
        subprocess.run(["umount", str(small)], check=True)

    assert f"no room for data/00000{len(full) // 2}.parquet in {small / 'out' / 'data'}" in str(failed.value)
    assert "shards were not begun" in str(failed.value)
    assert full.items() <= whole.items()
    assert mended == whole


def test_a_disk_that_fills_under_workers(tmp_path, driver):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))"

    process = driver(tmp_path / "out", before=limit)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 1
    assert re.search("5 shards were not begun", said)
    assert digests(tmp_path / "out") == {}


def test_s3_holds_the_same_bytes(tmp_path, s3, whole):
    folder = Folder(f"{s3}/{tmp_path.name}")
    make(folder.url, "processes")
    folder.delete(sidecar_name(6))
    make(folder.url)

    there = {name: sha256(data).hexdigest() for name, data in folder.read_each(list(folder.list()))}

    assert there == whole
    assert [verify_shard(folder, info) for info in read_manifest(folder).values()] == [""] * NUM_SHARDS


def test_actors_for_which_there_is_no_room_yet_hold_nothing_up(tmp_path, ray_cluster, whole):
    make(tmp_path, "actors", num_workers=5)  # on two CPUs

    assert digests(tmp_path) == whole


@pytest.mark.parametrize(("room", "needs"), [({"num_gpus": 1}, "1 CPU and 1 GPU"), ({"num_cpus": 2}, "2 CPU")])
def test_actors_that_no_node_can_hold_are_refused(tmp_path, ray_cluster, room, needs):
    """Two nodes have one CPU each."""
    with pytest.raises(ValueError, match=f"a worker needs {needs}: no node .* has so much, 1 CPU and 0 GPU at most"):
        run(partial(ToyJob, num_images=1), 1, str(tmp_path), num_workers=1, actors=True, **room)


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
def test_a_node_that_cannot_build_the_job_is_left_out(tmp_path, ray_cluster, whole, actors, capfd):
    import ray

    names = [node["NodeID"] for node in ray.nodes()]
    faults = {"num_images": NUM_IMAGES, "shard_rows": SHARD_ROWS, "driver": os.getpid(), "nodes": tmp_path / "nodes"}
    (tmp_path / "nodes").write_text(names[0])
    run(partial(PickyJob, **faults), NUM_SHARDS, str(tmp_path / "out"), num_workers=2, actors=actors)
    said = capfd.readouterr().err
    (tmp_path / "nodes").write_text(" ".join(names))
    with pytest.raises(ShardsFailed, match="this node has other faces") as failed:
        run(partial(PickyJob, **faults), NUM_SHARDS, str(tmp_path / "none"), num_workers=2, actors=actors)

    assert digests(tmp_path / "out") == whole
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


def test_a_job_that_cannot_be_built_says_so_at_once(tmp_path):
    with pytest.raises(TypeError, match="num_images"):
        run(ToyJob, 1, str(tmp_path), num_workers=2, backend="processes")  # type: ignore[arg-type]


def test_a_difference_deep_in_a_long_text_is_shown():
    old, new = (f"text 1, rapidocr 3.10.0 (PP-OCRv6_det_small 090f04abcd9d), reads {how}" for how in ("auto", "full"))

    [line] = difference({"version": old}, {"version": new})

    assert "auto" in line.split(" -> ")[0]
    assert "full" in line.split(" -> ")[1]


def test_arguments_out_of_range_are_refused(tmp_path):
    for wrong in ({"backend": "threads"}, {"num_workers": -2}, {"num_shards": 0}):
        arguments = {"num_shards": 1, "num_workers": 1, "backend": "inline"} | wrong
        with pytest.raises(ValueError, match="at least 1 shard"):
            run(partial(ToyJob, num_images=1), folder=str(tmp_path), **arguments)  # type: ignore[arg-type]


def test_progress_counts_images():
    with Progress(1000, 400) as progress:
        progress.advance(100)
        line = progress.line()

    assert re.fullmatch(r"500 of 1,000 images, [\d,.]+/s, [\d,]+ s left", line)


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
