"""Small fitted networks that turn a picture's row of features into one probability each; weights in fusion.json.

One hidden layer of tanh units over standardised features. tests/bench/fit_clarity.py fits and writes them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(__file__).with_name("fusion.json")
DIGITS = 5  # of each weight in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """d features, k hidden units: logit = tanh((x - mean) / scale @ hidden + bias) @ out + constant."""

    names: tuple[str, ...]  # (d,)
    mean: NDArray[np.float64]  # (d,)
    scale: NDArray[np.float64]  # (d,)
    hidden: NDArray[np.float64]  # (d, k)
    bias: NDArray[np.float64]  # (k,)
    out: NDArray[np.float64]  # (k,)
    constant: float

    def __post_init__(self) -> None:
        d, k = self.hidden.shape
        if not (len(self.names) == len(self.mean) == len(self.scale) == d and len(self.bias) == len(self.out) == k):
            raise ValueError(f"{len(self.names)} features and hidden weights of shape {d} x {k} do not fit: refit")

    def logits(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) of (n, d) features, in the order of `names`. Plain sums: those of a BLAS differ by machine."""
        scaled = (rows - self.mean) / self.scale
        units = np.tanh((scaled[:, :, None] * self.hidden).sum(axis=1) + self.bias)
        total: NDArray[np.float64] = (units * self.out).sum(axis=1)
        return total + self.constant

    def probability(self, row: Mapping[str, float]) -> float:
        """Of one picture. Raises KeyError where a feature is missing."""
        logit = self.logits(np.array([[row[name] for name in self.names]]))[0]
        return float(1 / (1 + np.exp(-logit)))

    def as_json(self) -> dict[str, Any]:
        parts = {name: getattr(self, name) for name in ("mean", "scale", "hidden", "bias", "out", "constant")}
        return {"names": list(self.names), **{name: _rounded(part) for name, part in parts.items()}}

    @classmethod
    def of_json(cls, parts: Mapping[str, Any]) -> Self:
        arrays = {name: np.array(parts[name]) for name in ("mean", "scale", "hidden", "bias", "out")}
        return cls(names=tuple(parts["names"]), constant=float(parts["constant"]), **arrays)


@cache
def shipped_nets() -> Mapping[str, Net]:
    """By the name of the column they make."""
    return {name: Net.of_json(parts) for name, parts in json.loads(WEIGHTS.read_text())["nets"].items()}


def _rounded(values: Any) -> Any:
    """Plain lists of numbers with `DIGITS` significant digits."""
    if np.ndim(values):
        return [_rounded(value) for value in values]
    return float(f"{values:.{DIGITS}g}")
