"""Exact order statistics of a stream that is read more than once, in memory that does not grow with it.

A float32 has a monotone image among the 32-bit integers: a first pass counts the images' upper halves, a
second the lower halves of those that share the wanted upper half. Counts add up in any order and from any
part of the stream, so the value found depends on the values alone.
"""

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

DIGIT_BITS = 16
NUM_DIGITS = 1 << DIGIT_BITS
HALF_DIGIT = NUM_DIGITS // 2
SMALLEST = 1e-37  # what shares its upper half with 0


def ordered(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Integers in the order of the float32 values, equal where they are equal (-0 precedes 0)."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint32)


def from_ordered(number: int) -> float:
    """The float32 of which `ordered` makes this integer."""
    bits = number & 0x7FFFFFFF if number >> 31 else ~number & 0xFFFFFFFF
    return float(np.array([bits], np.uint32).view(np.float32)[0])


class Span:
    """Where a stream's values lie, in one pass, to within a hundredth of the value."""

    def __init__(self) -> None:
        self._counts = np.zeros(NUM_DIGITS, np.int64)

    def add(self, values: NDArray[np.float32]) -> None:
        """Count a part of the stream (n,); nan is not counted."""
        self._counts += np.bincount(ordered(values[~np.isnan(values)]) >> DIGIT_BITS, minlength=NUM_DIGITS)

    def between(self, *shares: float) -> tuple[float, ...]:
        """Values about which these shares of the stream (0 to 1) lie below; nan where it was empty."""
        ends = np.cumsum(self._counts)
        if not ends[-1]:
            return (math.nan,) * len(shares)
        digits = (int(np.searchsorted(ends, max(1, share * ends[-1]))) for share in shares)
        values = (from_ordered((digit << DIGIT_BITS) | HALF_DIGIT) for digit in digits)
        return tuple(value if abs(value) > SMALLEST else 0.0 for value in values)


class Quantile:
    """The smallest value that at least `share` of the values do not exceed: fewer than `share` lie below it.

    The stream passes `NUM_PASSES` times, `add` for each part of it and `advance` between passes. Two
    sketches in the same pass can be merged. `value` is nan where the stream was empty; nan is not counted.
    `num_equal`: how many of the values equal to it make up the share, with all that lie below.
    """

    NUM_PASSES = 2

    def __init__(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share is {share}: use a number from 0 to 1")
        self._share = share
        self._upper = -1  # the upper half, once it is known
        self._left = 0  # values up to and with the wanted one, among those with its upper half
        self._counts = np.zeros(NUM_DIGITS, np.int64)
        self.num_values = self.num_equal = 0
        self.value = math.nan

    def add(self, values: NDArray[np.float32]) -> None:
        """Count a part of the stream (n,)."""
        numbers = ordered(values[~np.isnan(values)])
        upper = numbers >> DIGIT_BITS
        digits = upper if self._upper < 0 else (numbers & (NUM_DIGITS - 1))[upper == self._upper]
        self._counts += np.bincount(digits, minlength=NUM_DIGITS)

    def merge(self, other: Self) -> None:
        """Add what another sketch of the same stream and pass has counted.

        Raises ValueError for a sketch of another share or pass.
        """
        if (self._share, self._upper) != (other._share, other._upper):
            raise ValueError("the sketches are of different shares or passes: merge those of one pass")
        self._counts += other._counts

    def advance(self) -> None:
        """End a pass."""
        if self._upper < 0:
            self.num_values = int(self._counts.sum())
            self._left = max(1, math.ceil(round(self._share * self.num_values, 6)))
            self._upper = self._find()
        elif self.num_values:
            self.value = from_ordered((self._upper << DIGIT_BITS) | self._find())
            self.num_equal = self._left
        self._counts[:] = 0

    def _find(self) -> int:
        """The digit in which the wanted value lies; what lies below it is taken off."""
        ends = np.cumsum(self._counts)
        digit = min(int(np.searchsorted(ends, self._left)), NUM_DIGITS - 1)
        self._left -= int(ends[digit - 1]) if digit else 0
        return digit
