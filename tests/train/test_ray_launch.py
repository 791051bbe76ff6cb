"""Ranks that Ray Train runs."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.train.shards import pages, photos, write

ROOT = Path(__file__).parents[2]


def test_what_a_rank_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=128, shard_rows=10), tmp_path / "pages"), write(photos(4), tmp_path / "p")]
    flags = ["--lpips-weight", "1", "--lpips-trunk", str(tmp_path / "vgg.pth"), "--ray-workers", "1", "--device", "cpu"]
    command = [sys.executable, str(ROOT / "train/run.py"), "--data", *data, "--out", str(tmp_path / "run"), *flags]

    with tempfile.TemporaryDirectory(prefix="ray-") as short:  # sockets have paths of at most 107 bytes
        env = {**os.environ, "RAY_TMPDIR": short, "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
        told = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)

    lines = told.stderr.splitlines()  # among them those of Ray's log, each with its process
    sentence = f"run.py: The VGG16 trunk of LPIPS, {tmp_path / 'vgg.pth'}, is not there. Get it: "
    assert told.returncode == 1
    assert sum(line.startswith(sentence) for line in lines) == 1
    assert not any(line.startswith("Traceback") for line in lines)
