"""Priorities within a selection: the quotas of its categories, and a sampling weight for each image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.categories import categorise
from curate.expressions import expression
from curate.rules import MAX_BOOST, Selection, Weight
from curate.select import ID, Cuts, Reasons, Stream, select
from curate.sketch import Quantile

TIE_SHARE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What max_images leaves out: rows of a lower priority than `value`, and the first `num_equal` of an equal one."""

    value: float = -np.inf
    num_equal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What the quotas of a selection come to, by category in order and last for rows of none.

    `floors`: what max_images leaves out; `factors`: what weights are multiplied by.
    """

    floors: tuple[Floor, ...]
    factors: tuple[float, ...]


Decision = tuple[pa.RecordBatch, Reasons, NDArray[np.float32], NDArray[np.int32]]
"""A batch, and of its rows the reasons, weights (n,; 0 for dropped rows) and category numbers (n,)."""


def density_weights(batch: pa.RecordBatch, weight: Weight | None) -> NDArray[np.float32]:
    """Weights (n,) by the formula of `Weight`; 1 where there is none."""
    if weight is None:
        return np.ones(len(batch), np.float32)
    ratio = np.nan_to_num(expression(weight.column).numbers(batch), nan=0.0).clip(0) / weight.at
    raised = np.power(ratio, weight.exponent, where=ratio > 0, out=np.zeros_like(ratio))
    return raised.clip(weight.low, weight.high).astype(np.float32)


def priorities(batch: pa.RecordBatch, weight: Weight) -> NDArray[np.float32]:
    """What goes first under max_images (n,): the weight's column; values within 0.1% of each other are told
    apart by a hash of the id, so that those kept are from everywhere."""
    values = np.nan_to_num(expression(weight.column).numbers(batch), nan=0.0).clip(0)
    hashes = np.array([crc32(str(name).encode()) for name in batch.column(ID).to_pylist()], np.float64)
    return ((values + 1) * (1 + TIE_SHARE * hashes / 2**32)).astype(np.float32)


def apply_rules(batch: pa.RecordBatch, cuts: Cuts) -> tuple[Reasons, NDArray[np.int32]]:
    """Reasons by the rules, and category numbers (n,)."""
    return select(batch, cuts), categorise(batch, cuts.selection.categories)


def resolve_quotas(cuts: Cuts, stream: Stream) -> Quotas:
    """The quotas of a selection in numbers; reads the stream up to three times where there are any."""
    selection = cuts.selection
    floors = _floors(cuts, stream)
    factors = np.ones(len(floors))
    if any(category.share for category in selection.categories):
        masses = np.zeros(len(floors))
        draft = Quotas(floors=floors, factors=tuple(factors.tolist()))
        for _, reasons, weights, numbers in decisions(stream, cuts, draft):
            masses += np.bincount(numbers, np.where(reasons.keep, weights, 0), len(floors))
        factors = share_factors(masses, [*(category.share for category in selection.categories), None])
    return Quotas(floors=floors, factors=tuple(factors.tolist()))


def _floors(cuts: Cuts, stream: Stream) -> tuple[Floor, ...]:
    """For each category what its max_images leaves out, by three passes."""
    selection = cuts.selection
    limits = {i: c.max_images for i, c in enumerate(selection.categories) if c.max_images}
    floors = [Floor()] * (len(selection.categories) + 1)
    if not limits or selection.weight is None:
        return tuple(floors)
    totals = np.zeros(len(floors), np.int64)
    for batch in stream():
        reasons, numbers = apply_rules(batch, cuts)
        totals += np.bincount(numbers[reasons.keep], minlength=len(floors))
    over = {i: 1 - limit / totals[i] for i, limit in limits.items() if totals[i] > limit}
    sketches = {i: Quantile(share) for i, share in over.items()}
    for _ in range(Quantile.NUM_PASSES if sketches else 0):
        for batch in stream():
            reasons, numbers = apply_rules(batch, cuts)
            for i, sketch in sketches.items():
                rows = reasons.keep & (numbers == i)
                sketch.add(priorities(batch.filter(pa.array(rows)), selection.weight))
        for sketch in sketches.values():
            sketch.advance()
    for i, sketch in sketches.items():
        floors[i] = Floor(value=sketch.value, num_equal=sketch.num_equal)
    return tuple(floors)


def share_factors(masses: NDArray[np.float64], shares: Sequence[float | None]) -> NDArray[np.float64]:
    """Factors (n,) that give each part of the total weight its share, within MAX_BOOST up and down.

    Shares of empty parts, and what the shares leave of 1, go to the others in proportion.
    """
    total = masses.sum()
    if total <= 0:
        return np.ones(len(masses))
    there = masses > 0
    asked = np.array([share or 0 for share in shares]) * there
    free = there & np.array([share is None for share in shares])
    left = max(0.0, 1 - asked.sum())
    targets = asked.copy()
    if free.any():
        targets[free] = left * masses[free] / masses[free].sum()
    targets /= targets.sum() or 1.0
    wanted = np.divide(targets * total, masses, where=there, out=np.ones(len(masses)))
    factors: NDArray[np.float64] = wanted.clip(1 / MAX_BOOST, MAX_BOOST)
    return factors


def decisions(stream: Stream, cuts: Cuts, quotas: Quotas) -> Iterator[Decision]:
    """All of a selection, batch by batch."""
    left = np.array([floor.num_equal for floor in quotas.floors])
    factors = np.array(quotas.factors, np.float32)
    for batch in stream():
        reasons, numbers = apply_rules(batch, cuts)
        _mark_over(batch, cuts.selection, (reasons, numbers), quotas.floors, left)
        weights = density_weights(batch, cuts.selection.weight) * factors[numbers]
        yield batch, reasons, np.where(reasons.keep, weights, 0).astype(np.float32), numbers


def _mark_over(
    batch: pa.RecordBatch,
    selection: Selection,
    decided: tuple[Reasons, NDArray[np.int32]],
    floors: Sequence[Floor],
    left: NDArray[np.int64],
) -> None:
    """Mark what max_images leaves out; `left` counts down the equal ones by category."""
    reasons, numbers = decided
    for number, floor in enumerate(floors):
        rows = np.flatnonzero(reasons.keep & (numbers == number))
        if selection.weight is not None and floor.num_equal and len(rows):
            values = priorities(batch.take(pa.array(rows)), selection.weight)
            equal = rows[values == floor.value][: left[number]]
            left[number] -= len(equal)
            over = np.zeros(len(batch), bool)
            over[rows[values < floor.value]] = over[equal] = True
            category = selection.categories[number]
            reasons.mark(over, f"{category.name}: over {category.max_images} images")
