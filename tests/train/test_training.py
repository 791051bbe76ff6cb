"""A run end to end: what it leaves, and that it goes on exactly as if nothing had stopped it."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.runs import BROKEN, STAGES, check_alike, losses, same_files, small_run
from train.log import read_log
from train.loop import Diverged
from train.training import train
from train.vae import Vae


def test_a_run_leaves_a_model_a_log_sheets_and_a_report(whole: Path) -> None:
    vae = Vae.from_pretrained(whole / "model")
    state = json.loads((whole / "checkpoints/000000000040/state.json").read_text())

    assert len(losses(whole)) == 10
    assert [loss for _, loss, _ in losses(whole)][-1] < losses(whole)[0][1]
    assert all(std > 0 for std in vae.config.latents_std)
    assert state["numbers"]["num_images"] == 40
    sheets = sorted(path.name for path in (whole / "samples").iterdir())
    assert sheets == ["000000000000.png", "000000000040.png"], "before the first step and after the last"
    assert (whole / "curve.png").read_bytes().startswith(b"\x89PNG")
    page = re.sub(r"<[^>]*>|\s+", " ", (whole / "report.html").read_text())
    last = [line for line in read_log(whole / "log.jsonl") if line["kind"] == "eval"][-1]
    crops = int(last["crops/synthetic-5-7"])
    shown = f"{last['psnr/synthetic-5-7']:.{2 if crops >= 5 else 1}f}"
    assert re.search(rf"synthetic-5-7\s+{crops}\s+{shown}\s", page)
    assert re.search(r"synthetic-5-7, original\s+0 images seen\s+40 images seen", page)
    assert page.count(", original") == page.count(" 40 images seen"), "each stands once"
    assert all(name in page for name in ("Learning rate", "Gradient norm", "Images a second", "waiting for data"))


def test_checkpoints_hold_neither_teacher_nor_lpips(whole: Path) -> None:
    from safetensors.torch import load_file

    names = set(load_file(whole / "checkpoints/000000000040/weights.safetensors"))

    assert {name.split(".")[0] for name in names} == {"vae"}


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (4, {}),
        (20, {"num_workers": 2}),  # one step before the border of the stages
        (24, {}),  # on it
        (28, {"num_workers": 2}),  # between steps of other aspects
    ],
)
def test_a_run_goes_on_bit_by_bit_from_any_checkpoint(
    whole: Path, run_data: list[str], tmp_path: Path, after: int, changes: dict[str, int]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    shutil.rmtree(out / "model")
    for path in (out / "checkpoints").iterdir():
        if int(path.name) > after:
            shutil.rmtree(path)

    assert train(small_run(run_data, out, **changes))

    assert losses(out) == losses(whole)
    assert same_files(out, whole, "model/model.safetensors", "checkpoints/000000000040/optimiser.safetensors")


def test_accumulation_changes_neither_the_images_nor_the_gradient(
    whole: Path, run_data: list[str], tmp_path: Path
) -> None:
    assert train(small_run(run_data, tmp_path / "run", micro_batch=1))

    check_alike(losses(tmp_path / "run"), losses(whole))


def test_broken_pages_are_counted_and_named(whole: Path) -> None:
    faults = json.loads((whole / "faults.json").read_text())
    named = {int(re.search(r"pages/data/(\d+)\.parquet#(\d+)", name).expand(r"\1\2")) for name in faults}

    assert named
    assert named <= set(BROKEN)
    assert all(count > 0 for count in faults.values())


def test_steps_without_a_finite_gradient_are_skipped_counted_and_end_the_run(
    run_data: list[str], tmp_path: Path
) -> None:
    stages = tuple(replace(stage, lr=1e30) for stage in STAGES)

    with pytest.raises(Diverged, match=r"was not finite for 3 steps in a row, up to \d+ images"):
        train(small_run(run_data, tmp_path / "run", stages=stages, max_bad_steps=3))

    log = (tmp_path / "run/log.jsonl").read_text()
    bad = [line for line in map(json.loads, log.splitlines()) if line.get("is_bad")]
    assert len(bad) == 3
    assert bad[-1]["gradient_norm"] is None
    assert not re.search("NaN|Infinity", log), "what is no JSON"
    assert (tmp_path / "run/report.html").exists()


def test_a_frozen_encoder_keeps_its_latents_bit_by_bit(whole: Path, run_data: list[str], tmp_path: Path) -> None:
    # Other crops are evaluated than in the run before: mean and deviation measured on them would be others.
    run = small_run(run_data, tmp_path / "run", init=str(whole / "model"), freeze_encoder=True, num_eval=3)
    x = torch.rand(1, 3, 32, 32)

    assert train(run)

    before, after = Vae.from_pretrained(whole / "model"), Vae.from_pretrained(tmp_path / "run/model")
    with torch.no_grad():
        assert torch.equal(before.encode(x).latent_dist.mode(), after.encode(x).latent_dist.mode())
        assert not torch.equal(before(x), after(x))
    assert after.config.latents_mean == before.config.latents_mean != ()
    assert after.config.latents_std == before.config.latents_std
