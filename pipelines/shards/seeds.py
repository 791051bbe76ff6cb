"""The only maker of random generators: keyed by address, so any element in any order draws the same."""

from operator import index as as_int
from zlib import crc32

import numpy as np

INDEX_END = 2**32  # SeedSequence splits a larger index into two words, and then two addresses alias
SEED_END = 2**64


def rng_for(seed: int, stream: str, *index: int) -> np.random.Generator:
    """The generator of one address: `seed` of the run, `stream` by name, then one or more indices.

    A stream keeps one number of indices. Raises ValueError for a seed outside 0 to 2**64 - 1, an
    empty stream, or an index outside 0 to 2**32 - 1.
    """
    if not 0 <= as_int(seed) < SEED_END:
        raise ValueError(f"seed is {seed}: use a whole number from 0 to {SEED_END - 1}")
    if not stream:
        raise ValueError("stream is empty: name what is drawn from it")
    for part in index:
        if not 0 <= as_int(part) < INDEX_END:
            raise ValueError(f"index of stream {stream!r} is {part}: use whole numbers from 0 to {INDEX_END - 1}")
    key = (crc32(stream.encode()), *map(as_int, index))
    return np.random.default_rng(np.random.SeedSequence(as_int(seed), spawn_key=key))
