"""Which hashes are near one of a fixed set, such as what is held out: the search of `neighbours`, its leaders given."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.neighbours import BANDS, EMPTY, Hashes, Tables, band_key, bit_flips, nearest

MAX_DISTANCE, MAX_FINE = 8, 24  # bits of `phash` and of `phash_fine` in which two pictures that are alike may differ


class KnownHashes:
    """A set of pictures by `phash` (n,) and the words of `phash_fine` (n, 4); 52 bytes each and 50 MB.

    Nothing within MAX_DISTANCE and MAX_FINE is missed.
    """

    def __init__(self, hashes: Hashes, fine: Hashes) -> None:
        self._hashes, self._fine = hashes, fine
        heads = np.full((len(BANDS), 1 << max(bits for _, bits in BANDS)), EMPTY, np.int32)
        links = np.full((len(BANDS), len(hashes)), EMPTY, np.int32)
        self._tables: Tables = (np.array(BANDS), bit_flips(MAX_DISTANCE // len(BANDS)), heads, links)
        _enter(hashes, self._tables)

    def near(self, hashes: Hashes, fine: Hashes) -> NDArray[np.bool_]:
        """Which of these (m,), with their fine words (m, 4), are near one of the set."""
        found = np.zeros(len(hashes), np.bool_)
        if len(self._hashes):
            joined, words = np.concatenate([self._hashes, hashes]), np.concatenate([self._fine, fine])
            _match(joined, words, (MAX_DISTANCE, MAX_FINE), self._tables, found)
        return found


@njit(cache=True)
def _enter(hashes: Hashes, tables: Tables) -> None:
    bands, _, heads, links = tables
    for row in range(len(hashes)):
        for band in range(len(bands)):
            key = band_key(hashes[row], bands[band])
            links[band, row] = heads[band, key]
            heads[band, key] = row


@njit(cache=True)
def _match(hashes: Hashes, fine: Hashes, limits: tuple[int, int], tables: Tables, found: NDArray[np.bool_]) -> None:
    first = len(hashes) - len(found)
    for row in range(first, len(hashes)):
        found[row - first] = nearest(hashes, fine, limits, tables, row) != row
