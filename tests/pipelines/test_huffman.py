"""DEFLATE by Huffman codes: whatever the bytes, zlib reads them back."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from pipelines.shards.huffman import LONGEST, code_lengths, deflate
from pipelines.shards.seeds import rng_for


def bytes_of(kind: str, size: int) -> np.ndarray:
    rng = rng_for(3, kind, size)
    made = {
        "noise": rng.integers(0, 256, size),
        "zeros": np.zeros(size),
        "runs": np.repeat(rng.integers(0, 2, size // 40 + 1) * rng.integers(0, 256, size // 40 + 1), 40)[:size],
        "small": np.minimum(rng.geometric(0.5, size) - 1, 255),
    }
    return made[kind].astype(np.uint8)


@pytest.mark.parametrize("kind", ["noise", "zeros", "runs", "small"])
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 255, 256, 257, 264, 265, 2049, 100_003])
def test_zlib_reads_it_back(kind, size):
    data = bytes_of(kind, size)

    assert zlib.decompress(deflate(data)) == data.tobytes()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(1, 300)), max_size=20))
def test_zlib_reads_back_any_runs(runs):
    data = np.array([value for value, length in runs for _ in range(length)], np.uint8)

    assert zlib.decompress(deflate(data)) == data.tobytes()


def test_codes_stay_within_15_bits_where_huffman_would_take_more():
    counts = [1, 1]
    while len(counts) < 27:  # each is the sum of the two before it: the deepest tree there is
        counts.append(counts[-1] + counts[-2])
    data = np.repeat(np.arange(1, 28, dtype=np.uint8), counts)

    lengths = code_lengths(np.array(counts), np.arange(27))

    assert 8 < lengths.max() <= LONGEST
    assert (2.0**-lengths).sum() <= 1
    assert zlib.decompress(deflate(data)) == data.tobytes()


def test_it_is_about_as_small_as_the_entropy_and_flat_data_vanish():
    data = bytes_of("small", 100_000)
    shares = np.bincount(data) / len(data)
    entropy = -(shares[shares > 0] * np.log2(shares[shares > 0])).sum() * len(data) / 8

    assert len(deflate(data)) < 1.03 * entropy + 200
    assert len(deflate(data)) < len(isal_zlib.compress(data, 1))
    assert len(deflate(bytes_of("zeros", 100_000))) < 1500
