"""What is trained on and how hard: pure in the images seen, checked field by field, and as the recipes state it."""

from dataclasses import replace

import pytest

from train.command_line import load_run
from train.curriculum import COMPONENTS, Curriculum, Stage, bucket, parse_mix, read_stages

FULL = ("f16c64", "f16c128", "f32c128", "f32c192")
STRICT = Stage(name="strict", num_images=1000, batch_size=10, lr=1e-3, align_weight=0.5)
LOOSE = Stage(
    name="loose",
    num_images=2000,
    batch_size=20,
    lr=5e-4,
    align_weight=0.1,
    cos_margin=0.5,
    dist_margin=0.25,
    blend_images=400,
)


def test_values_hold_from_the_first_image_of_a_stage_and_move_over_the_blend():
    curriculum = Curriculum(stages=(STRICT, LOOSE, replace(LOOSE, name="last", blend_images=0, lr=1e-4)))
    moments = {number: curriculum.at(number) for number in (0, 999, 1000, 1100, 1399, 1400, 2999, 3000, 5000, 9999)}

    assert curriculum.total_images == 5000
    assert [now.stage_index for now in moments.values()] == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    assert [now.stage_images for now in moments.values()][2:5] == [0, 100, 399]
    assert moments[999].cos_margin == moments[1000].cos_margin == 0
    assert moments[1100].cos_margin == pytest.approx(0.125)
    assert moments[1100].dist_margin == pytest.approx(0.0625)
    assert moments[1100].align_weight == pytest.approx(0.4)
    assert moments[1100].lr == pytest.approx(0.000875)
    assert moments[1399].cos_margin < 0.5
    assert (moments[1400].cos_margin, moments[1400].align_weight, moments[1400].lr) == (0.5, 0.1, 5e-4)
    assert (moments[3000].lr, moments[9999].lr) == (1e-4, 1e-4)


def test_the_learning_rate_rises_by_images_whatever_the_batch_and_falls_in_the_last_stage():
    curriculum = Curriculum(stages=(STRICT, LOOSE), warmup_images=100, lr_end_fraction=0.1)
    steps = [curriculum.at(number).lr for number in range(0, 120, 10)]
    wider = replace(STRICT, batch_size=20)

    assert steps == pytest.approx([1e-4 * min(10, step + 1) for step in range(12)])
    assert curriculum.at(20).lr == pytest.approx(replace(curriculum, stages=(wider, LOOSE)).at(10).lr)
    assert curriculum.at(2000).lr == pytest.approx(5e-4 * 0.55)
    assert curriculum.at(3000).lr == pytest.approx(5e-5)
    assert curriculum.at(10**9) == replace(curriculum.at(3000), stage_images=10**9 - 1000)


