"""evaluate.py on a folder that holds something already: whose it is, what is kept and what made again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.train.evaluations import page, run, write
from tests.train.random_weights import inception_state
from train.evaluation.evaluating import main

ROOT = Path(__file__).parents[2]
PAUSING = """
import os, time
FACTOR = 1
calls = []
def encode(x):
    calls.append(x.shape)
    if len(calls) > 1:
        time.sleep(float(os.environ.get("PAUSE_SEC", 0)))
    return x
def decode(z):
    return z * 0.9
"""


def test_a_folder_keeps_to_one_evaluation(pairs: Path, capsys: pytest.CaptureFixture[str]):
    run(pairs)
    args = ["--gt", str(pairs / "gt"), "--out", str(pairs / "out"), "--metrics", "psnr", "--reference", "jpeg-q10"]

    assert main(args) == 1
    told = capsys.readouterr().err
    assert 'kind: "recon" -> "reference"' in told
    assert "Name another folder." in told

    write(pairs / "gt", "0.png", page(7))
    assert main([*args[:-2], "--recon", str(pairs / "recon")]) == 1
    assert "originals:" in capsys.readouterr().err


def test_other_metrics_later_make_no_reconstruction_again(pairs: Path):
    made = pairs / "out" / "reconstructions"
    first = run(pairs, "--reference", "jpeg-q10", metrics="psnr")
    times = {path.name: path.stat().st_mtime_ns for path in made.iterdir()}

    second = run(pairs, "--reference", "jpeg-q10", metrics="psnr ssim")

    assert "SSIM" not in first
    assert second["PSNR"] == first["PSNR"]
    assert second["SSIM"] < 1
    assert {path.name: path.stat().st_mtime_ns for path in made.iterdir()} == times
    assert len(times) == 4


def test_what_is_cut_short_is_made_again(pairs: Path, capsys: pytest.CaptureFixture[str]):
    torch.save(inception_state(), pairs / "inception.pth")
    flags = ["--reference", "jpeg-q10", "--fid-weights", str(pairs / "inception.pth")]
    out = pairs / "out"
    (pairs / "gt" / "3.png").unlink()
    run(pairs, *flags, metrics="psnr fid")
    whole = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    (out / f".results.json~{socket.gethostname()}~00000000.tmp").write_bytes(b"of a run that was killed")
    for path, data in whole.items():
        if path.name != "evaluation.json":
            path.write_bytes(data[: len(data) // 2])

    run(pairs, *flags, metrics="psnr fid")
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == whole

    (out / "reconstructions" / "2.png").write_bytes(whole[out / "reconstructions" / "2.png"][:-9])
    (out / "parts" / "000000.npz").unlink()
    run(pairs, *flags, metrics="psnr fid")
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == whole

    (out / "reconstructions" / "1.png").write_bytes(whole[out / "reconstructions" / "1.png"][:-9])
    run(pairs, *flags, metrics="psnr fid")
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == whole

    (out / "evaluation.json").write_text('{"name": "jpeg')
    assert main(["--gt", str(pairs / "gt"), *flags, "--out", str(out), "--metrics", "psnr"]) == 1
    assert "evaluation.json is damaged" in capsys.readouterr().err


def test_the_weights_that_a_module_declares_are_part_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "gt", "0.png", page(0, 32, 40))
    (tmp_path / "dim.txt").write_text("0.5")
    (tmp_path / "m.py").write_text(
        "from pathlib import Path\nFILES = ('dim.txt',)\nFACTOR = 1\n"
        "def encode(x):\n    return x * float((Path(__file__).parent / 'dim.txt').read_text())\n"
        "def decode(z):\n    return z\n"
    )
    before = run(tmp_path, "--module", str(tmp_path / "m.py"), metrics="psnr", out="one")
    (tmp_path / "dim.txt").write_text("1")
    args = ["--gt", str(tmp_path / "gt"), "--module", str(tmp_path / "m.py"), "--metrics", "psnr", "--device", "cpu"]

    assert main([*args, "--out", str(tmp_path / "one")]) == 1
    assert "subject" in capsys.readouterr().err
    assert main([*args, "--out", str(tmp_path / "two")]) == 0
    after = json.loads((tmp_path / "two/results.json").read_bytes())
    assert before["PSNR"] < 30 < after["PSNR"]


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path):
    for number in range(20):
        write(tmp_path / "gt", f"{number:02d}.png", page(number, 32, 40))
    module = tmp_path / "pausing.py"  # after its first batch, where PAUSE_SEC says so
    module.write_text(PAUSING)
    flags = ["--gt", str(tmp_path / "gt"), "--module", str(module), "--metrics", "psnr", "ssim", "--device", "cpu"]
    assert main([*flags, "--out", str(tmp_path / "whole")]) == 0
    out = tmp_path / "out"

    _kill_after_first_part([*flags, "--out", str(out)], out)
    kept = (out / "parts" / "000000.json").stat().st_mtime_ns
    assert not (out / "results.json").exists()
    assert main([*flags, "--out", str(out)]) == 0

    assert (out / "results.json").read_bytes() == (tmp_path / "whole" / "results.json").read_bytes()
    assert (out / "parts" / "000000.json").stat().st_mtime_ns == kept
    names = sorted(path.name for path in (out / "reconstructions").iterdir())
    assert names == [f"{number:02d}.png" for number in range(20)]
    for name in names:
        made, whole = (folder / "reconstructions" / name for folder in (out, tmp_path / "whole"))
        assert made.read_bytes() == whole.read_bytes()


def _kill_after_first_part(flags: list[str], out: Path) -> None:
    """Run the real script until its first part is there, then kill it without warning."""
    command = [sys.executable, str(ROOT / "train" / "evaluate.py"), *flags]
    process = subprocess.Popen(command, env=os.environ | {"PAUSE_SEC": "100"}, cwd=out.parent)
    deadline = time.monotonic() + 100
    while not (out / "parts" / "000000.json").exists():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline, "its first part never came"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
