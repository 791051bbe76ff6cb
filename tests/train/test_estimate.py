"""The plan of a run before it begins: exact counts, operations, hours."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from train.command_line import load_run, parse_run
from train.curriculum import Stage
from train.estimate import describe, image_flop, teacher_flop
from train.needs import describe_needs
from train.run import main
from train.teachers.dinov2 import Dinov2
from train.teachers.dinov2_config import Dinov2Config
from train.teachers.semantic import TOKEN_PX
from train.vae import Vae
from train.vae_config import make_config

PUBLISHED = {
    "f16c64": "encoder 75,536,192, decoder 247,750,851",
    "f16c128": "encoder 76,421,056, decoder 248,414,403",
    "f32c128": "encoder 76,836,640, decoder 249,722,643",
    "f32c192": "encoder 77,721,504, decoder 250,386,195",
}


@pytest.mark.parametrize("recipe", [*PUBLISHED, "refine", "tiny"])
def test_every_recipe_has_a_plan(recipe: str) -> None:
    run = load_run(recipe)

    lines = describe(run).splitlines()

    assert PUBLISHED.get(recipe, "encoder ") in lines[1]
    names = [stage.name for stage in run.stages]
    first, second = (i for i, line in enumerate(lines) if line.startswith("stage "))
    assert [line.split()[0] for line in lines[first + 1 : second - 2]] == names
    assert [line.split()[0] for line in lines[second:] if line and not line.startswith(" ")][1:-2] == names
    assert lines[second - 2].startswith("in all")
    assert f"{run.curriculum().total_images:,} images" in "".join(lines[second:])
    assert max(map(len, lines)) <= 110


def test_hours_of_stages_add_up_and_next_to_none_are_not_told() -> None:
    long, short = describe(load_run("f16c64")), describe(load_run("tiny"))

    table = [line.split() for line in long.split("\n\n")[1].splitlines()]
    *hours, total = (float(row[-1].replace(",", "")) for row in table[1:])
    assert table[0][-2:] == ["GPU", "hours"]
    assert sum(hours) == pytest.approx(total, abs=0.5)
    assert all(re.fullmatch(r"\d\.\d\de\+\d\d", row[-2]) for row in table[1:]), "operations have three digits"
    assert "of one H100 in bf16 at 300 TFLOP/s" in " ".join(long.split())
    assert "GPU" not in short
    assert "minutes on a CPU" in short


def test_the_size_of_checkpoints_is_told() -> None:
    told = " ".join(describe(load_run("f16c64")).split())
    run = load_run("refine")
    frozen = " ".join(describe(replace(run, execution=replace(run.execution, keep_every_images=3_200_000))).split())

    assert f"{4 * 4 * (75_536_192 + 247_750_851) / 1e9:.2f} GB each" in told
    assert "20.7 GB of disk for the 4 that" in told, "three are kept, and a fourth is there before the oldest goes"
    assert f"{4 * (2 * 75_536_192 + 4 * 247_750_851) / 1e9:.2f} GB each" in frozen, (
        "an encoder that rests has no moments"
    )
    assert "for the 6 that" in frozen


@pytest.mark.parametrize("side_px", [256, 512, 1024, 2048])
def test_the_arithmetic_of_the_teacher_grows_as_its_own_operations_do(side_px: int) -> None:
    with torch.device("meta"):
        network = Dinov2(Dinov2Config()).eval()
    patches = side_px // TOKEN_PX
    image = torch.empty(1, 3, patches * 14, patches * 14, device="meta")

    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        network(image, [12])

    assert teacher_flop((side_px, side_px), 16) == counted.get_total_flops()
    assert teacher_flop((side_px, side_px), 32) == counted.get_total_flops(), "four tokens a latent"


def test_what_a_run_needs_is_found_or_missing_with_what_to_do(tmp_path: Path) -> None:
    flags = ["--recipe", "f16c64", "--dry-run", "--data", str(tmp_path / "no"), "--teacher", str(tmp_path / "dino")]
    run = parse_run([*flags, "--lpips-trunk", str(tmp_path / "vgg.pth")], "", "run.py")

    told = describe_needs(run).splitlines()
    all_told = " ".join(" ".join(told).split())

    assert [line.split()[:2] for line in told if line[0] != " "][:-1] == [
        [name, "MISSING"] for name in ("data", "LPIPS", "teacher")
    ]
    assert f"{tmp_path / 'no'}: name folders that are on this machine" in all_told
    assert f"{tmp_path / 'vgg.pth'}, is not there. Get it: https://download.pytorch.org" in all_told
    assert "hf download facebook/dinov2-large config.json model.safetensors --local-dir DIR" in all_told
    assert told[-1] == "not here, or unfit: data, LPIPS, teacher"


def test_a_teacher_of_the_hub_is_looked_for_on_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    run = parse_run(["--recipe", "f16c64", "--dry-run", "--teacher", "some/dinov2"], "", "run.py")
    before = " ".join(describe_needs(run).split())
    repository = tmp_path / "models--some--dinov2"
    snapshot = repository / "snapshots/0123"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0123")
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).write_text("{}")

    assert "teacher MISSING some/dinov2 is no local folder and not in the hub's cache" in before
    assert "teacher found some/dinov2 in the hub's cache" in " ".join(describe_needs(run).split())


def test_an_init_is_missing_fit_or_another_model(tmp_path: Path) -> None:
    flags = ["--recipe", "tiny", "--dry-run", "--init"]
    Vae(load_run("tiny").model.config()).save_pretrained(tmp_path / "model")

    def state(*more: str) -> str:
        lines = describe_needs(parse_run([*flags, *more], "", "run.py")).splitlines()
        return next(" ".join(line.split()[1:]) for line in lines if line.startswith("init"))

    assert state("/tmp/nope").startswith("MISSING /tmp/nope: name a model's folder")
    assert state(str(tmp_path / "model")) == f"found {tmp_path / 'model'}"
    assert state(str(tmp_path / "model"), "--decoder-width", "16").startswith("UNFIT init names")


def test_a_dry_run_ends_well_whatever_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--recipe", "refine", "--dry-run", "--init", "/tmp/nope"])
    said = capsys.readouterr().out

    assert code == 0
    assert "init        MISSING  /tmp/nope" in said
    assert "teacher" not in said, "a frozen encoder is aligned with nothing"


@pytest.mark.parametrize(("model", "images_a_second"), [("f16c64", 200), ("f32c192", 441)])
def test_the_arithmetic_of_an_image(model: str, images_a_second: float) -> None:
    stage = Stage(name="all losses", num_images=1, batch_size=1, align_weight=0.5)

    flop = image_flop(make_config(model), stage)

    assert 790e12 / flop == pytest.approx(images_a_second, rel=0.01)


def test_a_frozen_encoder_goes_forward_alone() -> None:
    stage = Stage(name="decoder", num_images=1, batch_size=1, lpips_weight=0.0, align_weight=0.5)

    flop = image_flop(make_config("f16c64"), stage, frozen=True)

    assert flop == pytest.approx(193e9 + 3 * 1057e9, rel=0.01)  # what the halves take forward
