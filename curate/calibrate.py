"""How well score columns tell a corpus's own images from damaged copies of them, and bounds that drop few of
the images as they are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.damage import DAMAGES
from curate.rules import Rule, Selection

Values = NDArray[np.float64]
AT_LEAST, AT_MOST = "at_least", "at_most"
MIN_AUROC = 0.75  # of a column on some damage, before a bound on it is taken over
DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFit:
    """A column on a sample: which side is good, the bound, and by damage how it separates.

    `auroc`: chance that an undamaged image scores better than a damaged one, 0 to 1, .5 is blind.
    `recall`: share of the damaged images beyond the bound.
    """

    column: str
    side: str
    bound: float
    auroc: Mapping[str, float]
    recall: Mapping[str, float]

    @property
    def best(self) -> float:
        """The highest AUROC on a damage that harms; nan where none is known."""
        known = (self.auroc[name] for name in harmful(self.auroc))
        return max((value for value in known if not math.isnan(value)), default=math.nan)


def harmful(names: Sequence[str] | Mapping[str, float]) -> list[str]:
    """The damages after which an image should be dropped."""
    return [name for name in names if DAMAGES[name].harms]


def auroc(good: Values, bad: Values) -> float:
    """Chance that one of the good (n,) exceeds one of the bad (m,), ties counting half; nan where one is empty."""
    good, bad = (np.sort(values[~np.isnan(values)]) for values in (good, bad))
    if not (len(good) and len(bad)):
        return math.nan
    below = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
    return float(below.mean() / 2 / len(bad))


def bound_of(values: Values, side: str, false_drop: float) -> float:
    """The strictest bound beyond which at most this share of the values (n,) lies, to 4 digits."""
    ordered = np.sort(values[~np.isnan(values)])
    if not len(ordered):
        return math.nan
    allowed = math.floor(false_drop * len(ordered) + 1e-9)
    allowed = min(allowed, len(ordered) - 1)
    return _rounded(float(ordered[allowed] if side == AT_LEAST else ordered[-1 - allowed]), up=side == AT_MOST)


def _rounded(value: float, *, up: bool) -> float:
    """The value to DIGITS digits, on the side that drops no more."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - DIGITS + 1)
    return float(f"{(math.ceil if up else math.floor)(value / step) * step:.{DIGITS}g}")


def beyond(values: Values, side: str, bound: float) -> NDArray[np.bool_]:
    """Which values (n,) a rule with this bound drops; nan is not dropped."""
    return values < bound if side == AT_LEAST else values > bound


def fit_column(column: str, good: Values, damaged: Mapping[str, Values], whole: Values, false_drop: float) -> ColumnFit:
    """A column's side, bound and separation; the side is that on which it separates some harm best.

    good: what it is for the crops that were damaged; whole: for those images as they were scored, whose share
    beyond the bound is to be at most false_drop.
    """
    raw = {name: auroc(good, bad) for name, bad in damaged.items()}
    known = [raw[name] for name in harmful(raw) if not math.isnan(raw[name])]
    side = AT_LEAST if max(known, default=1.0) - 0.5 >= 0.5 - min(known, default=1.0) else AT_MOST
    bound = bound_of(whole, side, false_drop)
    return ColumnFit(
        column=column,
        side=side,
        bound=bound,
        auroc={name: value if side == AT_LEAST else 1 - value for name, value in raw.items()},
        recall={name: float(beyond(bad, side, bound).mean()) for name, bad in damaged.items()},
    )


def calibrated_selection(base: Selection, fits: Mapping[str, ColumnFit], name: str) -> Selection:
    """The selection with the bounds of its rules replaced where the column was found to separate some harm,
    on the side that the rule is on, and with a rule more for each other column that is made to show one."""
    rules = [_calibrated(rule, fits.get(rule.column)) for rule in base.rules]
    known = {rule.column for rule in rules}
    harms = dict.fromkeys(damage.harms for damage in DAMAGES.values() if damage.harms)
    for fit in (fits[column] for column in harms if column in fits and column not in known):
        if fit.best >= MIN_AUROC and not math.isnan(fit.bound):
            rules.append(_bounded(Rule(column=fit.column, at_least=0, missing="keep"), fit))
    return replace(base, name=name, rules=tuple(rules))


def _calibrated(rule: Rule, fit: ColumnFit | None) -> Rule:
    side = AT_MOST if rule.at_least is None else AT_LEAST
    if fit is None or fit.side != side or not fit.best >= MIN_AUROC or math.isnan(fit.bound):
        return rule
    return _bounded(rule, fit)


def _bounded(rule: Rule, fit: ColumnFit) -> Rule:
    """The rule with the fit's side and bound."""
    if fit.side == AT_LEAST:
        return replace(rule, at_least=fit.bound, at_most=None)
    return replace(rule, at_least=None, at_most=fit.bound)
