"""What tests with input made at random share: JSON of every shape, files with some bytes changed, what came of it."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Found = TypeVar("Found")
Flips = list[tuple[float, float, int]]
NESTED = "[" * 20_000
LAUGHS = (  # 10^13 items, were they ever written out
    "{a: &a [x, x, x, x, x, x, x, x, x, x], "
    + ", ".join(f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]" for before, one in pairwise("abcdefghijklm"))
    + "}"
)
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
NUMBERS = st.floats(-1e7, 1e9) | st.integers(-(2**70), 2**70)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FLIPS: st.SearchStrategy[Flips] = st.lists(
    st.tuples(st.sampled_from([0.0, 0.9]), st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=6
)
KEPT = st.sampled_from([1.0, 1.0, 1.0, 0.97, 0.5])  # of a file's length


def few(max_examples: int) -> settings:
    """The same examples on every machine, as many as the time allows; what hangs, pytest's time limit ends."""
    return settings(
        max_examples=max_examples, derandomize=True, database=None, deadline=None, suppress_health_check=CHECKS
    )


def spoiled(data: bytes, flips: Flips, kept: float) -> bytes:
    """Some bytes changed, half of them near the end, where Parquet has its plan; cut at a share of the length."""
    found = bytearray(data)
    for start, place, change in flips:
        at = min(len(found) - 1, int(len(found) * (start + place * (1 - start))))
        found[at] ^= change
    return bytes(found[: max(1, int(len(found) * kept))])


def values_of(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Mappings of known names, to what belongs there or not."""
    return st.fixed_dictionaries({}, optional={name: kind | JSON for name, kind in known.items()})


def as_json(value: Any) -> str:
    """The JSON of a value; what is no JSON at all as it is."""
    return value if isinstance(value, str) and value == NESTED else json.dumps(value)


def outcome(read: Callable[[], Found], *faults: type[BaseException]) -> tuple[Found | None, str]:
    """What was read, or the message of one of the faults that it may name; any other error is a crash."""
    try:
        return read(), ""
    except faults as error:
        return None, str(error) or "no message"
