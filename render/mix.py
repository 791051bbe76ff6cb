"""Shares of named choices, as a user writes them ("en=0.5,zh=0.5"), and exact counts from them."""

import reprlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Mix:
    """Names and shares; the shares are positive and are divided by their sum."""

    shares: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        for name, share in self.shares:
            if not 0 <= share < inf:
                raise ValueError(f"share of {name!r} is {share}: give a number of at least 0")
        if not sum(share for _, share in self.shares) > 0:
            raise ValueError(f"shares are {dict(self.shares)}: at least one must be above 0")

    @classmethod
    def of(cls, shares: Mapping[str, float]) -> Self:
        """A mix of a mapping, in its order."""
        return cls(tuple((str(name), float(share)) for name, share in shares.items()))

    @classmethod
    def read(cls, field: str, value: object) -> Self:
        """A mix as a field of a recipe file has it: a mapping to numbers, or text. Raises ValueError for another."""
        if isinstance(value, str):
            return cls.parse(value)
        if isinstance(value, Mapping) and all(isinstance(share, int | float) for share in value.values()):
            with suppress(OverflowError):  # a whole number of more digits than a float holds
                return cls.of(value)
        raise ValueError(f"{field} is {reprlib.repr(value)}: write NAME=NUMBER, as in en=0.5,zh=0.5")

    @classmethod
    def parse(cls, text: str) -> Self:
        """ "en=0.5,zh=0.5" or "en:1 zh:1" or just "en" (share 1).

        Raises ValueError for a share that is no finite number or below 0, for a name given twice, and where no share is
        above 0.
        """
        shares = {}
        for part in text.replace(",", " ").split():
            name, _, share = part.replace(":", "=").partition("=")
            if name in shares:
                raise ValueError(f"{name!r} has two shares in {text!r}: give it one")
            try:
                shares[name] = float(share or 1)
            except ValueError:
                raise ValueError(f"{part!r} is not a share: write NAME=NUMBER, as in en=0.5,zh=0.5") from None
        return cls.of(shares)

    def __str__(self) -> str:
        return ",".join(f"{name}={share:g}" for name, share in self.shares)

    @property
    def names(self) -> tuple[str, ...]:
        """Names with a share above 0."""
        return tuple(name for name, share in self.shares if share > 0)

    def without(self, names: Iterable[str]) -> "Mix":
        """The same mix with some names left out."""
        gone = set(names)
        return Mix(tuple((name, share) for name, share in self.shares if name not in gone))

    def check(self, field: str, allowed: Iterable[str]) -> None:
        """Raise ValueError where a name is not one of `allowed`."""
        known = list(allowed)
        for name in self.names:
            if name not in known:
                raise ValueError(f"{field} names {name!r}: choose from {', '.join(known)}")

    def counts(self, n: int) -> dict[str, int]:
        """How many of n each name gets: largest remainder, so the sum is n and each is within 1 of its share."""
        total = sum(share for _, share in self.shares)
        exact = {name: n * share / total for name, share in self.shares}
        counts = {name: int(value) for name, value in exact.items()}
        by_rest = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
        for name in by_rest[: n - sum(counts.values())]:
            counts[name] += 1
        return counts

    def draw(self, rng: np.random.Generator) -> str:
        """One name by its share."""
        names = self.names
        weights = np.array([share for _, share in self.shares if share > 0])
        return names[int(np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(), side="right"))]
