"""What charts say of a model: shares by size, their errors, and the acuity that follows.

A chance-corrected share is (right - 0.1) / 0.9, with `right` the share of right answers among ten. The acuity is the
smallest size from which, and at all larger sizes, that is at least 0.9.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.shards.seeds import rng_for
from train.acuity_charts.forcedchoice import CHANCE
from train.acuity_charts.rows import Kind

THRESHOLD = 0.9
INTERVAL = (2.5, 97.5)  # percentiles
NUM_DRAWS = 2000
NEVER = math.inf
GROUNDS = ("all", "paper", "photo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One chart of one model: right answers (fractions for ties) of so many targets, and by line read its similarity
    to the original's reading and to the true text; nan where the original reads as nothing."""

    kind: Kind
    right: float
    num_targets: int
    ned: tuple[float, ...] = ()
    ned_truth: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over so many things of several charts; stderr counts each chart as one draw of its kind, nan for one."""

    mean: float
    stderr: float
    num: int


def corrected(right: float) -> float:
    """A share of right answers without what chance gives: 0 for guessing, 1 for all."""
    return (right - CHANCE) / (1 - CHANCE)


def of_kinds(charts: Iterable[Measured]) -> list[list[Measured]]:
    """Charts of one kind together, as they were drawn: so many of each ground and contrast, never by chance. Where a
    kind has a single chart, all are one kind, or its spread could not be told."""
    found: dict[Kind, list[Measured]] = defaultdict(list)
    for chart in charts:
        found[chart.kind].append(chart)
    if min(map(len, found.values()), default=0) > 1:
        return list(found.values())
    return [[chart for of_kind in found.values() for chart in of_kind]]


def choice_of(charts: Iterable[Measured]) -> Mean:
    """The chance-corrected share of right answers."""
    found = _mean([[(chart.right, chart.num_targets) for chart in of_kind] for of_kind in of_kinds(charts)])
    return Mean(mean=corrected(found.mean), stderr=found.stderr / (1 - CHANCE), num=found.num)


def ned_of(charts: Iterable[Measured]) -> Mean:
    """The mean over lines of their similarity to the original's reading; nan is left out."""
    return _mean([[_sum(chart.ned) for chart in of_kind] for of_kind in of_kinds(charts)])


def ned_truth_of(charts: Iterable[Measured]) -> Mean:
    """The same to the true text."""
    return _mean([[_sum(chart.ned_truth) for chart in of_kind] for of_kind in of_kinds(charts)])


def _sum(values: Sequence[float]) -> tuple[float, int]:
    kept = [value for value in values if not math.isnan(value)]
    return math.fsum(kept), len(kept)


def _mean(kinds: Sequence[Sequence[tuple[float, int]]]) -> Mean:
    """The mean of sums over numbers, a pair a chart."""
    num = sum(n for of_kind in kinds for _, n in of_kind)
    if not num:
        return Mean(mean=math.nan, stderr=math.nan, num=0)
    mean = math.fsum(total for of_kind in kinds for total, _ in of_kind) / num
    squares = math.fsum(_squares([total - mean * n for total, n in of_kind]) for of_kind in kinds)
    return Mean(mean=mean, stderr=math.sqrt(squares) / num, num=num)


def _squares(values: Sequence[float]) -> float:
    """The variance of a sum of as many draws as there are values; nan for a single one."""
    if len(values) < 2:
        return math.nan
    middle = math.fsum(values) / len(values)
    return math.fsum((value - middle) ** 2 for value in values) * len(values) / (len(values) - 1)


def by_size(charts: Iterable[Measured], language: str, ground: str = "all") -> dict[int, list[Measured]]:
    """A language's charts by size, smallest first, of one ground or all."""
    found: dict[int, list[Measured]] = defaultdict(list)
    for chart in charts:
        if chart.kind.language == language and ground in ("all", chart.kind.ground):
            found[chart.kind.size_px].append(chart)
    return dict(sorted(found.items()))


