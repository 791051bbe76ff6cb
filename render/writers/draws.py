"""Many small choices from one generator: numpy serves a block of fractions, Python spends them one by one."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 32  # a scalar draw from numpy costs 3 us, a share of a block 0.1 us


class Draws:
    """Choices that are pure in the state of `rng`; it is advanced by whole blocks of 32."""

    __slots__ = ("_left", "_rng")

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def fraction(self) -> float:
        """A number in [0, 1)."""
        if not self._left:
            self._left = self._rng.random(_BLOCK).tolist()
        return self._left.pop()

    def below(self, limit: int) -> int:
        """An integer in [0, limit)."""
        return int(self.fraction() * limit)

    def between(self, low: int, high: int) -> int:
        """An integer in [low, high], both ends included."""
        return low + int(self.fraction() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """True in `share` of the calls."""
        return self.fraction() < share

    def misses(self, share: float) -> int:
        """How many things to pass over before the next one, where `share` of them are chosen."""
        return int(math.log1p(-self.fraction()) / math.log1p(-share))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as often."""
        return options[int(self.fraction() * len(options))]
