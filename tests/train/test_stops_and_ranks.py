"""A run that is stopped, and one of two ranks, ends as one that nothing disturbed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.train.runs import check_alike, losses, same_files, small_run
from train.log import read_log
from train.settings import Run
from train.training import train

ROOT = Path(__file__).parents[2]
RANKS = "from train.training import train; import pickle, sys; train(pickle.load(open(sys.argv[1], 'rb')))"
FROM_FIRST = """
import sys
from pathlib import Path
from train.world import open_world

def fail():
    raise ValueError("damaged")

with open_world("cpu") as world:
    found = world.from_first(lambda: world.rank)
    try:
        world.from_first(fail)
    except ValueError as error:
        Path(sys.argv[1], f"rank{world.rank}").write_text(f"{found} {error}")
"""


def start(run: Run, folder: Path, *launcher: str) -> subprocess.Popen[str]:
    import pickle

    (folder / "run.pkl").write_bytes(pickle.dumps(run))
    (folder / "go.py").write_text(RANKS)
    command = [sys.executable, *launcher, str(folder / "go.py"), str(folder / "run.pkl")]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)  # fmt: skip


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 200
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_or_asked_to_stop_resumes_exactly(
    whole: Path, run_data: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    run = small_run(run_data, tmp_path / "run", micro_batch=1)
    process = start(run, tmp_path)
    wait_for(tmp_path / "run/checkpoints/000000000012", process)
    os.kill(process.pid, number)
    told = process.communicate()[0]
    seen = max(int(path.name) for path in (tmp_path / "run/checkpoints").iterdir() if path.name.isdigit())

    undisturbed = tmp_path / "undisturbed"
    assert train(run)
    assert train(small_run(run_data, undisturbed, micro_batch=1))

    assert seen < 40, "the run was over before it was stopped"
    assert number == signal.SIGKILL or "stopped and saved" in told
    assert losses(tmp_path / "run") == losses(undisturbed)
    assert same_files(tmp_path / "run", undisturbed, "model/model.safetensors")


def test_a_run_that_was_killed_after_its_last_evaluation_and_before_it_was_saved_evaluates_again(
    whole: Path, run_data: list[str], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    shutil.rmtree(out / "checkpoints/000000000040")

    assert train(small_run(run_data, out))

    assert [line["images"] for line in read_log(out / "log.jsonl") if line["kind"] == "eval"] == [0, 40]


def test_a_run_that_ended_before_its_last_evaluation_makes_it_up(
    whole: Path, run_data: list[str], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "run"))
    log = (out / "log.jsonl").read_text().splitlines(keepends=True)
    (out / "log.jsonl").write_text("".join(line for line in log if '"eval", "images": 40' not in line))
    shutil.rmtree(out / "model")

    for _ in range(2):
        assert train(small_run(run_data, out))

    assert [held_out(line) for line in read_log(out / "log.jsonl") if line["kind"] == "eval"] == [
        held_out(json.loads(line)) for line in log if '"kind": "eval"' in line
    ]


def held_out(line: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in line.items() if name == "images" or name.startswith("psnr/")}


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_ranks_train_as_one_process_does(whole: Path, run_data: list[str], tmp_path: Path, strategy: str) -> None:
    """The same images, and gradients that are means over ranks; stopped and resumed in between; stored by pixel."""
    run = small_run(run_data, tmp_path / "run", strategy=strategy, channels_last=True)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    first = start(run, tmp_path, *torchrun)
    wait_for(tmp_path / "run/checkpoints/000000000012", first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    shutil.rmtree(tmp_path / "run/model", ignore_errors=True)  # of one that was quick enough to end
    second = start(run, tmp_path, *torchrun)
    told = second.communicate(timeout=200)[0]

    assert second.returncode == 0, told
    assert "resumed at" in told
    check_alike(losses(tmp_path / "run"), losses(whole))
    assert num_faults(tmp_path / "run") == num_faults(whole) > 0  # those of all ranks


def num_faults(out: Path) -> float:
    """Rows that could not be used, by the last line of the log."""
    return next(line["faults"] for line in reversed(read_log(out / "log.jsonl")) if line["kind"] == "step")


def test_what_the_first_rank_finds_or_raises_is_so_on_every_rank(tmp_path: Path) -> None:
    (tmp_path / "go.py").write_text(FROM_FIRST)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    subprocess.run([*command, str(tmp_path / "go.py"), str(tmp_path)], env=env, check=True, timeout=200)

    assert sorted(path.read_text() for path in tmp_path.glob("rank*")) == ["0 damaged", "0 damaged"]
