"""Overlap of texts by their character n-grams: the grams of a text, and a sketch that finds overlapping ones."""

import unicodedata

import numpy as np
from numba import njit
from numpy.typing import NDArray

Grams = NDArray[np.uint64]

HAN_LENGTH, OTHER_LENGTH = 3, 5  # characters of an n-gram: a Han character says more than a letter
HAN_FIRST, HAN_LAST = 0x3400, 0x9FFF
NUM_BANDS, BAND_HASHES = 16, 3
# Each reorders the hashed n-grams in its own way: odd multipliers, from multiples of the golden ratio.
FACTORS = np.arange(1, NUM_BANDS * BAND_HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)


def grams(text: str) -> Grams:
    """The different n-grams of a text, hashed and in order; (n,). Of 3 characters where most are Han, else of 5.

    Case, width, spaces, line breaks and punctuation do not count: OCR gets them wrong first.
    """
    plain = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
    points = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32)
    is_han = 2 * np.count_nonzero((points >= HAN_FIRST) & (points <= HAN_LAST)) > len(points)
    return np.unique(_hash_grams(points, HAN_LENGTH if is_han else OTHER_LENGTH))


def overlap(first: Grams, second: Grams) -> float:
    """What two texts share over all that they hold (Jaccard), 0 to 1."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / max(1, len(first) + len(second) - shared)


def band_keys(found: Grams) -> Grams:
    """(16,): texts of overlap .5, .7, .8 agree in one or more of them with probability .88, .998, 1."""
    lowest = np.full(len(FACTORS), np.iinfo(np.uint64).max, np.uint64)
    _lowest_hashes(found, FACTORS, lowest)
    keys = np.empty(NUM_BANDS, np.uint64)
    _join(lowest.reshape(NUM_BANDS, BAND_HASHES), keys)
    return keys


@njit(cache=True)
def _hash_grams(points: NDArray[np.uint32], length: int) -> Grams:
    hashes = np.empty(max(0, len(points) - length + 1), np.uint64)
    for i in range(len(hashes)):
        value = np.uint64(length)
        for k in range(length):
            value = _mix(value ^ np.uint64(points[i + k]))
        hashes[i] = value
    return hashes


@njit(cache=True)
def _lowest_hashes(found: Grams, factors: Grams, lowest: Grams) -> None:
    for gram in found:
        for k in range(len(factors)):
            lowest[k] = min(lowest[k], gram * factors[k])


@njit(cache=True)
def _join(parts: Grams, keys: Grams) -> None:
    for band in range(len(keys)):
        value = np.uint64(band)
        for part in parts[band]:
            value = _mix(value ^ part)
        keys[band] = value


@njit(cache=True, inline="always")
def _mix(value: np.uint64) -> np.uint64:
    """Bits well stirred (the finaliser of splitmix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
