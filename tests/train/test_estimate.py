"""The plan of a run before it begins: exact counts, operations, hours."""

import pytest

from train.command_line import load_run
from train.curriculum import Stage
from train.estimate import describe, image_flop
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
    assert [line.split()[1].rstrip(":") for line in lines[2:-1]] == [stage.name for stage in run.stages]
    assert f"{run.curriculum().total_images:,} images" in lines[-1]


@pytest.mark.parametrize(("model", "images_a_second"), [("f16c64", 200), ("f32c192", 441)])
def test_the_arithmetic_of_an_image(model: str, images_a_second: float) -> None:
    stage = Stage(name="all losses", num_images=1, batch_size=1, align_weight=0.5)

    flop = image_flop(make_config(model), stage)

    assert 790e12 / flop == pytest.approx(images_a_second, rel=0.01)


def test_a_frozen_encoder_goes_forward_alone() -> None:
    stage = Stage(name="decoder", num_images=1, batch_size=1, lpips_weight=0.0, align_weight=0.5)

    flop = image_flop(make_config("f16c64"), stage, frozen=True)

    assert flop == pytest.approx(193e9 + 3 * 1057e9, rel=0.01)  # what the halves take forward
