from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curate.categories import categorise
from curate.rules import MAX_BOOST, Category, Rule, Selection, Weight
from curate.select import Reasons, resolve
from curate.weigh import decisions, density_weights, resolve_quotas, share_factors

WEIGHT = Weight(column="density", at=1000)


def scores(names: list[str], density: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"id": names, "status": ["ok"] * len(names), "density": density})


def run(selection: Selection, batch: pa.RecordBatch) -> tuple[Reasons, Any, Any]:
    cuts = resolve(selection, batch.schema.names, lambda: [batch])
    quotas = resolve_quotas(cuts, lambda: [batch])
    [(_, reasons, weights, numbers)] = decisions(lambda: [batch], cuts, quotas)
    return reasons, weights, numbers


def test_weighs_by_density_within_bounds():
    batch = scores(list("abcdef"), [1000.0, 4000, 0, 1e9, None, 250])

    assert density_weights(batch, WEIGHT).tolist() == [1, 2, 0.25, 4, 0.25, 0.5]
    assert density_weights(batch, None).tolist() == [1] * 6


def test_the_first_fitting_category_takes_a_row_and_the_open_one_the_rest():
    batch = scores(["a/slides/1", "a/papers/slides", "b"], [1.0, 2, 3])
    categories = [
        Category(name="rest"),
        Category(name="papers", where='matches(id, "*paper*")'),
        Category(name="slides", where='matches(id, "*slide*")'),
    ]

    assert categorise(batch, categories).tolist() == [2, 1, 0]
    assert categorise(batch, categories[1:]).tolist() == [1, 0, 2]


def test_categories_get_their_share_of_the_weight():
    batch = scores([f"x/{i}" for i in range(300)] + [f"y/{i}" for i in range(100)], [1000.0] * 400)
    categories = (Category(name="x", where='matches(id, "x/*")', share=0.5), Category(name="rest", share=0.5))
    selection = Selection(name="s", weight=WEIGHT, categories=categories)
    _, weights, numbers = run(selection, batch)

    assert weights[numbers == 0].sum() == pytest.approx(weights[numbers == 1].sum(), rel=1e-5)
    assert weights.sum() == pytest.approx(400, rel=1e-5)


def test_no_weight_is_scaled_beyond_the_bound():
    factors = share_factors(np.array([1e6, 1.0, 0.0]), [0.5, 0.4, 0.1])

    assert factors[1] == MAX_BOOST
    assert factors.min() >= 1 / MAX_BOOST
    assert factors[2] == 1  # nothing there


def test_shares_leave_the_rest_to_the_others():
    factors = share_factors(np.array([10.0, 10, 20]), [0.4, None, None])

    np.testing.assert_allclose(factors * [10, 10, 20] / 40, [0.4, 0.2, 0.4])


def test_keeps_the_densest_of_a_limited_category():
    rng = np.random.default_rng(7)
    density = rng.permutation(100).astype(float)
    batch = scores([f"x/{i}" for i in range(50)] + [f"y/{i}" for i in range(50)], density)
    category = Category(name="x", where='matches(id, "x/*")', max_images=10)
    reasons, weights, _ = run(Selection(name="s", weight=WEIGHT, categories=(category,)), batch)

    assert np.flatnonzero(reasons.keep[:50]).tolist() == sorted(np.argsort(density[:50])[-10:].tolist())
    assert reasons.keep[50:].all()
    assert set(reasons.array().to_pylist()) == {None, "x: over 10 images"}
    assert (weights[~reasons.keep] == 0).all()


@pytest.mark.parametrize("limit", [1, 20, 5000])
def test_a_limit_is_met_exactly_among_equals(limit):
    batch = scores([f"x/{i}" for i in range(40_000)], [5.0] * 40_000)
    parts = [batch.slice(first, 1000) for first in range(0, 40_000, 1000)]
    selection = Selection(name="s", weight=WEIGHT, categories=(Category(name="x", max_images=limit),))
    cuts = resolve(selection, batch.schema.names, lambda: parts)
    decided = decisions(lambda: parts, cuts, resolve_quotas(cuts, lambda: parts))
    keep = np.concatenate([reasons.keep for _, reasons, _, _ in decided])

    assert keep.sum() == limit
    assert (keep == run(selection, batch)[0].keep).all()  # whatever the batches


def test_a_limit_counts_only_what_rules_keep():
    batch = scores([f"x/{i}" for i in range(20)], [float(i) for i in range(20)])
    rules = (Rule(column="density", at_most=9),)
    selection = Selection(name="s", rules=rules, weight=WEIGHT, categories=(Category(name="x", max_images=10),))
    reasons, _, _ = run(selection, batch)

    assert np.flatnonzero(reasons.keep).tolist() == list(range(10))


def test_rules_may_name_the_category():
    batch = scores(["x/1", "y/1"], [5.0, 5.0])
    category = Category(name="x", where='matches(id, "x/*")')
    rule = Rule(column="density", at_least=10, where='category == "x"')
    reasons, _, _ = run(Selection(name="s", rules=(rule,), categories=(category,)), batch)

    assert reasons.keep.tolist() == [False, True]
