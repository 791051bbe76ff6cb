"""What TensorBoard and Weights & Biases show of a run."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.train.runs import PAGES, small_run
from tests.train.shards import pages, write
from train.training import train

ROOT = Path(__file__).parents[2]
TRAIN = "from train.training import train; import pickle, sys; train(pickle.load(open(sys.argv[1], 'rb')))"


def shown(out: Path, name: str) -> list[int]:
    """The images seen at each point of a figure in TensorBoard."""
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    return [point.step for point in events.Scalars(name)]


def test_tensorboard_shows_each_step_and_evaluation_once_after_a_resume(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    run = small_run(data, tmp_path / "run", stages=(PAGES,), eval_images=8)
    assert train(run)
    for late in ("000000000012", "000000000016"):
        shutil.rmtree(tmp_path / "run/checkpoints" / late)

    assert train(run)

    assert shown(tmp_path / "run", "train/l1") == [4, 8, 12, 16]
    assert shown(tmp_path / "run", "psnr/synthetic-5-7") == [0, 8, 16]


def test_weights_and_biases_gets_figures_and_settings_and_the_same_run_after_a_resume(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    run = small_run(data, tmp_path / "run", stages=(PAGES,), wandb="project")
    (tmp_path / "run.pkl").write_bytes(pickle.dumps(run))
    env = os.environ | {"PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", "WANDB_MODE": "offline"}

    for _ in range(2):  # the second ends what a killed run left undone
        shutil.rmtree(tmp_path / "run/model", ignore_errors=True)
        subprocess.run([sys.executable, "-c", TRAIN, str(tmp_path / "run.pkl")], env=env, check=True, timeout=200)

    number = (tmp_path / "run/wandb.id").read_text()
    first, _ = sorted((tmp_path / "run/wandb").glob(f"offline-run-*/run-{number}.wandb"))
    assert all(told in first.read_bytes() for told in (b"train/l1", b"psnr/synthetic-5-7", b"f8c12"))
