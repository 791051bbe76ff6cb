"""The rows of one component in a seeded order without end: a position, one whole number, says where it is.

An epoch takes the row groups in a permuted order, some at a time, and the rows of those in a permuted order: every row
once, neighbours of a shard apart, few groups in memory. A row of weight w comes w times an epoch on average, and within
one of that after any number of epochs.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.shards.seeds import rng_for
from train.feeding.corpus import Corpus

WINDOW_GROUPS = 8  # row groups whose rows are permuted together
WINDOW_BYTES = 100_000_000  # of images, where groups are large
WINDOWS_KEPT = 3
Rows = NDArray[np.int64]
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Epoch:
    """The order of an epoch's row groups, and where its windows end."""

    start: int  # position of its first row
    groups: Rows  # places in the stream's groups, in this epoch's order
    copies: NDArray[np.int64] | None  # of each row; None: one
    ends: Rows  # rows up to the end of each window


class Stream:
    """Some rows of a corpus, rising. `address`, two numbers, parts its chance from that of the seed's other streams."""

    def __init__(self, corpus: Corpus, rows: NDArray[np.integer[Any]], seed: int, address: tuple[int, int]) -> None:
        self._rows, self._seed, self._address = rows.astype(np.uint32), seed, address
        firsts = np.searchsorted(self._rows, corpus.group_starts)
        groups = np.flatnonzero(np.diff(firsts))
        self._firsts = np.append(firsts[groups], len(rows)).astype(np.int64)
        mean_bytes = max(1, int(corpus.group_bytes[groups].mean()))
        self.window_groups = int(np.clip(WINDOW_BYTES // mean_bytes, 1, min(WINDOW_GROUPS, len(groups))))
        self._weight = _relative(corpus.weight[rows])
        phases = rng_for(seed, "phases", *address)
        self._phase = None if self._weight is None else phases.random(len(rows), np.float32)
        self._epochs: OrderedDict[int, _Epoch] = OrderedDict()
        self._windows: OrderedDict[tuple[int, int], Rows] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, position: int, count: int) -> Rows:
        """The rows at `position` and after."""
        parts: list[Rows] = []
        with self._lock:
            while count:
                number = self._epoch_at(position)
                epoch = self._epoch(number)
                window = int(np.searchsorted(epoch.ends, position - epoch.start, side="right"))
                first = int(epoch.ends[window - 1]) if window else 0
                at = position - epoch.start - first
                parts.append(self._window(number, window)[at : at + count])
                position, count = position + len(parts[-1]), count - len(parts[-1])
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def window_at(self, position: int) -> range:
        """The positions of the window that holds `position`: rows of the same few row groups."""
        with self._lock:
            epoch = self._epoch(self._epoch_at(position))
            window = int(np.searchsorted(epoch.ends, position - epoch.start, side="right"))
            first = int(epoch.ends[window - 1]) if window else 0
            return range(epoch.start + first, epoch.start + int(epoch.ends[window]))

    def _drawn(self, epoch: int) -> NDArray[np.int64]:
        """How often each row comes before an epoch."""
        assert self._weight is not None
        assert self._phase is not None
        return np.asarray(np.floor(epoch * self._weight + self._phase), np.int64)

    def _start(self, epoch: int) -> int:
        return epoch * len(self._rows) if self._weight is None else int(self._drawn(epoch).sum())

    def _epoch_at(self, position: int) -> int:
        for number, epoch in self._epochs.items():
            if epoch.start <= position < epoch.start + int(epoch.ends[-1]):
                return number
        number = position // len(self._rows)
        while self._start(number) > position:
            number -= 1
        while self._start(number + 1) <= position:
            number += 1
        return number

    def _epoch(self, number: int) -> _Epoch:
        return _kept(self._epochs, number, self._plan, 2)

    def _plan(self, number: int) -> _Epoch:
        groups = rng_for(self._seed, "groups", *self._address, number).permutation(len(self._firsts) - 1)
        copies, sizes = None, np.diff(self._firsts)
        if self._weight is not None:
            copies = self._drawn(number + 1) - self._drawn(number)
            sizes = np.add.reduceat(copies, self._firsts[:-1])
        ends = np.cumsum(sizes[groups])
        last = np.minimum(np.arange(self.window_groups, len(ends) + self.window_groups, self.window_groups), len(ends))
        return _Epoch(start=self._start(number), groups=groups, copies=copies, ends=ends[last - 1])

    def _window(self, epoch: int, window: int) -> Rows:
        return _kept(self._windows, (epoch, window), self._permuted, WINDOWS_KEPT)

    def _permuted(self, at: tuple[int, int]) -> Rows:
        epoch = self._epoch(at[0])
        groups = np.sort(epoch.groups[at[1] * self.window_groups : (at[1] + 1) * self.window_groups])
        places = np.concatenate([np.arange(self._firsts[group], self._firsts[group + 1]) for group in groups])
        if epoch.copies is not None:
            places = np.repeat(places, epoch.copies[places])
        rng = rng_for(self._seed, "window", *self._address, *at)
        return np.asarray(self._rows[rng.permutation(places)], np.int64)


def _relative(weight: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Weights over their mean; None where all are alike."""
    if (weight == weight[0]).all():
        return None
    return np.asarray(weight.astype(np.float64) / weight.mean(dtype=np.float64))


def _kept(kept: OrderedDict[Key, Value], key: Key, make: Callable[[Key], Value], most: int) -> Value:
    """The value of a key, made where it is not kept; the last `most` used are."""
    if key not in kept:
        kept[key] = make(key)
        while len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
