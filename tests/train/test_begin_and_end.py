"""How a run begins, when it binds its folder, what it says, and that a finished one is left as it is."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.runs import PAGES, small_run
from tests.train.shards import pages, photos, write
from tests.train.teacher_files import write_teacher
from train.building import build
from train.checkpoint import read_checkpoint
from train.command_line import parse_run
from train.feeding.heldout import HeldOut
from train.pixels import from_bytes
from train.training import measured, mixed, train
from train.vae import Vae
from train.vae_config import make_config


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(pages(40, side_px=96, shard_rows=20), tmp_path_factory.mktemp("data") / "pages")


@pytest.mark.parametrize("change", [{"mix": {"general": 1.0}}, {"resolution_px": 128, "aspects": ("1:1",)}])
def test_a_run_whose_data_does_not_do_is_refused_before_it_takes_a_folder(
    data: str, tmp_path: Path, change: dict[str, object]
) -> None:
    unfit = replace(PAGES, name="later", **change)

    with pytest.raises(ValueError, match="stage 'later'"):
        train(small_run([data], tmp_path / "run", stages=(PAGES, unfit)))

    assert not (tmp_path / "run").exists()


def test_a_run_that_took_no_step_binds_no_other(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("train.loop.Training._train_stage", lambda *_: False)  # stopped before the first
        assert not train(small_run([data], out, stages=(PAGES,)))
    assert (out / "run.json").exists()

    assert train(small_run([data], out, stages=(PAGES,), seed=8))

    assert json.loads((out / "run.json").read_text())["optimiser"]["seed"] == 8
    with pytest.raises(ValueError, match=r"optimiser\.seed: 8 -> 9\n.*--init .*checkpoints/000000000016$"):
        train(small_run([data], out, stages=(PAGES,), seed=9))


def test_what_changed_of_the_data_is_told_in_images(data: str, tmp_path: Path) -> None:
    assert train(small_run([data], tmp_path / "run", stages=(PAGES,)))
    other = write(pages(60, side_px=96, shard_rows=20), tmp_path / "pages")

    with pytest.raises(ValueError, match=r"data\.images: 40 -> 60\n  data\.sha256: \"[0-9a-f]{16}\" -> \""):
        train(small_run([other], tmp_path / "run", stages=(PAGES,)))


def test_a_finished_run_is_left_as_it_is(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = small_run([data], tmp_path / "run", stages=(PAGES,))
    assert train(run)
    files = [path for path in sorted((tmp_path / "run").rglob("*")) if path.is_file() and path.name != "run.lock"]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    capsys.readouterr()

    assert train(replace(run, execution=replace(run.execution, num_workers=1)))

    told = capsys.readouterr().out
    assert told.startswith(f"finished    16 of 16 images\nmodel       {tmp_path / 'run/model'}\n")
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before

    weights = (tmp_path / "run/model/model.safetensors").read_bytes()
    shutil.rmtree(tmp_path / "run/model")  # as where it was killed before it wrote one
    assert train(run)
    assert (tmp_path / "run/model/model.safetensors").read_bytes() == weights


def test_what_is_held_out_is_told_and_what_is_not(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = write(pages(8, side_px=96, band=lambda number: "7-10"), tmp_path / "held")
    general = write(photos(4), tmp_path / "photos")
    assert train(small_run([data, general], tmp_path / "run", stages=(PAGES,), held_out=(held_out,), num_eval=3))

    told = capsys.readouterr().out
    assert "held out    synthetic-7-10 3: crops of 96 px\n" in told
    missing = "general, synthetic-5-7, synthetic-10-14, synthetic-14-20"
    assert f"WARNING: {missing}: trained on, but nothing of it is held out" in told


def test_a_run_begins_with_the_projection_of_the_checkpoint_where_its_teacher_is_the_same(
    data: str, tmp_path: Path
) -> None:
    teachers = [str(write_teacher(tmp_path / name, seed)) for seed, name in enumerate(("same", "other"))]
    aligned = {"stages": (PAGES,), "align_weight": 0.5, "teacher": teachers[0]}
    assert train(small_run([data], tmp_path / "first", **aligned))
    init = max((tmp_path / "first/checkpoints").iterdir())
    trained = read_checkpoint(init).tensors["weights"]["projection.weight"]

    def begun(**changes: object) -> torch.Tensor:
        projection = build(
            small_run([data], tmp_path / "second", **aligned | {"seed": 1} | changes)
        ).objective.projection
        assert projection is not None
        return projection.weight

    assert torch.equal(begun(init=str(init)), trained)
    for changes in ({}, {"init": str(init), "teacher": teachers[1]}, {"init": str(init), "teacher_block": 2},
                    {"init": str(tmp_path / "first/model")}):  # fmt: skip
        assert not torch.equal(begun(**changes), trained), changes


def test_the_learning_rate_of_all_stages_is_a_flag() -> None:
    run = parse_run(["--recipe", "tiny", "--lr", "3e-4", "--dry-run"], "", "run.py")

    assert {stage.lr for stage in run.curriculum().stages} == {3e-4}
    assert {stage.lr for stage in run.stages} != {3e-4}
    assert run.identity()["optimiser"]["lr"] == 3e-4


def test_statistics_of_latents_are_of_the_last_stage_s_mix() -> None:
    components = ("general", "text", "synthetic-5-7", "synthetic-5-7", "synthetic-7-10")
    names = ("",) * 5
    images = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    held_out = HeldOut(images=images, components=components, names=names, left_out=(), asked=names)
    vae = Vae(make_config("f8c12", encoder_width=4, decoder_width=4))

    weights = mixed(held_out, {"general": 0.5, "synthetic": 0.2, "synthetic-7-10": 0.3})

    assert weights == pytest.approx([0.5, 0, 0.2 / 3, 0.2 / 3, 0.2 / 3 + 0.3])
    assert mixed(held_out, {"synthetic-10-14": 1.0}) == [1.0] * 5
    found = measured(vae, images, [2.0, 0.0, 0.0, 1.0, 0.0]).config
    counted = torch.cat([vae.latents(from_bytes(images[i : i + 1])) for i in (0, 0, 3)]).detach().double()
    assert found.latents_mean == pytest.approx(counted.mean(dim=(0, 2, 3)).tolist(), rel=1e-4, abs=1e-5)
    assert found.latents_std == pytest.approx(counted.std(dim=(0, 2, 3), unbiased=False).tolist(), rel=1e-4)
