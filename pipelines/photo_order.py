"""The seeded order in which the photos of an index are used."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.photos import PhotoIndex
from pipelines.shards.seeds import rng_for


class PhotoOrder:
    """A seeded order of an index's photos, anew for each pass over it.

    Photos of one Parquet row group come one after the other, in random order, the groups in random order;
    all others are shuffled freely. `among`: (n,) which photos, all by default.
    """

    def __init__(self, index: PhotoIndex, seed: int, among: NDArray[np.bool_] | None = None) -> None:
        groups = index.groups()
        self._numbers = np.arange(len(groups)) if among is None else np.flatnonzero(among)
        self._groups, self._seed = groups[self._numbers], seed
        self._num_groups = int(groups.max()) + 1
        self._pass = lru_cache(maxsize=2)(self._shuffle)

    def at(self, position: int, attempt: int = 0) -> int:
        """The photo at a position, from 0 without end; a further attempt gives the next one along."""
        which, place = divmod(position + attempt, len(self._groups))
        return int(self._pass(which)[place])

    def _shuffle(self, which: int) -> NDArray[np.int32]:
        rng = rng_for(self._seed, "photos", which)
        group_rank = rng.permutation(self._num_groups)[self._groups]
        order: NDArray[np.intp] = np.lexsort((rng.permutation(len(self._groups)), group_rank))
        return self._numbers[order].astype(np.int32)


class FittingOrder:
    """The order of photos for pictures of several sizes: one that is too small for a size leaves its place to one of
    those that are large enough, which are in an order of their own."""

    def __init__(self, index: PhotoIndex, seed: int) -> None:
        self._index, self._seed, self._all = index, seed, PhotoOrder(index, seed)
        self._for_size = lru_cache(maxsize=64)(self._fitting)

    def at(self, position: int, size_px: tuple[int, int], attempt: int = 0) -> tuple[int, bool]:
        """The photo at a position for pictures of a size (width, height), and whether it takes another's place.

        Raises ValueError where no photo is large enough.
        """
        number, (fits, large) = self._all.at(position, attempt), self._for_size(size_px)
        return (number, False) if fits[number] else (large.at(position, attempt), True)

    def _fitting(self, size_px: tuple[int, int]) -> tuple[NDArray[np.bool_], PhotoOrder]:
        fits = self._index.fits(*size_px)
        if not fits.any():
            raise ValueError(
                f"no photo of the {len(fits):,} accepted is at least {size_px[0]} x {size_px[1]} px, as a picture of "
                "that size needs: give larger photos, or another --image-size"
            )
        return fits, self._all if fits.all() else PhotoOrder(self._index, self._seed, fits)
