"""Probes' mathematics: against scipy and closed forms, and on data whose answer is known."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats

from pipelines.shards.seeds import rng_for
from train.probes.fits import (
    RIDGES,
    accuracy,
    fit_logistic,
    fit_ridge,
    folds_by_source,
    guess,
    interval,
    split_by_source,
    student_quantile,
)


def test_a_split_keeps_sources_whole_and_holds_its_share() -> None:
    rng = rng_for(0, "test", 0)
    sources = np.array([f"s{i}" for i in rng.integers(0, 40, 1000)])

    for seed in range(5):
        test = split_by_source(sources, 0.25, rng_for(seed, "split", 0))

        assert not set(sources[test]) & set(sources[~test])
        assert 0.25 <= test.mean() < 0.25 + np.unique(sources, return_counts=True)[1].max() / 1000
    assert not (test == split_by_source(sources, 0.25, rng_for(0, "split", 0))).all()


def test_a_split_leaves_something_to_train_on_and_refuses_one_source() -> None:
    big = np.array(["a"] * 99 + ["b"])

    for seed in range(8):
        test = split_by_source(big, 0.5, rng_for(seed, "split", 0))
        assert 0 < test.sum() < 100
    with pytest.raises(ValueError, match=r"all 3 images are of one source, 'a'"):
        split_by_source(big[:3], 0.5, rng_for(0, "split", 0))


def test_folds_share_out_the_sources() -> None:
    sources = np.array([f"s{i}" for i in range(23)] * 3)

    folds = folds_by_source(sources, 5, rng_for(0, "folds", 0))

    of = {source: set(folds[sources == source].tolist()) for source in set(sources.tolist())}
    assert all(len(one) == 1 for one in of.values())
    assert sorted(np.unique(folds, return_counts=True)[1] // 3) == [4, 4, 5, 5, 5]
    with pytest.raises(ValueError, match="of 2 sources: 5 folds"):
        folds_by_source(sources[:2], 5, rng_for(0, "folds", 0))


def test_a_source_that_features_give_away_helps_nothing() -> None:
    """Classes are drawn by source, features say only the source: split by rows it would be told rightly always."""
    rng = rng_for(1, "test", 0)
    place = rng.integers(0, 60, 1200)
    sources, classes = np.array([f"s{i}" for i in place]), rng.integers(0, 2, 60)[place]
    features = torch.from_numpy(np.eye(60)[place] + rng.normal(0, 0.05, (1200, 60)))
    tests = [split_by_source(sources, 0.25, rng_for(seed, "split", 0)) for seed in range(3)]

    kept_apart = np.mean([accuracy(features, classes, test) for test in tests])
    by_rows = accuracy(features, classes, rng.random(1200) < 0.25)

    assert by_rows > 0.97
    assert kept_apart < 0.75


def test_logistic_regression_finds_the_minimum_that_scipy_finds() -> None:
    rng = rng_for(2, "test", 0)
    x, y = rng.normal(size=(80, 4)), rng.integers(0, 3, 80)

    def loss(flat: np.ndarray) -> float:
        weight, bias = flat[:12].reshape(4, 3), flat[12:]
        scores = special.log_softmax(x @ weight + bias, axis=1)
        return float(-scores[np.arange(80), y].mean() + 2.0 / 160 * (weight**2).sum())

    expected = optimize.minimize(loss, np.zeros(15), method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-14})
    weight, bias = fit_logistic(torch.from_numpy(x), torch.from_numpy(y), 3, strength=2.0)

    mine = np.concatenate([weight.numpy().ravel(), bias.numpy()])
    assert loss(mine) <= expected.fun + 1e-8
    np.testing.assert_allclose(weight.numpy(), expected.x[:12].reshape(4, 3), atol=2e-3)


def test_accuracy_on_classes_apart_and_on_none() -> None:
    rng = rng_for(3, "test", 0)
    classes = rng.integers(0, 4, 400)
    test = rng.random(400) < 0.25
    apart = torch.from_numpy(np.eye(4)[classes] * 5 + rng.normal(size=(400, 4)))
    noise = torch.from_numpy(rng.normal(size=(400, 4)))

    assert accuracy(apart, classes, test) > 0.95
    assert accuracy(noise, classes, test) < 0.45
    assert accuracy(apart * 1e-4 + 7, classes, test) == accuracy(apart, classes, test)  # standardised
    with_constant = torch.cat([apart, torch.full((400, 1), 3.0)], 1)
    assert accuracy(with_constant, classes, test) == accuracy(apart, classes, test)
    assert guess(np.array([0, 0, 1, 0, 1, 1]), np.array([False, False, False, True, True, True])) == 1 / 3


def test_ridge_is_the_closed_form_and_recovers_a_linear_map() -> None:
    rng = rng_for(4, "test", 0)
    x, w = (
        torch.from_numpy(rng.normal(size=(500, 6)) * [1, 10, 0.1, 1, 1, 1]),
        torch.from_numpy(rng.normal(size=(6, 3))),
    )
    y = x @ w

    fitted = fit_ridge(x, y)

    assert len(fitted) == len(RIDGES)
    torch.testing.assert_close(fitted[0], w, rtol=1e-3, atol=1e-3)
    scale = x.square().mean(0).sqrt()
    scaled = x / scale
    expected = torch.linalg.solve(scaled.T @ scaled + 500 * RIDGES[-1] * torch.eye(6), scaled.T @ y)
    torch.testing.assert_close(fitted[-1], expected / scale[:, None])


@pytest.mark.parametrize("freedom", [1, 2, 4, 9, 30])
def test_students_quantile_equals_that_of_scipy(freedom: int) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-5)


def test_an_interval_is_students_and_wider_for_splits_of_one_set() -> None:
    values = [0.61, 0.64, 0.58, 0.66, 0.60]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))

    plain, widened = interval(values), interval(values, 1 / 3)

    assert (plain.mean, plain.low, plain.high) == pytest.approx((np.mean(values), low, high))
    assert widened.high - widened.mean == pytest.approx((plain.high - plain.mean) * math.sqrt(1 + 5 / 3))
    assert math.isnan(interval([0.5]).low)
