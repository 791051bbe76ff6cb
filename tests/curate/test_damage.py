"""Damages: pure, drawn from the generator alone, and doing what their names say."""

import numpy as np
import pytest

from curate.damage import DAMAGES
from tests.curate.pictures import blocks

RGB = blocks(seed=3, width_px=160, height_px=120)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", DAMAGES)
def test_same_generator_gives_same_picture_and_leaves_the_input(name):
    damage, before = DAMAGES[name], RGB.copy()
    first, second = (damage(RGB, damage.strengths[-1], rng()) for _ in range(2))

    assert np.array_equal(first, second)
    assert np.array_equal(RGB, before)
    assert first.dtype == np.uint8
    assert first.shape[2] == 3


@pytest.mark.parametrize("name", [name for name in DAMAGES if name != "resave"])
def test_size_stays(name):
    damaged = DAMAGES[name](RGB, DAMAGES[name].strengths[0], rng())

    assert damaged.shape == RGB.shape


@pytest.mark.parametrize("name", [name for name in DAMAGES if DAMAGES[name].harms == "clarity" and "noise" not in name])
def test_stronger_blur_leaves_less_detail(name):
    detail = [np.abs(np.diff(DAMAGES[name](RGB, s, rng()).astype(int), axis=1)).mean() for s in (1.5, 3, 6)]

    assert detail[0] > detail[1] > detail[2]


def test_blurs_keep_the_mean():
    for name in ("gaussian", "motion", "defocus"):
        assert DAMAGES[name](RGB, 4, rng()).mean() == pytest.approx(RGB.mean(), abs=1.5)


def test_motion_blurs_along_one_direction_only():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255  # any motion that is not straight down smears them
    contrast = [np.ptp(DAMAGES["motion"](stripes, 15, rng(seed))[32, 16:48, 0].astype(int)) for seed in range(40)]

    assert min(contrast) < 60
    assert len(set(contrast)) > 3


def test_noise_has_its_sigma():
    grey = np.full((200, 200, 3), 128, np.uint8)
    noisy = DAMAGES["noise"](grey, 10, rng()).astype(float)

    assert noisy.std() == pytest.approx(10, rel=0.03)
    assert np.corrcoef(noisy[:, :, 0].ravel(), noisy[:, :, 1].ravel())[0, 1] == pytest.approx(0, abs=0.03)


def test_subject_and_ground_go_out_of_focus_apart():
    middle, corner = np.s_[50:70, 70:90], np.s_[:12, :12]
    bokeh, off = (DAMAGES[name](RGB, 4, rng()) for name in ("bokeh", "defocused_subject"))

    assert np.array_equal(bokeh[middle], RGB[middle])
    assert not np.array_equal(bokeh[corner], RGB[corner])
    assert np.array_equal(off[corner], RGB[corner])
    assert not np.array_equal(off[middle], RGB[middle])


def test_resave_cuts_off_the_grid():
    for seed in range(8):
        damaged = DAMAGES["resave"](RGB, 30, rng(seed))

        assert 1 <= RGB.shape[0] - damaged.shape[0] <= 7
        assert 1 <= RGB.shape[1] - damaged.shape[1] <= 7


@pytest.mark.parametrize("strength", [0, -1, float("nan")])
def test_strength_must_be_above_zero(strength):
    with pytest.raises(ValueError, match="strength is"):
        DAMAGES["gaussian"](RGB, strength, rng())
