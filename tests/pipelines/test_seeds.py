"""Generators by address."""

from typing import Any

import numpy as np
import pytest

from pipelines.shards.seeds import rng_for


def first(seed: Any, stream: str, *index: Any) -> list[int]:
    return [int(value) for value in rng_for(seed, stream, *index).integers(0, 2**63, 4)]


def test_same_address_draws_the_same():
    assert first(7, "photo", 3, 5) == first(np.int64(7), "photo", np.int32(3), np.int64(5))


def test_draws_are_these_for_ever():
    drawn = rng_for(1, "text", 2).integers(0, 1000, 5).tolist()

    assert drawn == [712, 891, 891, 225, 163]


def test_addresses_differ():
    seeds, indices = (0, 1, 2**32, 2**64 - 1), (0, 1, 2, 2**32 - 1)
    addresses = [(s, name, i, j) for s in seeds for name in ("a", "b") for i in indices for j in indices]

    draws = {tuple(first(*address)) for address in addresses}

    assert len(draws) == len(addresses)


@pytest.mark.parametrize("index", [-1, 2**32])
def test_index_that_would_alias_is_refused(index):
    with pytest.raises(ValueError, match=rf"'photo' is {index}"):
        rng_for(0, "photo", 1, index)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="seed is"):
        rng_for(seed, "photo", 0)


def test_fraction_is_no_index():
    with pytest.raises(TypeError):
        rng_for(0, "photo", 1.5)  # type: ignore[arg-type]


def test_stream_needs_a_name():
    with pytest.raises(ValueError, match="stream is empty"):
        rng_for(0, "", 0)
