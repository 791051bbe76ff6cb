"""What a run's log tells of each step and evaluation, and what its curves show."""

import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.runs import PAGES, small_run
from tests.train.shards import pages, write
from tests.train.teacher_files import write_teacher
from train.building import build
from train.curriculum import VALUES
from train.monitor import read_log
from train.pace import Pace
from train.pixels import from_bytes, to_bytes
from train.run_report import draw_curves
from train.samples import Samples
from train.teachers.perceptual import random_lpips
from train.training import told, train
from train.world import World


def test_a_line_tells_the_schedules_the_pace_and_what_the_alignment_was_scaled_by(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    stage = replace(PAGES, align_weight=0.5, cos_margin=0.1, dist_margin=0.2)
    terms = {"adaptive_align": True, "teacher": str(write_teacher(tmp_path / "teacher", 0))}
    run = small_run(data, tmp_path / "run", stages=(stage,), **terms)

    assert train(run)

    lines = [line for line in read_log(tmp_path / "run/log.jsonl") if line["kind"] == "step"]
    for line in lines:
        now = asdict(run.curriculum().at(line["images"] - stage.batch_size))
        assert {name: line[name] for name in VALUES} == {name: now[name] for name in VALUES}
        assert line["images_per_s"] > 0
        assert 0 < line["data_wait"] < 1
        aligned = line["align_factor"] * line["align_weight"] * (line["align_cos"] + line["align_dist"])
        assert line["total"] == pytest.approx(line["l1"] + aligned, rel=1e-5)


def test_the_pace_leaves_out_pauses() -> None:
    pace = Pace(100)
    time.sleep(0.2)
    pace.restart(100)
    time.sleep(0.02)
    pace.step(104, 0.01)

    figures = pace.take()

    assert 30 < figures["images_per_s"] <= 4 / 0.02
    assert 0.1 < figures["data_wait"] <= 0.5


def test_lpips_of_held_out_images_is_told_by_component_where_it_is_trained_on(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    ready = build(run := small_run(data, tmp_path / "run", stages=(PAGES,), num_eval=2))
    vae, lpips, cpu = ready.objective.vae.eval(), random_lpips(), torch.device("cpu")
    images = from_bytes(ready.held_out.images, cpu)

    figures = Samples(ready.held_out, run, World(rank=0, size=1, device=cpu), lpips).measure(vae, 0)

    with torch.no_grad():
        distances = lpips(from_bytes(to_bytes(vae(images)), cpu), images).numpy()
    names = dict.fromkeys(ready.held_out.components)
    expected = {f"lpips/{name}": float(np.mean(distances[ready.held_out.of(name)])) for name in names}
    assert expected.items() <= {name: pytest.approx(value, rel=1e-5) for name, value in figures.items()}.items()


def test_a_step_without_finite_losses_leaves_no_gap_in_the_curves() -> None:
    steps = [{"images": i, "l1": 0.5 - i / 1000} for i in range(0, 400, 4)]
    bad = [*steps[:50], {"images": 198, "l1": None}, *steps[50:]]

    assert draw_curves(bad, []) == draw_curves(steps, [])


def test_a_gpu_whose_memory_is_too_small_is_told_with_what_to_do() -> None:
    fault = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    assert told(fault, "run").startswith("CUDA out of memory. Tried to allocate 2.00 GiB.\nGive a lower --micro-batch")
