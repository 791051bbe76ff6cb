"""Near neighbours among 64-bit hashes, found by bands of their bits: the compiled search."""

from itertools import combinations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]
Links = NDArray[np.int32]

NUM_BITS = 64
BANDS = ((0, 22), (22, 21), (43, 21))  # first bit and number of bits; their sum is NUM_BITS
FARTHEST = 3 * len(BANDS) - 1  # bits that can be searched; more would try over 1,500 flips of each band
EMPTY = -1


def leaders(hashes: Hashes, fine: Hashes, max_distance: int, max_fine: int) -> Rows:
    """For each row the leader it belongs to: itself, or the nearest earlier leader (the first of equals) at most
    max_distance bits away in `hashes` (n,) and max_fine bits in `fine` (n, words).

    Only leaders are looked up, so no chain of small steps joins what is far apart, and a thousand copies cost a
    thousand comparisons. Every band of a neighbour but one may differ more than its part of max_distance, never
    all: that part is tried in full, so none is missed. Memory: 12 bytes a row and 32 MiB.
    """
    flips = bit_flips(max_distance // len(BANDS))
    heads = np.full((len(BANDS), 1 << max(bits for _, bits in BANDS)), EMPTY, np.int32)
    links = np.full((len(BANDS), len(hashes)), EMPTY, np.int32)
    found = np.empty(len(hashes), np.int64)
    _lead(hashes, fine, (max_distance, max_fine), (np.array(BANDS), flips, heads, links), found)
    return found


def bit_flips(num_bits: int) -> NDArray[np.uint32]:
    """Every way to turn at most num_bits bits of the widest band, fewest first."""
    places = range(max(bits for _, bits in BANDS))
    chosen = (flip for count in range(num_bits + 1) for flip in combinations(places, count))
    return np.array([sum(1 << place for place in flip) for flip in chosen], np.uint32)


Tables = tuple[NDArray[np.int64], NDArray[np.uint32], Links, Links]  # bands, flips, heads and links of each band


@njit(cache=True)
def _lead(hashes: Hashes, fine: Hashes, limits: tuple[int, int], tables: Tables, found: Rows) -> None:
    bands, _, heads, links = tables
    for row in range(len(hashes)):
        found[row] = nearest(hashes, fine, limits, tables, row)
        if found[row] == row:
            for band in range(len(bands)):
                key = band_key(hashes[row], bands[band])
                links[band, row] = heads[band, key]
                heads[band, key] = row


@njit(cache=True)
def nearest(hashes: Hashes, fine: Hashes, limits: tuple[int, int], tables: Tables, row: int) -> np.int64:
    """The row in `tables` that is nearest to this one within the limits, the first of equals; itself for none."""
    bands, flips, heads, links = tables
    best, best_row = np.int64(limits[0]), np.int64(row)  # every leader comes before
    for flip in flips:
        for band in range(len(bands)):
            if flip >> np.uint32(bands[band, 1]):
                continue
            other = np.int64(heads[band, band_key(hashes[row], bands[band]) ^ flip])
            while other != EMPTY:
                away = _distance(hashes[row], hashes[other])
                closer = away < best or (away == best and other < best_row)
                if closer and _is_close(fine, row, other, limits[1]):
                    best, best_row = away, other
                other = np.int64(links[band, other])
        if best == 0:
            break
    return best_row


@njit(cache=True, inline="always")
def band_key(value: np.uint64, band: NDArray[np.int64]) -> np.uint32:
    """The bits of one band, by which rows are looked up."""
    mask = (np.uint64(1) << np.uint64(band[1])) - np.uint64(1)
    return np.uint32((value >> np.uint64(band[0])) & mask)


@njit(cache=True)
def _is_close(fine: Hashes, row: int, other: np.int64, limit: int) -> bool:
    away = np.int64(0)
    for word in range(fine.shape[1]):
        away += _distance(fine[row, word], fine[other, word])
    return bool(away <= limit)


@njit(cache=True, inline="always")
def _distance(first: np.uint64, second: np.uint64) -> np.int64:
    """Bits that differ."""
    bits = first ^ second
    bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
    pairs = np.uint64(0x3333333333333333)
    bits = (bits & pairs) + ((bits >> np.uint64(2)) & pairs)
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))
