"""What follows from measured charts: shares, their errors, acuity and its interval, and where text is read."""

import math

import numpy as np
import pytest

from pipelines.shards.seeds import rng_for
from train.acuity_charts.reading import to_original, to_truth
from train.acuity_charts.results import Results
from train.acuity_charts.rows import Kind
from train.acuity_charts.scores import (
    NEVER,
    Measured,
    _drawn_shares,
    acuity_of,
    choice_of,
    corrected,
    ned_of,
    ned_size,
    shown_px,
    smallest_from,
)


def chart_of(size, right, ground="paper", ned=()):
    kind = Kind("en", size, ground, "dark")
    return Measured(kind=kind, right=right, num_targets=100, ned=ned, ned_truth=ned)


@pytest.mark.parametrize(
    ("shares", "px"),
    [
        ({5: 0.95, 6: 0.9, 7: 1.0}, 5),
        ({5: 0.95, 6: 0.89, 7: 1.0}, 7),
        ({5: 0.1, 6: 0.2, 7: 0.3}, NEVER),
        ({5: 0.95, 6: math.nan, 7: 0.95}, 7),
        ({5: 1.0, 6: 1.0, 7: 0.8}, NEVER),
    ],
)
def test_acuity_counts_from_the_largest_size_down(shares, px):
    assert smallest_from(shares) == px


def test_chance_is_taken_off():
    assert corrected(0.1) == 0
    assert corrected(1) == 1
    assert corrected(0.91) == pytest.approx(0.9)
    assert choice_of([chart_of(5, 91), chart_of(5, 91)]).mean == pytest.approx(0.9)


def test_an_interval_holds_the_acuity_and_follows_the_spread():
    narrow = [chart_of(size, 100 if size > 7 else 20) for size in range(5, 11) for _ in range(8)]
    wide = [chart_of(size, 100 if size > 8 else 83 + 4 * k) for size in range(5, 11) for k in range(5)]
    first, second, again = (acuity_of(charts, "en") for charts in (narrow, wide, wide))

    assert (first.px, first.low, first.high) == (8, 8, 8)
    assert second.low < second.high
    assert second.low <= second.px <= second.high
    assert second == again
    assert acuity_of([chart_of(size, 10) for size in (5, 6)], "en").px == NEVER


@pytest.mark.parametrize("num_charts", [2, 3, 7])
def test_drawn_shares_spread_as_the_standard_error_says(num_charts: int):
    rng = np.random.default_rng(num_charts)
    rights = rng.binomial(100, 0.9, (40, num_charts))
    charts = [[chart_of(5, float(right)) for right in of_size] for of_size in rights]
    ratios = [
        _drawn_shares(of_size, rng).std() / choice_of(of_size).stderr for of_size in charts if len({*of_size}) > 1
    ]

    assert np.mean(ratios) == pytest.approx(1, abs=0.02)


def test_one_chart_a_size_has_no_interval():
    one = [chart_of(size, right) for size, right in ((5, 30), (6, 95), (7, 97))]
    two = [*one, *(chart_of(size, right) for size, right in ((5, 31), (6, 94), (7, 98)))]

    assert str(acuity_of(one, "en")) == "6"
    assert str(acuity_of(two, "en")) == "6 (6 to 6)"


def test_a_mean_counts_each_chart_as_one_draw():
    same, apart, one, unread = (
        ned_of([chart_of(5, 0, ned=ned) for ned in of_charts])
        for of_charts in (
            [(1.0, 1.0), (0.0, 0.0)],
            [(1.0, 0.0), (1.0, 0.0)],
            [(1.0,)],
            [(math.nan, 1.0), (math.nan,)],
        )
    )

    assert (same.mean, same.num) == (0.5, 4)
    assert same.stderr == pytest.approx(0.5)
    assert apart.stderr == 0
    assert math.isnan(one.stderr)
    assert unread.num == 1


def test_grounds_are_chosen_and_no_chance():
    paper = [chart_of(5, right) for right in (90, 94)]
    photo = [chart_of(5, right, ground="photo") for right in (50, 54)]
    both, single = choice_of(paper + photo), choice_of([*paper, photo[0]])
    rng, draws = rng_for(1, "draws", 0), []
    for _ in range(4000):
        picked = [*rng.choice([90, 94], 2), *rng.choice([50, 54], 2)]
        draws.append(corrected(float(np.mean(picked)) / 100))

    assert both.mean == pytest.approx(corrected(0.72))
    assert both.stderr == pytest.approx(
        np.std(draws) * math.sqrt(2), rel=0.05
    )  # drawn anew from two: half the variance
    assert single.stderr > 4 * both.stderr  # of one photo chart nothing is known: all count as one kind


def test_curves_that_go_down_are_told():
    def results_of(*rights):
        charts = [chart_of(5 + i, right + k, ned=(right / 100,)) for i, right in enumerate(rights) for k in (-1, 1)]
        return Results({"m": charts}, charts)

    down = results_of(50, 40, 90)

    assert results_of(40, 50, 90).falls("m", "en") == []
    assert [(of, a, b) for of, a, b, _ in down.falls("m", "en")] == [("forced choice", 5, 6), ("NED", 5, 6)]
    assert down.largest_stderr("m", "en") == pytest.approx((0.01 / 0.9, 0))
    assert results_of(50, 49, 90).falls("m", "en")[0][0] == "NED"  # one of forced choice is within its error


def test_ned_is_judged_only_where_the_original_reads():
    charts = [chart_of(size, 0, ned=(1.0,)) for size in range(5, 11)]

    assert ned_size(charts, lambda size: size >= 8, "en") == (8, 8)
    assert ned_size(charts, lambda size: size >= 8 or size == 5, "en") == (8, 8)
    assert ned_size(charts, lambda _: False, "en") == (NEVER, 0)
    assert (shown_px(8, 8, 20), shown_px(9, 8, 20), shown_px(NEVER, 8, 20)) == ("≤ 8", "9", "> 20")


def test_readings_are_compared_as_the_report_has_it_and_with_the_truth():
    assert to_original(["abc", ""], ["abd", "x"])[0] == pytest.approx(2 / 3)
    assert math.isnan(to_original([""], ["x"])[0])
    assert to_truth(["a b，c"], ["ab,c"]) == (1.0,)
