"""Streams of our deflate are read back by zlib, whatever they hold, and are small."""

import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.shards.codec import encode
from pipelines.shards.deflate import MAX_BITS, _code, deflate
from pipelines.shards.seeds import rng_for


def read_back(stream: bytes) -> bytes:
    reader = zlib.decompressobj(-15)
    data = reader.decompress(stream)
    assert reader.eof
    assert not reader.unused_data
    return data


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.integers(0, 700)), max_size=12))
def test_bytes_between_runs_of_zeros_come_back(parts: list[tuple[bytes, int]]) -> None:
    data = b"".join(some + bytes(zeros) for some, zeros in parts)

    assert read_back(deflate(np.frombuffer(data, np.uint8))) == data


@pytest.mark.parametrize("beside", [b"", b"12345678"])
def test_runs_of_every_length_come_back(beside: bytes) -> None:
    """Of 776 zeros a match of two would be left behind the longest ones."""
    for zeros in range(0, 4200, 8):
        data = beside + bytes(zeros) + beside
        assert read_back(deflate(np.frombuffer(data, np.uint8))) == data, zeros


@pytest.mark.parametrize("spread", [0.0, 0.6, 3.0, 40.0, 1e6])
def test_bytes_of_any_distribution_come_back(spread: float) -> None:
    rng = rng_for(0, "deflate", int(spread))
    data = np.rint(rng.normal(0, spread, 100_003)).astype(np.int64).astype(np.uint8)

    stream = deflate(data)

    assert read_back(stream) == data.tobytes()
    assert len(stream) < entropy_bytes(data) * 1.15 + 700  # no symbol has less than a bit


def entropy_bytes(data: NDArray[np.uint8]) -> float:
    share = np.bincount(data, minlength=256) / len(data)
    return float(-(share * np.log2(share, where=share > 0, out=np.zeros(256))).sum()) * len(data) / 8


def test_codes_are_whole_and_never_too_long() -> None:
    """Weights like Fibonacci's make Huffman's deepest code: 91 symbols of it would have 90 bits."""
    weights = np.ones(286, np.int64)
    for i in range(2, 88):
        weights[i] = weights[i - 1] + weights[i - 2]

    codes, bits = _code(weights)

    assert bits.max() == MAX_BITS
    assert (0.5 ** bits.astype(float)).sum() == 1
    written = {format(int(code) | 1 << int(width), "b")[:0:-1] for code, width in zip(codes, bits, strict=True)}
    assert len(written) == 286
    assert not any(one[:k] in written for one in written for k in range(1, len(one)))


def test_flat_grounds_and_noise_are_for_a_general_compressor() -> None:
    """Text on white, of which matches make little, and noise, which is stored."""
    page = np.full((256, 256, 3), 255, np.uint8)
    page[::12, 20:230] = rng_for(0, "letters").integers(0, 255, (1, 210, 3), dtype=np.uint8)
    noise = rng_for(0, "noise").integers(0, 256, (256, 256, 3), dtype=np.uint8)

    assert len(encode(page)) < 6000  # our own deflate: 17 kB
    assert len(encode(noise)) < noise.nbytes * 1.003


def test_the_bytes_are_the_same_on_every_machine() -> None:
    """A change here is another VERSION: folders begun before are then refused."""
    data = np.cumsum(rng_for(0, "deflate", 0).integers(-2, 3, 5000)).astype(np.int64).astype(np.uint8)

    assert (
        hashlib.sha256(deflate(data)).hexdigest() == "16b080b3405f3fba3ce947d86ac910bbeac9007f17b1c2153cfa70385042ad7a"
    )
