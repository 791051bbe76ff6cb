"""Fitting one hidden layer of tanh units to labels of 0 and 1, and judging it; numpy alone."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

NUM_UNITS = 16
EPOCHS, RATE, DECAY = 500, 0.02, 4e-3


def fit_part(rows: Singles, labels: Floats, counts: Floats, rng: np.random.Generator) -> list[Floats]:
    """Adam on all rows at once: logistic loss, the two classes with equal weight, weights decaying.

    counts: (n,) how much each row counts among those of its class.
    """
    one, zero = counts[labels == 1].sum(), counts[labels == 0].sum()
    weight = counts * np.where(labels == 1, 0.5 / one, 0.5 / zero)
    parts = _start(rows.shape[1], rng)
    first, second = ([np.zeros_like(part) for part in parts] for _ in range(2))
    for step in range(1, EPOCHS + 1):
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / EPOCHS))
        for i, slope in enumerate(_slopes(parts, rows, labels, weight)):
            first[i] = 0.9 * first[i] + 0.1 * slope
            second[i] = 0.99 * second[i] + 0.01 * slope**2
            size = np.sqrt(second[i] / (1 - 0.99**step)) + 1e-8
            parts[i] = (parts[i] - rate * first[i] / (1 - 0.9**step) / size).astype(np.float32)
    return [part.astype(np.float64) for part in parts]


def _start(d: int, rng: np.random.Generator) -> list[Singles]:
    hidden, out = rng.normal(0, d**-0.5, (d, NUM_UNITS)), rng.normal(0, NUM_UNITS**-0.5, NUM_UNITS)
    return [part.astype(np.float32) for part in (hidden, np.zeros(NUM_UNITS), out, np.zeros(1))]


def _slopes(parts: list[Singles], rows: Singles, labels: Floats, weight: Floats) -> list[Singles]:
    hidden, bias, out, constant = parts
    units = np.tanh(rows @ hidden + bias)
    wrong = (weight * (1 / (1 + np.exp(-(units @ out + constant))) - labels)).astype(np.float32)
    back = np.outer(wrong, out) * (1 - units**2)
    return [rows.T @ back + DECAY * hidden, back.sum(axis=0), units.T @ wrong + DECAY * out, wrong.sum(keepdims=True)]


def area_under_curve(high: Floats, low: Floats) -> float:
    """The chance that one of `high` is above one of `low`, ties half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / 2 / len(low))
