"""What a selection keeps, as data: rules over score columns, categories and a weight."""

import math
import re
from dataclasses import dataclass

from curate.expressions import expression

KINDS = ("general", "text")
MAX_BOOST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """A bound taken from the corpus itself: among the rows that are whole, no duplicates and within the
    rule's `where`. Written "10%"; `at_least: 10%` drops at most a tenth of them, as does `at_most: 90%`."""

    percent: float

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError(f"percentile is {self.percent}: use 0 to 100")

    def __str__(self) -> str:
        return f"{self.percent:g}%"


Bound = float | Percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition that a kept image meets: a score column, or an expression over columns, against a bound."""

    column: str
    at_least: Bound | None = None
    at_most: Bound | None = None
    where: str = ""
    """A condition on columns; the rule says nothing of rows outside it. "" for all rows."""
    missing: str = "drop"
    """What happens to rows where the column was not measured: drop or keep."""
    optional: bool = False
    """Whether the rule is left out where the scores have no such column."""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"rule on {self.column!r}: give either at_least or at_most")
        if isinstance(self.bound, float) and not math.isfinite(self.bound):
            raise ValueError(f"rule on {self.column!r}: its bound is {self.bound}: write a number")
        if self.missing not in ("drop", "keep"):
            raise ValueError(f"rule on {self.column!r}: missing is {self.missing!r}: use drop or keep")
        for text in filter(None, (self.column, self.where)):
            expression(text)

    @property
    def bound(self) -> Bound:
        """Its only bound."""
        bound = self.at_most if self.at_least is None else self.at_least
        assert bound is not None, "checked when it was made"
        return bound

    @property
    def columns(self) -> tuple[str, ...]:
        """The score columns it reads."""
        names = expression(self.column).columns + (expression(self.where).columns if self.where else ())
        return tuple(sorted(set(names)))

    def __str__(self) -> str:
        """As a reason: "clarity under 0.5"; the percentile where the bound is one."""
        side = "over" if self.at_least is None else "under"
        bound = str(self.bound) if isinstance(self.bound, Percentile) else f"{self.bound:g}"
        return f"{self.column} {side} {bound}" + (f" where {self.where}" if self.where else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """Sampling weight of a kept image: min(high, max(low, (value / at) ** exponent)), value being that of `column`.

    An image at `at` weighs 1; with exponent 0.5 one four times as dense is drawn twice as often. Where the
    column was not measured the weight is `low`.
    """

    column: str
    at: float
    exponent: float = 0.5
    low: float = 0.25
    high: float = 4.0

    def __post_init__(self) -> None:
        if not (self.at > 0 and 0 < self.low <= self.high):
            raise ValueError(f"weight: at {self.at}, low {self.low}, high {self.high}: use at > 0 and 0 < low <= high")
        expression(self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A part of a selection: the rows that meet `where` and no category before it; all others where it is "".

    `share`: part of the sampling weight it is to get, 0 to 1: its weights are scaled, by no more than
    `MAX_BOOST` up or down. `max_images`: at most so many are kept, those of the highest weight.column first.
    """

    name: str
    where: str = ""
    share: float | None = None
    max_images: int | None = None

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share <= 1:
            raise ValueError(f"category {self.name!r}: share is {self.share}: use a number over 0, to 1")
        if self.max_images is not None and self.max_images < 1:
            raise ValueError(f"category {self.name!r}: max_images is {self.max_images}: use a whole number from 1")
        if self.where:
            expression(self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A named choice of images. `kind` is that of the records packed from it: general or text."""

    name: str
    about: str = ""
    kind: str = "general"
    extends: str = ""
    """Another selection of the file: its rules come first, so that this one is a part of it."""
    keep_duplicates: bool = False
    rules: tuple[Rule, ...] = ()
    weight: Weight | None = None
    categories: tuple[Category, ...] = ()
    inherited: tuple[str, ...] = ()
    """Names of the selections it is a part of, the widest first."""
    widest_rules: tuple[Rule, ...] = ()
    """The rules of the widest of those."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"selection {self.name!r}: name it with letters, digits, '.', '_' and '-'; it is a folder")
        if self.kind not in KINDS:
            raise ValueError(f"selection {self.name!r}: kind is {self.kind!r}: use {' or '.join(KINDS)}")
        names = [category.name for category in self.categories]
        if len(set(names)) < len(names):
            raise ValueError(f"selection {self.name!r}: categories are {names}: name each once")
        if sum(category.share or 0 for category in self.categories) > 1 + 1e-9:
            raise ValueError(f"selection {self.name!r}: the shares of its categories exceed 1 together")
        if any(category.max_images for category in self.categories) and self.weight is None:
            raise ValueError(f"selection {self.name!r}: max_images needs a weight, whose column says what goes first")