def smallest_from(shares: Mapping[int, float]) -> float:
    """The smallest size from which, and at all larger ones, the share is at least THRESHOLD; NEVER where the largest
    size falls short. A share of nan is one that cannot be judged: there it ends."""
    found = NEVER
    for size in sorted(shares, reverse=True):
        if not shares[size] >= THRESHOLD:
            break
        found = size
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Acuity:
    """A size in px, the bounds of its 95% interval (nan where there is one chart of each kind, so that nothing tells
    how much they differ), and the smallest and largest size there are."""

    px: float
    low: float
    high: float
    smallest_px: int
    largest_px: int

    def __str__(self) -> str:
        interval = "" if math.isnan(self.low) else f" ({self._shown(self.low)} to {self._shown(self.high)})"
        return f"{self._shown(self.px)}{interval}"

    def _shown(self, px: float) -> str:
        return shown_px(px, self.smallest_px, self.largest_px)


def shown_px(px: float, smallest_px: int, largest_px: int) -> str:
    """A size as read: "> 20" where it was never reached, "≤ 5" where nothing smaller was tried."""
    if px == NEVER:
        return f"> {largest_px}"
    return f"≤ {smallest_px}" if px <= smallest_px else f"{px:g}"


def acuity_of(charts: Sequence[Measured], language: str, ground: str = "all", seed: int = 0) -> Acuity:
    """The acuity for a language, with a bootstrap interval: each size's charts drawn anew, kind by kind."""
    sizes = by_size(charts, language, ground)
    found = smallest_from({size: choice_of(of_size).mean for size, of_size in sizes.items()})
    if all(len(of_kind) == 1 for of_size in sizes.values() for of_kind in of_kinds(of_size)):
        return Acuity(px=found, low=math.nan, high=math.nan, smallest_px=min(sizes), largest_px=max(sizes))
    rng = rng_for(seed, f"bootstrap/{language}/{ground}", 0)
    drawn = {size: _drawn_shares(of_size, rng) for size, of_size in sizes.items()}
    draws = np.array([smallest_from({size: drawn[size][i] for size in drawn}) for i in range(NUM_DRAWS)])
    low, high = (float(value) for value in np.percentile(draws, INTERVAL, method="nearest"))
    return Acuity(px=found, low=low, high=high, smallest_px=min(sizes), largest_px=max(sizes))


def _drawn_shares(charts: Sequence[Measured], rng: np.random.Generator) -> NDArray[np.float64]:
    """Chance-corrected shares (NUM_DRAWS,) of charts of one size, as many of each kind drawn with replacement.

    Drawn from k charts, a sum varies less than one of k new charts does, by (k - 1) / k: it is stretched by as much.
    """
    sums = np.zeros((NUM_DRAWS, 2))
    for of_kind in of_kinds(charts):
        k = len(of_kind)
        values = np.array([(chart.right, chart.num_targets) for chart in of_kind])
        drawn = values[rng.integers(k, size=(NUM_DRAWS, k))].sum(axis=1)
        sums += values.sum(axis=0) + (drawn - values.sum(axis=0)) * math.sqrt(k / max(1, k - 1))
    return np.asarray((sums[:, 0] / sums[:, 1] - CHANCE) / (1 - CHANCE))


def ned_size(
    charts: Sequence[Measured], readable: Callable[[int], bool], language: str, ground: str = "all"
) -> tuple[float, int]:
    """The smallest size from which NED, relative to the original's reading, is at least THRESHOLD; and the smallest
    at which the original itself is readable, below which NED tells nothing."""
    sizes = by_size(charts, language, ground)
    shares = {size: ned_of(of_size).mean for size, of_size in sizes.items()}
    judged = [size for size in sizes if all(readable(larger) for larger in sizes if larger >= size)]
    return smallest_from({size: shares[size] for size in judged}) if judged else NEVER, min(judged, default=0)
