from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from curate.calibrate import AT_LEAST, AT_MOST, auroc, bound_of, calibrated_selection, fit_column
from curate.damage import DAMAGES
from curate.rules import Rule, Selection


def test_auroc_counts_pairs():
    rng = np.random.default_rng(1)
    good, bad = rng.integers(0, 6, 40).astype(float), rng.integers(0, 5, 30).astype(float)
    wins = (good[:, None] > bad) + 0.5 * (good[:, None] == bad)

    assert auroc(good, bad) == pytest.approx(wins.mean())
    assert auroc(np.append(good, np.nan), bad) == pytest.approx(wins.mean())
    assert auroc(good, good) == 0.5
    assert np.isnan(auroc(good, np.array([np.nan])))


@pytest.mark.parametrize("false_drop", [0, 0.02, 0.1, 0.999])
@pytest.mark.parametrize("side", [AT_LEAST, AT_MOST])
def test_a_bound_drops_no_more_than_stated_and_hardly_less(side, false_drop):
    values = np.random.default_rng(2).lognormal(0, 4, 1000)
    bound = bound_of(values, side, false_drop)
    dropped = (values < bound if side == AT_LEAST else values > bound).mean()

    assert false_drop - 0.002 <= dropped <= false_drop
    assert bound == float(f"{bound:.4g}")


def test_a_bound_of_nothing_is_none():
    assert np.isnan(bound_of(np.array([np.nan]), AT_LEAST, 0.1))


def damaged(values: Callable[[str], Any]) -> dict[str, Any]:
    return {name: np.asarray(values(name), float) for name in DAMAGES}


def test_finds_the_good_side_of_a_column():
    rng = np.random.default_rng(3)
    good = rng.normal(10, 1, 200)
    sharp = fit_column(
        "clarity", good, damaged(lambda n: rng.normal(5 if DAMAGES[n].harms else 10, 1, 200)), good, 0.02
    )
    noise = fit_column(
        "noise_sigma", good, damaged(lambda n: rng.normal(15 if n == "noise" else 9.5, 1, 200)), good, 0.02
    )

    assert (sharp.side, noise.side) == (AT_LEAST, AT_MOST)
    assert sharp.auroc["gaussian"] > 0.99
    assert sharp.recall["gaussian"] > 0.97 > 0.1 > sharp.recall["contrast"]
    assert noise.best == noise.auroc["noise"] > 0.99
    assert noise.auroc["gaussian"] < 0.5


def test_a_damage_without_scores_does_not_hide_the_others():
    good = np.random.default_rng(5).normal(10, 1, 100)
    found = fit_column("clarity", good, damaged(lambda name: [np.nan] if name == "gaussian" else good - 9), good, 0)

    assert np.isnan(found.auroc["gaussian"])
    assert found.best == 1


def test_a_bound_is_held_against_the_whole_images_and_not_against_the_crops_that_were_damaged():
    crops = np.random.default_rng(6).normal(10, 1, 100)
    whole = crops - 3

    found = fit_column("clarity", crops, damaged(lambda _: crops - 9), whole, 0.02)

    assert (whole < found.bound).sum() <= 2
    assert found.bound < crops.min()


def test_a_column_that_the_scored_images_lack_makes_no_rule():
    good = np.random.default_rng(4).normal(10, 1, 100)
    fit = fit_column("noise_sigma", good, damaged(lambda _: good + 9), np.full(100, np.nan), 0)
    rules = (Rule(column="clarity", at_least=0.5),)

    assert fit.best == 1
    assert calibrated_selection(Selection(name="general", rules=rules), {"noise_sigma": fit}, "new").rules == rules


def test_takes_over_bounds_that_separate_on_the_side_of_the_rule():
    rng = np.random.default_rng(4)
    good = rng.normal(10, 1, 100)
    clear = fit_column("clarity", good, damaged(lambda _: good - 9), good, 0)
    blind = fit_column("upscale", good, damaged(lambda _: rng.permutation(good)), good, 0)
    other = fit_column("entropy_bits", good, damaged(lambda _: good + 9), good, 0)
    more = fit_column("noise_sigma", good, damaged(lambda _: good + 9), good, 0)
    rules = (
        Rule(column="clarity", at_least=0.5),
        Rule(column="upscale", at_most=0.5),
        Rule(column="entropy_bits", at_least=2),
    )
    fits = {fit.column: fit for fit in (clear, blind, other, more)}
    found = calibrated_selection(Selection(name="general", rules=rules), fits, "calibrated")

    assert found.name == "calibrated"
    assert found.rules[0] == Rule(column="clarity", at_least=clear.bound)
    assert found.rules[1:3] == rules[1:]
    assert found.rules[3:] == (Rule(column="noise_sigma", at_most=more.bound, missing="keep"),)
