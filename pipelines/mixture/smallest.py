"""The k smallest of many streams at once, exactly, in memory that does not grow with them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIGIT_BITS, NUM_PASSES = 16, 4
NUM_DIGITS = 1 << DIGIT_BITS
Parts = Callable[[], Iterable[tuple[NDArray[np.int64], NDArray[np.float64]]]]  # the same at each call


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What is taken of a stream: every value below `value`, and the first `num_equal` of those equal to it."""

    value: float
    num_equal: int


def smallest(parts: Parts, wanted: NDArray[np.int64]) -> list[Threshold]:
    """For each stream the threshold under which `wanted` (streams,) of its values lie, by four passes.

    Parts hold the number of a value's stream (n,), below 0 for none, and the value (n,), at least 0. 512 KB a stream.
    """
    prefixes = np.zeros(len(wanted), np.uint64)
    left = wanted.astype(np.int64).copy()
    for step in range(NUM_PASSES):
        shift = np.uint64(DIGIT_BITS * (NUM_PASSES - 1 - step))
        counts = np.zeros((len(wanted), NUM_DIGITS), np.int64)
        for streams, values in parts():
            bits = np.ascontiguousarray(values, np.float64).view(np.uint64) >> shift
            inside = streams >= 0
            if step:
                inside &= (bits >> np.uint64(DIGIT_BITS)) == prefixes[streams]
            digits = (bits & np.uint64(NUM_DIGITS - 1))[inside].astype(np.int64)
            flat = np.bincount(streams[inside] * NUM_DIGITS + digits, minlength=counts.size)
            counts += flat.reshape(counts.shape)
        ends = np.cumsum(counts, axis=1)
        for stream in range(len(wanted)):
            digit = min(int(np.searchsorted(ends[stream], max(1, left[stream]))), NUM_DIGITS - 1)
            left[stream] -= ends[stream, digit - 1] if digit else 0
            prefixes[stream] = (prefixes[stream] << np.uint64(DIGIT_BITS)) | np.uint64(digit)
    return [
        Threshold(value=float(value), num_equal=int(equal))
        for value, equal in zip(prefixes.view(np.float64), left, strict=True)
    ]
