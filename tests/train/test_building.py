"""What a run is begun with, and that it goes on with nothing else."""

import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.train.runs import PAGES, STAGES, losses, small_run
from tests.train.shards import pages, photos, write
from tests.train.teacher_files import write_teacher
from train.building import build, build_vae
from train.checkpoint import read_checkpoint
from train.command_line import parse_run
from train.fitting import parameter_groups
from train.teachers.perceptual import random_lpips
from train.teachers.semantic import DEFAULT_TEACHER
from train.training import train
from train.weights import write_tensors


def test_a_run_goes_on_with_its_teacher_wherever_it_lies_and_with_no_other_of_its_name(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    first, other = (write_teacher(tmp_path / str(seed) / "teacher", seed) for seed in range(2))
    run = small_run(data, tmp_path / "run", stages=(PAGES,), align_weight=0.5, teacher=str(first))
    moved = small_run(data, tmp_path / "run", stages=(PAGES,), align_weight=0.5, teacher=str(tmp_path / "2/teacher"))
    assert train(run)

    shutil.copytree(other, tmp_path / "2/teacher")
    with pytest.raises(ValueError, match=r"begun otherwise[^$]*teacher_sha256"):
        train(moved)
    shutil.rmtree(tmp_path / "2/teacher")
    renamed = first.rename(tmp_path / "2/dinov2")

    assert train(replace(moved, terms=replace(moved.terms, teacher=str(renamed))))


def test_a_run_goes_on_with_its_lpips_in_any_file_and_with_no_other(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    trunks = [dict(random_lpips(seed)._trunk) for seed in range(2)]
    files = [tmp_path / "vgg.pth", tmp_path / "the same.safetensors", tmp_path / "other.safetensors"]
    torch.save(trunks[0], files[0])
    for trunk, path in zip(trunks, files[1:], strict=True):
        write_tensors(path, trunk)
    first, same, other = (
        small_run(data, tmp_path / "run", stages=(PAGES,), lpips_weight=1.0, lpips_trunk=str(path)) for path in files
    )
    assert train(first)

    assert train(same)
    with pytest.raises(ValueError, match=r"begun otherwise[^$]*lpips_sha256"):
        train(other)


def test_an_adaptive_weight_depends_neither_on_micro_batches_nor_on_a_stop(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    terms = {"align_weight": 0.5, "adaptive_align": True, "teacher": str(write_teacher(tmp_path / "teacher", 0))}
    runs = {n: small_run(data, tmp_path / f"run{n}", stages=(PAGES,), micro_batch=n, **terms) for n in (0, 1)}
    assert all(train(run) for run in runs.values())
    whole, parted = (losses(tmp_path / f"run{n}") for n in (0, 1))

    for number, (mine, other) in enumerate(zip(parted, whole, strict=True)):  # sums of another order grow apart
        assert mine[:2] == pytest.approx(other[:2], rel=1e-4 if number < 2 else 3e-2)
        assert mine[2] == pytest.approx(other[2], rel=2e-2 if number < 2 else 2e-1)

    for path in (tmp_path / "run0/checkpoints").iterdir():
        if int(path.name) > 8:
            shutil.rmtree(path)
    assert train(runs[0])
    assert losses(tmp_path / "run0") == whole


def test_a_run_goes_on_with_the_model_it_began_with_and_with_no_other_of_its_name(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    for seed in (1, 2):
        assert train(small_run(data, tmp_path / str(seed), stages=(PAGES,), seed=seed))
    first, other = (
        small_run(data, tmp_path / "run", stages=(PAGES,), init=str(tmp_path / str(seed) / "model")) for seed in (1, 2)
    )
    assert train(first)

    with pytest.raises(ValueError, match=r"begun otherwise[^$]*init_sha256"):
        train(other)
    renamed = (tmp_path / "1/model").rename(tmp_path / "another name")
    assert train(replace(first, model=replace(first.model, init=str(renamed))))


def test_a_run_goes_on_with_smaller_micro_batches(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    stage = replace(PAGES, micro_batch=4)
    assert train(small_run(data, tmp_path / "run", stages=(stage,)))
    shutil.rmtree(max((tmp_path / "run/checkpoints").iterdir()))

    other = replace(stage, micro_batch=2)
    assert train(small_run(data, tmp_path / "run", stages=(other,), micro_batch=1))

    assert [stage.at_once(most) for most in (0, 1, 8)] == [4, 1, 4]
    assert [PAGES.at_once(most) for most in (0, 1)] == [0, 1]


def test_a_run_goes_on_where_the_model_it_began_with_is_gone(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    assert train(small_run(data, tmp_path / "first", stages=(PAGES,)))
    run = small_run(
        data, tmp_path / "run", stages=(PAGES,), init=str(tmp_path / "first/model"), freeze_encoder=True, num_eval=3
    )
    assert train(run)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "run/model").iterdir()}

    shutil.rmtree(tmp_path / "first")
    shutil.rmtree(max((tmp_path / "run/checkpoints").iterdir()))
    assert train(run)

    assert {path.name: path.read_bytes() for path in (tmp_path / "run/model").iterdir()} == whole
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match=r"model/config.json is missing: name a folder"):
        train(run)


def test_an_adaptive_weight_is_of_no_account_where_nothing_is_aligned(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    assert train(small_run(data, tmp_path / "first", stages=(PAGES,)))
    terms = {"adaptive_align": True, "teacher": str(write_teacher(tmp_path / "teacher", 0))}
    frozen = {"init": str(tmp_path / "first/model"), "freeze_encoder": True, "align_weight": 0.5}

    assert train(small_run(data, tmp_path / "frozen", stages=(PAGES,), **terms, **frozen))
    assert build(small_run(data, tmp_path / "split", stages=(PAGES,), strategy="fsdp", **terms)).objective
    with pytest.raises(ValueError, match="needs whole gradients on every rank: use --strategy ddp, or --no-adaptive"):
        build(small_run(data, tmp_path / "split", stages=(PAGES,), strategy="fsdp", align_weight=0.5, **terms))


def test_an_adaptive_weight_costs_next_to_no_arithmetic(tmp_path: Path) -> None:
    """Gradients of each term by itself down to the encoder would be two passes more through the decoder."""
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    terms = {"align_weight": 0.5, "teacher": str(write_teacher(tmp_path / "teacher", 0))}
    images = torch.rand(2, 3, 64, 64)
    flops = {}
    for adaptive in (False, True):
        run = small_run(data, tmp_path / "run", stages=(PAGES,), adaptive_align=adaptive, **terms)
        objective = build(run).objective
        with FlopCounterMode(display=False) as counter:
            objective(images, run.curriculum().at(0), 0)["total"].backward()
        flops[adaptive] = counter.get_total_flops()

    assert flops[False] < flops[True] < 1.02 * flops[False]


def test_a_shard_is_not_both_trained_on_and_held_out(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    copy = str(shutil.copytree(data[0], tmp_path / "copy"))

    for held_out in (data[0], copy):
        with pytest.raises(ValueError, match="--held-out and --data share"):
            build(small_run(data, tmp_path / "run", stages=(PAGES,), held_out=(held_out,)))
    with pytest.raises(ValueError, match="each once"):
        build(small_run([data[0], f"{data[0]}=synthetic"], tmp_path / "run", stages=(PAGES,)))


def test_one_small_image_does_not_shrink_what_is_evaluated(tmp_path: Path) -> None:
    data = [write(photos(12, shard_rows=6), tmp_path / "photos")]
    strip = Image.fromarray(np.zeros((36, 200, 3), np.uint8))
    file = BytesIO()
    strip.save(file, "PNG")
    held_out = write(photos(8, shard_rows=8, instead={3: file.getvalue()}), tmp_path / "held_out")
    stages = (replace(STAGES[0], mix={"general": 1.0}, resolution_px=64),)

    found = build(small_run(data, tmp_path / "run", stages=stages, held_out=(held_out,), num_eval=8)).held_out

    assert found.images.shape == (7, 3, 128, 128)


def test_without_alignment_no_teacher_is_asked_for(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]

    ready = build(small_run(data, tmp_path / "run", stages=(PAGES,), teacher=str(tmp_path / "nowhere")))

    assert "teacher_sha256" not in ready.identity["terms"]
    assert "align" not in ready.objective.terms()


def test_a_run_begins_with_the_average_of_another_s_checkpoint(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    assert train(small_run(data, tmp_path / "first", stages=(PAGES,)))
    checkpoint = sorted((tmp_path / "first/checkpoints").iterdir())[-1]
    calm = (replace(PAGES, lr=1e-5),)

    vae = build_vae(small_run(data, tmp_path / "calm", stages=calm, init=str(checkpoint)))
    average = read_checkpoint(checkpoint).tensors["average"]

    assert all(torch.equal(value, average[name]) for name, value in vae.state_dict().items())
    assert train(small_run(data, tmp_path / "calm", stages=calm, init=str(checkpoint)))
    for change in ({"encoder_width": 8}, {"skip": "local"}):  # the second has the same shapes
        with pytest.raises(ValueError, match=r"another model: (encoder_width 4|skip global) there"):
            build_vae(small_run(data, tmp_path / "other", stages=calm, init=str(checkpoint), **change))


def test_paths_hold_in_any_folder_and_none_in_a_job_s_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "working_dir_files/_ray_pkg_1"
    (copy / "weights/dino").mkdir(parents=True)
    monkeypatch.chdir(copy)
    flags = ["--data", "s3://bucket/mix", "--init", "weights/vae", "--lpips-trunk", "weights/vgg.pth"]

    run = parse_run([*flags, "--teacher", "weights/dino", "--out", str(tmp_path / "run")], "", "run.py")

    assert run.model.init == str(copy / "weights/vae")
    assert run.terms.lpips_trunk == str(copy / "weights/vgg.pth")
    assert run.terms.teacher == str(copy / "weights/dino")
    assert parse_run([*flags, "--out", str(tmp_path)], "", "run.py").terms.teacher == DEFAULT_TEACHER
    with pytest.raises(SystemExit, match=r"out is 'run'.*Ray removes"):
        parse_run([*flags, "--out", "run"], "", "run.py")


def test_gains_and_biases_do_not_decay() -> None:
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in ((3,), (2, 3), (2, 3, 1, 1), (1,))]

    groups = parameter_groups(parameters, 0.1)

    assert [(group["weight_decay"], [p.ndim for p in group["params"]]) for group in groups] == [
        (0.1, [2, 4]),
        (0.0, [1, 1]),
    ]


def test_an_image_that_is_held_out_and_broken_is_named(tmp_path: Path) -> None:
    held_out = write(pages(8, side_px=96, shard_rows=8, instead={3: b"<html>"}), tmp_path / "held_out")
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]

    found = build(small_run(data, tmp_path / "run", stages=(PAGES,), held_out=(held_out,), num_eval=8)).held_out

    assert len(found.images) == 7
    assert len(found.asked) == 8
    assert found.left_out == (f"{held_out}/data/000000.parquet#3: no image that can be read",)
