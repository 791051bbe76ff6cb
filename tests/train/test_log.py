"""What a run's log tells of each step and evaluation, and what its curves show."""

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
from train.log import read_log
from train.pace import Pace
from train.pixels import from_bytes, to_bytes
from train.run_curves import draw_curves, smoothed
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
    seconds = iter([0.0, 10.0, 14.0, 14.0, 16.0, 16.0])
    pace = Pace(100, clock=lambda: next(seconds))
    pace.restart(100)  # after an evaluation of ten seconds
    pace.step(104, 1.0)
    pace.step(108, 0.5)

    assert pace.take() == {"images_per_s": 8 / 4, "data_wait": 1.5 / 4}

    pace.step(112, 0.0)
    assert pace.take() == {"images_per_s": 4 / 2, "data_wait": 0.0}


def test_a_curve_is_drawn_through_means_of_neighbouring_lines() -> None:
    points = [(float(i), float(i % 2)) for i in range(1000)]

    curve = smoothed(points)

    assert len(curve) == 50
    assert curve[:2] == [(9.5, 0.5), (29.5, 0.5)]
    assert smoothed(points[:7]) == points[:7]


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
