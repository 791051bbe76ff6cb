"""Shared by the tests of the pipelines, made once a run on first use: a Ray cluster, an S3 server, small datasets."""

import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import skimage

from pipelines.shards.folder import Folder
from tests.digests import digests
from tests.pipelines.curation import curate, write_good
from tests.pipelines.mixed import Inputs, make_inputs, mix, rows
from tests.pipelines.small_job import SmallJob, ended, sidecars, stop_writer, wait_until, writers
from tests.pipelines.toy_job import make
from tests.pipelines.toy_reading import make_read

PHOTOS = Path(skimage.__file__).parent / "data"
S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder of installed packages, on the path of Ray's workers."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="session")
def ray_nodes(site: Path) -> Iterator[Any]:
    """A Ray cluster of two nodes with a CPU each, to which this process is connected; nodes may be added."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else a token is written to the home folder
    import ray
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="ray-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)  # other clusters of this machine are neither found nor forgotten
        with pytest.MonkeyPatch.context() as at_start:
            at_start.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
            cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def ray_cluster(ray_nodes: Any) -> str:
    """The address of that cluster."""
    return str(ray_nodes.address)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder of this machine."""
    return Folder(str(tmp_path / "out"))


@pytest.fixture(params=["local", "s3"])
def any_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """An empty folder, of this machine or in a store."""
    if request.param == "local":
        return Folder(str(tmp_path / "out[1]"))  # which fsspec may take for a pattern
    bucket: str = request.getfixturevalue("s3")
    return Folder(f"{bucket}/{tmp_path.name}[1]")


@pytest.fixture(params=["processes", "ray"])
def backend(request: pytest.FixtureRequest) -> str:
    """Where a job runs; where that is Ray, on the cluster."""
    if request.param != "processes":
        request.getfixturevalue("ray_cluster")
    return str(request.param)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the toy job's folder holds when nothing goes wrong, as digests."""
    folder = tmp_path_factory.mktemp("toy")
    make(folder)
    return digests(folder)


@pytest.fixture(scope="session")
def small_job(tmp_path_factory: pytest.TempPathFactory) -> SmallJob:
    """A rendering job on four photos that come with scikit-image."""
    folder = tmp_path_factory.mktemp("small")
    photos = folder / "photos"
    photos.mkdir()
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        shutil.copy(PHOTOS / name, photos)
    return SmallJob(photos=photos, index=folder / "index")


@pytest.fixture(scope="session")
def whole(small_job: SmallJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small job when nothing goes wrong; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    assert small_job.make(folder) == 0
    return folder


@pytest.fixture(scope="session")
def midway(small_job: SmallJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `kill -9` of its driver and of a worker in the middle of a shard leave; not to be changed."""
    folder = tmp_path_factory.mktemp("midway") / "out"
    driver = small_job.start(folder, "--backend", "processes")
    worker = stop_writer(folder)
    wait_until(lambda: sidecars(folder))
    driver.kill()
    os.kill(worker, signal.SIGKILL)
    driver.communicate()
    wait_until(lambda: not writers(folder))
    return folder


@pytest.fixture(scope="session")
def inputs(whole: Path, small_job: SmallJob, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """What is mixed; not to be changed."""
    return make_inputs(whole, small_job.photos, tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="session")
def mixed(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mix of these inputs; not to be changed."""
    out = tmp_path_factory.mktemp("mixed") / "out"
    assert mix(*inputs.flags(out)) == 0
    return out


@pytest.fixture(scope="session")
def train(mixed: Path) -> list[dict[str, Any]]:
    """The rows of its train split."""
    return rows(mixed, "train")


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good images; not to be changed."""
    return write_good(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def scored(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The curation of the good images when nothing goes wrong; not to be changed."""
    out = tmp_path_factory.mktemp("scored")
    assert curate("score", out, good) == 0
    return out


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad images, scored and read by a toy engine; not to be changed."""
    return make_read(tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out"))


@pytest.fixture
def start(small_job: SmallJob) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the small job as a user would, `start(out, *flags)`; neither it nor a worker outlives the test."""
    with ended() as processes:

        def start_one(*args: Any, **keywords: Any) -> subprocess.Popen[str]:
            processes.append(small_job.start(*args, **keywords))
            return processes[-1]

        yield start_one


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of an empty bucket on a real S3 server in this process; child processes reach it too."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in S3_ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        boto3.client("s3").create_bucket(Bucket="shards")
        yield "s3://shards"
    server.stop()


@pytest.fixture
def second_server(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another server of the same buckets, which S3 file systems opened from now on use; a test may stop() it."""
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # do not wait for a stopped one
    S3FileSystem.clear_instance_cache()
    yield server
    server.stop()
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def refused(s3: str) -> Iterator[Callable[[], None]]:
    """From its call to the end of the test, the S3 server takes no credentials."""
    import requests

    url = f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    yield lambda: requests.post(url, data="0", timeout=10).raise_for_status()
    requests.post(url, data="inf", timeout=10).raise_for_status()
