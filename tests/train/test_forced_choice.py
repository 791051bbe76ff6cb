"""The forced choice of acuity: what is told apart on real charts, and what is not."""

import numpy as np
import pytest

from pipelines.shards.seeds import rng_for
from tests.pipelines.charted import charted
from train.acuity_charts.forcedchoice import Choice
from train.acuity_charts.rows import Charts
from train.acuity_charts.scores import Measured, acuity_of, by_size, choice_of
from train.peers.references import REFERENCES, open_reference

NAMES = tuple(REFERENCES)


@pytest.fixture(scope="module")
def charts():
    return Charts(str(charted()))


@pytest.fixture(scope="module")
def choices(charts):
    """Every chart with its candidates made ready."""
    return [(chart, Choice(chart)) for chart in charts.part(0, len(charts))]


@pytest.fixture(scope="module")
def measured(choices):
    """What each reference scores on every chart."""
    return {
        name: [
            Measured(
                kind=chart.kind,
                right=float(choice.credits(open_reference(name)(chart.image[None])[0]).sum()),
                num_targets=len(chart),
            )
            for chart, choice in choices
        ]
        for name in NAMES
    }


def share(choices, change):
    """The share of right answers when every chart goes through a change."""
    credits = [choice.credits(change(chart.image)) for chart, choice in choices]
    return float(np.concatenate(credits).mean())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_identity_is_right_at_every_size(measured, language):
    sizes = by_size(measured["identity"], language)

    assert list(sizes) == list(range(5, 21))
    assert all(choice_of(of_size).mean >= 0.99 for of_size in sizes.values())


@pytest.mark.parametrize(("better", "worse"), [("bicubic-x2", "bicubic-x4"), ("jpeg-q30", "jpeg-q10")])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_lesser_loss_ranks_above(measured, language, better, worse):
    above, below = (by_size(measured[name], language) for name in (better, worse))
    lead = [choice_of(above[size]).mean - choice_of(below[size]).mean for size in above]

    assert min(lead) > -0.01
    assert lead[0] > 0.2
    assert acuity_of(measured[better], language).px < acuity_of(measured[worse], language).px


def test_less_contrast_brightness_and_sharpness_change_no_answer(choices):
    def duller(image):
        return np.round(image * 0.5 + 60).astype(np.uint8)

    def tinted(image):
        return np.clip(image + np.array([12, -9, 4]), 0, 255).astype(np.uint8)

    def softer(image):
        padded = np.pad(image.astype(float), ((1, 1), (1, 1), (0, 0)), "edge")
        rows = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
        return np.round(0.25 * rows[:, :-2] + 0.5 * rows[:, 1:-1] + 0.25 * rows[:, 2:]).astype(np.uint8)

    assert share(choices, duller) > 0.99
    assert share(choices, tinted) > 0.98
    assert share(choices, softer) > 0.9


def test_what_holds_no_text_is_guessed(choices):
    def noise(image):
        return rng_for(0, "noise", 0).integers(0, 256, image.shape).astype(np.uint8)

    assert share(choices, lambda image: np.full_like(image, 128)) == pytest.approx(0.1)
    assert share(choices, lambda image: 255 - image) == pytest.approx(0.1, abs=0.02)
    assert share(choices, noise) == pytest.approx(0.1, abs=0.05)
    assert share(choices, lambda image: np.roll(image, (40, 7), (0, 1))) < 0.13  # other characters everywhere


def test_other_characters_in_their_place_are_wrong(choices):
    """Each target's second candidate drawn where the truth was."""
    for chart, choice in choices[:: len(choices) // 8]:
        wrong = (chart.truth + 1) % 10
        image = chart.image.copy()
        x, y, width, height = chart.boxes[0]
        image[y : y + height, x : x + width] = chart.rendered[0, wrong[0], :height, :width]

        assert choice.credits(image)[0] == 0
        assert choice.credits(chart.image)[0] == 1


def test_lines_are_cut_where_the_text_is(charts):
    [chart] = charts.part(0, 1)
    [row] = chart.line_pictures(chart.image, 1)

    assert len(chart.line_pictures(chart.image, 5)) == 5
    assert len(chart.line_pictures(chart.image, 500)) == len(chart.texts)
    assert chart.kind.size_px <= row.shape[0] <= 2.2 * chart.kind.size_px + 3
    assert row.shape[1] > 150
