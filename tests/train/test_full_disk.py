"""A training run whose disk is full says so, loses nothing that was there, and goes on."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.train.runs import losses
from tests.train.shards import pages, photos, write
from train.log import open_log, read_log
from train.run import main

RECIPE = """
model: f8c12
encoder_width: 4
decoder_width: 4
log_steps: 1
num_eval: 1
num_workers: 0
device: cpu
stages:
  - {name: square, num_images: 8, batch_size: 4, resolution_px: 64, mix: {general: 0.5, synthetic: 0.5},
     lr: 1.0e-3, lpips_weight: 0.0}
"""


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_log_that_cannot_be_written_anew_keeps_its_lines(tmp_path: Path):
    log = tmp_path / "log.jsonl"
    log.write_text("".join(f'{{"kind": "step", "images": {4 * step}}}\n' for step in range(1, 5)) + '{"kind": "st')

    with files_of_at_most(40), pytest.raises(OSError, match=r"no room for log\.jsonl"):
        open_log(log, 12)
    kept = [line["images"] for line in read_log(log)]
    open_log(log, 12).close()

    assert kept == [4, 8, 12, 16]
    assert [line["images"] for line in read_log(log)] == [4, 8, 12]
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_full_disk_is_told_in_a_sentence_and_the_same_command_goes_on(tmp_path: Path):
    data = [write(pages(20, shard_rows=10), tmp_path / "pages"), write(photos(4, shard_rows=2), tmp_path / "photos")]
    (tmp_path / "small.yaml").write_text(RECIPE)
    out = tmp_path / "run"
    out.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(out)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    args = ["--recipe", str(tmp_path / "small.yaml"), "--data", *data, "--out", str(out)]
    try:
        with pytest.raises(SystemExit, match=r"^run\.py: .*no room") as caught:
            main(args)
        subprocess.run(["mount", "-o", "remount,size=40m", str(out)], check=True)
        code = main(args)
        left = [path.name for path in out.rglob(".*")]
        found = losses(out)
    finally:
        subprocess.run(["umount", str(out)], check=True)

    assert "\n" not in str(caught.value)
    assert code == 0
    assert [images for images, _, _ in found] == [4, 8]
    assert left == []


def test_what_a_killed_run_was_writing_is_swept(tmp_path: Path):
    from socket import gethostname

    data = [write(pages(20, shard_rows=10), tmp_path / "pages"), write(photos(4, shard_rows=2), tmp_path / "photos")]
    (tmp_path / "small.yaml").write_text(RECIPE)
    out = tmp_path / "run"
    (out / "samples").mkdir(parents=True)
    (out / f".curve.png~{gethostname()}~0630b12e.tmp").write_bytes(b"half")
    (out / f"samples/.0.png~{gethostname()}~0630b12f.tmp").write_bytes(b"half")

    assert main(["--recipe", str(tmp_path / "small.yaml"), "--data", *data, "--out", str(out)]) == 0

    assert [path.name for path in out.rglob(".*")] == []
