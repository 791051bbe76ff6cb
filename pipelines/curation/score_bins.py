"""Histograms of score columns, split by what a selection keeps and drops."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.select import Stream, Values
from curate.sketch import Span

NUM_BINS = 40
SHOWN_SHARES = (0.005, 0.5, 0.99)  # of the values; what lies beyond the first and last falls into the outer bins
LOG_RATIOS = (50.0, 1e7)  # the axis of what is no share is logarithmic where it spans as much and most is small
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Key = tuple[str, str]  # selection, column or expression
AllCuts = Mapping[str, Mapping[str, Any]]  # what cuts.json holds, by the selection's name


@dataclass(slots=True, kw_only=True)
class Bins:
    """A histogram of an expression: counts (n,) of the rows that a selection keeps, that fail a bound on it, and that
    only other rules drop; faults left out."""

    edges: NDArray[np.float64]  # (n + 1,); decimal logarithms where is_log
    is_log: bool
    kept: Numbers
    dropped: Numbers
    elsewhere: Numbers

    def add(self, values: NDArray[np.float32], kept: Mask, failing: Mask, elsewhere: Mask) -> None:
        """Count values (n,); nan is left out."""
        for counts, rows in ((self.kept, kept), (self.dropped, failing), (self.elsewhere, elsewhere)):
            counts += np.histogram(self.scaled(values[rows & ~np.isnan(values)]), self.edges)[0]

    def scaled(self, values: Any) -> Any:
        """Values as they stand on the axis, those beyond its ends at them."""
        return self._unbounded(values).clip(self.edges[0], self.edges[-1])

    def _unbounded(self, values: Any) -> Any:
        return np.log10(np.maximum(values, 1e-30)) if self.is_log else np.asarray(values, np.float64)

    def mark(self, bound: float, label: str) -> tuple[float, str]:
        """Where a bound stands on the axis and what is written there: an arrow where it lies beyond the end."""
        at, shown = float(self._unbounded(bound)), float(self.scaled(bound))
        return shown, label if at == shown else f"← {label}" if at < shown else f"{label} →"


def score_columns(schema: pa.Schema) -> dict[str, str]:
    """The measured columns that hold amounts, each with what it means."""
    found = {}
    for column in schema:
        is_amount = pa.types.is_floating(column.type) or pa.types.is_signed_integer(column.type)
        if is_amount and b"about" in (column.metadata or {}):
            found[column.name] = column.metadata[b"about"].decode()
    return found


def shown_expressions(schema: pa.Schema, cuts: AllCuts) -> list[Key]:
    """The histograms there are: for each selection that is no part of another the columns of its rules and of
    those that are part of it, and all score columns for the first."""
    keys: dict[Key, None] = {}
    for cut in cuts.values():
        owner = cut["part_of"][0] if cut["part_of"] and cut["part_of"][0] in cuts else cut["selection"]
        keys |= {(owner, rule["column"]): None for rule in cut["rules"] if rule["failing"]}
    seen = {text for _, text in keys}
    first = next(iter(cuts), "")
    return [*keys, *((first, name) for name in score_columns(schema) if name not in seen)]


def empty_bins(keys: Sequence[Key], stream: Stream, cuts: AllCuts) -> dict[Key, Bins]:
    """Bins that hold the values of each expression and the bounds on it; none for what is the same everywhere."""
    spans = {text: Span() for _, text in keys}
    for batch in stream():
        values = Values(batch)
        for text, span in spans.items():
            span.add(values.numbers(text))
    bins = {}
    for selection, text in keys:
        rules = [rule for cut in cuts.values() for rule in cut["rules"] if selection in _roots(cut)]
        bounds = [rule["value"] for rule in rules if rule["column"] == text and rule["value"] is not None]
        low, middle, high = spans[text].between(*SHOWN_SHARES)
        if not np.isnan(low) and (low < high or bounds):
            low, high = _widened(low, high, bounds)
            is_log = high > 1 and low > 0 and LOG_RATIOS[0] < high / low < LOG_RATIOS[1] and middle < high / 10
            bins[selection, text] = _bins(low, high, is_log=is_log)
    return bins


def _roots(cut: Mapping[str, Any]) -> list[str]:
    return [cut["selection"], *cut["part_of"]]


def _widened(low: float, high: float, bounds: Sequence[float]) -> tuple[float, float]:
    """The range with the bounds well inside, as long as they leave room for the values."""
    reach = 3 * (high - low) or 1.0
    near = [bound for bound in bounds if low - reach <= bound <= high + reach]
    return min([low, *near]), max([high, *near])


def _bins(low: float, high: float, *, is_log: bool) -> Bins:
    margin = 0.02 * (high - low) or 0.5
    first, last = (math.log10(low), math.log10(high)) if is_log else (low - margin if low else low, high + margin)
    kept, dropped, elsewhere = np.zeros((3, NUM_BINS), np.int64)
    edges = np.linspace(first, last, NUM_BINS + 1)
    return Bins(edges=edges, is_log=is_log, kept=kept, dropped=dropped, elsewhere=elsewhere)
