"""Which rows repeat an earlier one: the same file, nearly the same picture, nearly the same text.

Each function gives the row that stands for each row, itself where it is the first of its kind: (n,) int64. Rows
without a value stand for themselves. What comes first stays: sort rows by what should stay, largest picture first.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.matches import MAX_DISTANCE, MAX_FINE
from curate.neighbours import FARTHEST, leaders
from curate.ngrams import NUM_BANDS, Grams, band_keys, grams, overlap

Rows = NDArray[np.int64]
Column: TypeAlias = Any  # pa.Array or pa.ChunkedArray, which carry no types

MIN_GRAMS = 50  # different n-grams of a text that can be judged
MIN_SHARED = 0.5  # n-grams (Jaccard) of two pages that look alike and are the same
NUM_KEPT_GRAMS = 256  # sets of n-grams held while texts are compared
NONE = -1


def exact_duplicates(keys: Column) -> Rows:
    """By equal keys, such as `sha256`."""
    rows = np.arange(len(keys))
    known = np.asarray(keys.is_valid())
    codes = keys.drop_null().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    _, first, where = np.unique(np.asarray(codes.indices), return_index=True, return_inverse=True)
    rows[known] = rows[known][first][where]
    return rows


def near_duplicates(hashes: Column, fine: Column | None = None, *, max_distance: int = MAX_DISTANCE) -> Rows:
    """By bits that differ: at most max_distance (0 to 8) of `phash` and MAX_FINE of `phash_fine`.

    A row stands for others only where nothing earlier stands for it, so that all of a group are this near to the
    one that stays. Nothing within the distances is missed. Bounded: 60 bytes a row and 50 MB; no pair is stored.
    On 104 photos the defaults find all copies saved at quality 30, resized, noisy or cropped by 1%, 99% after a
    gamma of 1.4, 95% cropped by 2%, 90% with a large word across, 4% cropped by 5% (81% at a fine distance of 48),
    and join no two photos; of 133,903 pairs of pages they join 5, of one layout (at 48, 649).

    Raises ValueError for a distance that cannot be searched, and where the columns hold different numbers of hashes.
    """
    if not 0 <= max_distance <= FARTHEST:
        raise ValueError(f"max_distance is {max_distance}: use 0 to {FARTHEST} bits, usually {MAX_DISTANCE}")
    rows = np.arange(len(hashes))
    known = rows[np.asarray(hashes.is_valid())]
    coarse = np.ascontiguousarray(hashes.drop_null().to_numpy(), np.uint64)
    words = np.zeros((len(known), 0), np.uint64) if fine is None else _words(fine.drop_null())
    if len(words) != len(known):
        raise ValueError(f"{len(words)} fine hashes for {len(known)} hashes: take both columns from one table")
    rows[known] = known[leaders(coarse, words, max_distance, MAX_FINE)]
    return rows


def _words(fine: Column) -> NDArray[np.uint64]:
    """(n, words) of fixed-size binary values."""
    flat = fine.combine_chunks() if isinstance(fine, pa.ChunkedArray) else fine
    size = flat.type.byte_width
    joined = np.frombuffer(flat.buffers()[1], np.uint8)[flat.offset * size : (flat.offset + len(flat)) * size]
    return joined.view(np.uint64).reshape(len(flat), size // 8)


def parted_by_text(leading: Rows, texts: Sequence[str | None]) -> Rows:
    """What stands for each row, itself again where the two have texts that share less than MIN_SHARED (Jaccard).

    For near duplicates among pages of one layout. Only pairs in which both texts have MIN_GRAMS different n-grams are
    judged, and only by what a file itself says: what OCR reads of a poor copy shares little with what it is a copy of.
    """
    parted = leading.copy()
    for row in np.flatnonzero(leading != np.arange(len(leading))).tolist():
        own, other = (grams(texts[number] or "") for number in (row, int(leading[row])))
        if min(len(own), len(other)) >= MIN_GRAMS and overlap(own, other) < MIN_SHARED:
            parted[row] = row
    return parted


def text_duplicates(texts: Sequence[str | None], *, min_overlap: float = 0.7) -> Rows:
    """By character n-grams shared (Jaccard, 0 to 1), 5 letters or 3 Han characters each; see `ngrams.grams`.

    Texts with fewer different n-grams than MIN_GRAMS stand for themselves. Candidates agree in a band of their
    sketches; each is then compared in full, and the fullest overlap wins, the earliest of equals. `texts` is read
    once in order and a second time where candidates are; it may read from a file. Bounded: 280 bytes a row.
    Raises ValueError for a min_overlap that is no share above 0.
    """
    if not 0 < min_overlap <= 1:
        raise ValueError(f"min_overlap is {min_overlap}: use a share above 0, to 1, usually 0.7")

    @lru_cache(NUM_KEPT_GRAMS)
    def grams_of(row: int) -> Grams:
        return grams(texts[row] or "")

    rows = np.arange(len(texts))
    keys = np.zeros((len(texts), NUM_BANDS), np.uint64)
    long = np.zeros(len(texts), np.bool_)
    for row in range(len(texts)):
        found = grams_of(row)
        long[row] = len(found) >= MIN_GRAMS
        keys[row] = band_keys(found) if long[row] else 0
    earlier = _earlier(keys, np.flatnonzero(long))
    for row in np.flatnonzero((earlier != NONE).any(1)).tolist():
        leading = np.unique(rows[earlier[row][earlier[row] != NONE]]).tolist()
        shares = [overlap(grams_of(row), grams_of(other)) for other in leading]
        best = int(np.argmax(shares))
        if shares[best] >= min_overlap:
            rows[row] = leading[best]
    return rows


def _earlier(keys: Grams, chosen: Rows) -> NDArray[np.int32]:
    """(rows, bands): the last row before each of the chosen with the same key, or NONE; one sort a band."""
    earlier = np.full(keys.shape, NONE, np.int32)
    for band in range(keys.shape[1]):
        order = chosen[np.argsort(keys[chosen, band], kind="stable")]
        same = keys[order[1:], band] == keys[order[:-1], band]
        earlier[order[1:][same], band] = order[:-1][same]
    return earlier
