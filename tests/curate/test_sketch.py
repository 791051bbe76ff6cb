from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from curate.sketch import Quantile, Span, from_ordered, ordered

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def quantile(share: float, parts: Iterable[NDArray[np.float32]]) -> float:
    sketch = Quantile(share)
    for _ in range(Quantile.NUM_PASSES):
        for part in parts:
            sketch.add(part)
        sketch.advance()
    return sketch.value


@given(st.lists(FLOATS, min_size=2, max_size=30))
def test_numbers_floats_in_their_order(values):
    values = np.array(values, np.float32)
    numbers = ordered(values)

    for i in range(len(values) - 1):
        if values[i] != values[i + 1]:
            assert (values[i] < values[i + 1]) == (numbers[i] < numbers[i + 1])
        assert from_ordered(int(numbers[i])) == values[i]


@settings(max_examples=60, deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=60), st.floats(0, 1))
def test_is_exact(values, share):
    values = np.array(values, np.float32)
    value = quantile(share, [values])

    assert value in values
    assert (values < value).mean() < max(share, 1e-9) + 1e-6
    assert (values <= value).mean() >= share - 1e-6


def test_does_not_depend_on_order_or_parts():
    rng = np.random.default_rng(4)
    values = rng.lognormal(0, 3, 10_000).astype(np.float32)
    whole = quantile(0.13, [values])
    shuffled = rng.permutation(values)

    assert quantile(0.13, np.array_split(shuffled, 37)) == whole
    assert whole == np.sort(values)[1299]


def test_merges_partial_counts():
    values = np.random.default_rng(5).normal(size=999).astype(np.float32)
    sketch = Quantile(0.5)
    for _ in range(Quantile.NUM_PASSES):
        parts = [Quantile(0.5) for _ in range(3)]
        for part, mine in zip(parts, np.array_split(values, 3), strict=True):
            part.__dict__ |= {"_upper": sketch._upper}
            part.add(mine)
            sketch.merge(part)
        sketch.advance()

    assert sketch.value == np.median(values)


def test_refuses_to_merge_other_passes():
    early, late = Quantile(0.5), Quantile(0.5)
    late.add(np.ones(3, np.float32))
    late.advance()

    with pytest.raises(ValueError, match="different shares or passes"):
        early.merge(late)


def test_leaves_nan_out_and_says_nan_for_nothing():
    nothing = np.full(4, np.nan, np.float32)

    assert np.isnan(quantile(0.5, [nothing]))
    assert quantile(0.5, [nothing, np.array([3, 4, 5], np.float32)]) == 4


def test_refuses_a_share_beyond_one():
    with pytest.raises(ValueError, match=r"share is 1.5: use a number from 0 to 1"):
        Quantile(1.5)


def test_tells_the_span_to_a_hundredth():
    values = np.random.default_rng(6).gamma(2, 100, 20_000).astype(np.float32)
    span = Span()
    for part in np.array_split(values, 7):
        span.add(part)

    assert span.between(0.01, 0.5, 0.99) == pytest.approx(np.quantile(values, [0.01, 0.5, 0.99]), rel=0.01)
    assert np.isnan(Span().between(0.5)[0])


def test_a_span_from_nothing_begins_at_zero():
    span = Span()
    span.add(np.array([0, 0, 0, 7], np.float32))

    assert span.between(0.01)[0] == 0
    assert span.between(0.99)[0] == pytest.approx(7, rel=0.01)