@pytest.mark.parametrize(
    ("resolution_px", "aspect", "size"),
    [
        (256, "1:1", (256, 256)),
        (256, "4:3", (224, 288)),
        (256, "3:4", (288, 224)),
        (256, "16:9", (192, 352)),
        (2048, "16:9", (1536, 2720)),
        (64, "2:1", (32, 96)),
    ],
)
def test_crops_have_about_the_area_of_the_square(resolution_px, aspect, size):
    assert bucket(resolution_px, aspect) == size
    assert size[0] * size[1] == pytest.approx(resolution_px**2, rel=0.3 if resolution_px < 256 else 0.07)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_images": 1005}, r"stage 'strict': num_images is 1005: make it a multiple of batch_size, such as 1000"),
        ({"num_images": 0}, r"num_images is 0: give at least 1"),
        ({"batch_size": 0}, r"batch_size is 0: give at least 1"),
        ({"blend_images": 1001}, r"blend_images is 1001: give at most the stage's num_images, 1000"),
        ({"resolution_px": 100}, r"resolution_px is 100: use a multiple of 32"),
        ({"aspects": ()}, r"aspects is \(\): give at least one"),
        ({"aspects": ("4x3",)}, r"aspect '4x3': write WIDTH:HEIGHT"),
        ({"aspects": ("1:0",)}, r"aspect '1:0': write WIDTH:HEIGHT"),
        ({"aspects": ("1:1", "33:32")}, r"aspects is .*repeat; drop an aspect"),
        ({"mix": {"photos": 1.0}}, r"mix names 'photos'; choose from general, text"),
        ({"mix": {"general": -1.0, "text": 2.0}}, r"mix is .*give shares of at least 0"),
        ({"mix": {"general": 0.0}}, r"mix is .*one of them above"),
        ({"optional": ("text",)}, r"optional is \('text',\): text has no share in mix; add one"),
        ({"optional": ("general",)}, r"leave at least one component of mix out of it"),
        ({"lr": float("nan")}, r"lr is nan: give a number from 0"),
        ({"lpips_weight": -1.0}, r"lpips_weight is -1.0: give a number from 0"),
        ({"cos_margin": 2.5}, r"cos_margin is 2.5: give a number from 0 to 2"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(values, message):
    with pytest.raises(ValueError, match=message):
        replace(STRICT, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stages": ()}, r"stages is empty: give at least one"),
        ({"stages": (STRICT, STRICT)}, r"stages strict: a name occurs twice"),
        ({"stages": (LOOSE,)}, r"stage 'loose': blend_images is 400; the first needs 0"),
        ({"warmup_images": 4000}, r"warmup_images is 4000: give 0 to the run's 3000 images"),
        ({"lr_end_fraction": 1.5}, r"lr_end_fraction is 1.5: give a number from 0 to 1"),
    ],
)
def test_stages_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Curriculum(**({"stages": (STRICT, LOOSE)} | values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_imags": 3}, r"stage 'a': no field num_imags; did you mean num_images\?"),
        ({"num_images": "many"}, r"stage 'a': num_images is 'many'"),
        ({"batch_size": None}, r"stage 'a': batch_size missing"),
        ({"mix": "general=half"}, r"stage 'a': mix: 'general=half' is no share; write NAME=NUMBER"),
        ({"aspects": ["1:9"]}, r"stage 'a': aspect '1:9': write"),
    ],
)
def test_a_recipe_s_stage_is_checked(values, message):
    good = {"name": "a", "num_images": 8, "batch_size": 4}
    with pytest.raises(ValueError, match=message):
        read_stages([{name: value for name, value in (good | values).items() if value is not None}])


def test_a_mix_may_be_text():
    assert parse_mix("general=0.5, text=0.2 synthetic") == {"general": 0.5, "text": 0.2, "synthetic": 1.0}
    stage = read_stages([{"name": "a", "num_images": 8, "batch_size": 4, "mix": "text=1,general=3"}])[0]
    assert stage.components == ("general", "text")


def stages_of(recipe: str) -> tuple[Stage, ...]:
    return load_run(recipe).stages


@pytest.mark.parametrize("recipe", FULL)
def test_a_full_recipe_follows_the_report(recipe):
    stages = stages_of(recipe)
    shares = [{name: stage.mix.get(name, 0) for name in COMPONENTS} for stage in stages]
    synthetic = [sum(share for name, share in one.items() if name.startswith("synthetic")) for one in shares]

    assert [stage.resolution_px for stage in stages] == [256, 256, 512, 512, 1024, 2048]
    assert shares[0]["general"] == sum(shares[0].values())
    assert not any(synthetic[:3])
    assert all(one["text"] > 0 for one in shares[1:])
    assert set(stages[-1].components) >= {name for name in COMPONENTS if name.startswith("synthetic-")}
    for one, printed in zip(shares[-3:], synthetic[-3:], strict=True):
        assert one["general"] == pytest.approx(0.5)
        assert one["text"] + printed == pytest.approx(0.5)
    for name in ("cos_margin", "dist_margin"):
        margins = [getattr(stage, name) for stage in stages]
        assert margins == sorted(margins)
    assert (stages[0].cos_margin, stages[0].dist_margin) == (0, 0)
    assert (stages[-1].cos_margin, stages[-1].dist_margin) == (0.5, 0.25)
    assert sum(stage.num_images for stage in stages) == pytest.approx(1e9, rel=0.01)
    assert all(len(stage.sizes) == 5 for stage in stages)
    assert all(stage.batch_size % (8 * max(1, stage.micro_batch)) == 0 for stage in stages)


def test_the_other_recipes_are_what_they_say():
    tiny, refine = stages_of("tiny"), stages_of("refine")

    assert all(stage.optional == ("general",) and stage.lpips_weight == stage.align_weight == 0 for stage in tiny)
    assert {max(size) for stage in tiny for size in stage.sizes} <= {64, 96}
    assert all(stage.align_weight == 0 and stage.lpips_weight > 0 for stage in refine)
