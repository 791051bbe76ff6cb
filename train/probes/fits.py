"""The mathematics of probes: splits by source, logistic and ridge regression, intervals; all in float64."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

LEVEL = 0.95  # of intervals
MAX_STEPS = 1000
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of the mean square of a scaled channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and the ends of its 95% interval (nan where one value alone is known)."""

    mean: float
    low: float
    high: float


def split_by_source(sources: NDArray[np.str_], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows (n,) are for testing: whole sources in random order until they hold `share` of the rows.

    So no source is on both sides: crops of one photo are no independent test. Raises ValueError for fewer than two.
    """
    names, place, counts = np.unique(sources, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"all {len(sources)} images are of one source, {str(names[0])!r}: a split needs at least two")
    order = rng.permutation(len(names))
    before = np.cumsum(counts[order]) - counts[order]
    chosen = order[before < share * len(sources)][: len(names) - 1]
    return np.isin(place, chosen)


def folds_by_source(sources: NDArray[np.str_], num_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold (n,), 0 to num_folds - 1, of each row; a source is in one, folds hold about as many sources.

    Raises ValueError for fewer sources than folds.
    """
    names, place = np.unique(sources, return_inverse=True)
    if len(names) < num_folds:
        raise ValueError(f"the images are of {len(names)} sources: {num_folds} folds need as many, give more images")
    folds = np.empty(len(names), np.int64)
    folds[rng.permutation(len(names))] = np.arange(len(names)) % num_folds
    return np.asarray(folds[place])


def accuracy(features: Tensor, labels: NDArray[np.int64], test: NDArray[np.bool_], strength: float = 1.0) -> float:
    """Share of test rows that a multinomial logistic regression of the other rows names rightly.

    `features` (n, d), `labels` (n,) from 0, `test` (n,). Features are standardised by the training rows; `strength` is
    the weight of half the squared coefficients against the summed cross entropy (1 / C of scikit-learn).
    """
    held, y = torch.from_numpy(test), torch.from_numpy(labels)
    x = features.double()
    mean, std = x[~held].mean(0), x[~held].std(0, unbiased=False)
    x = (x - mean) / torch.where(std > 1e-9 * (1 + mean.abs()), std, torch.inf)  # a constant channel says nothing
    weight, bias = fit_logistic(x[~held], y[~held], int(labels.max()) + 1, strength)
    return float(((x[held] @ weight + bias).argmax(1) == y[held]).double().mean())


def fit_logistic(x: Tensor, y: Tensor, num_classes: int, strength: float) -> tuple[Tensor, Tensor]:
    """Coefficients (d, classes) and intercepts (classes,) that minimise the penalised cross entropy, from zeros."""
    weight = torch.zeros(x.shape[1], num_classes, dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=x.dtype, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MAX_STEPS,
        history_size=20,
        tolerance_grad=1e-5,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        solver.zero_grad()
        fit = functional.cross_entropy(x @ weight + bias, y)
        total = fit + strength / (2 * len(x)) * weight.square().sum()
        total.backward()
        return total

    solver.step(loss)
    return weight.detach(), bias.detach()


def guess(labels: NDArray[np.int64], test: NDArray[np.bool_]) -> float:
    """Share of test rows of the class that is commonest among the others: what is right by chance."""
    return float((labels[test] == np.bincount(labels[~test]).argmax()).mean())


def fit_ridge(x: Tensor, y: Tensor, ridges: Sequence[float] = RIDGES) -> list[Tensor]:
    """W (d, c) of y (n, c) from x (n, d) without intercept, z' = Wz as in training, one for each strength.

    Strengths are relative to the mean square of a channel, each channel being scaled to the same.
    """
    x, y = x.double(), y.double()
    scale = x.square().mean(0).sqrt().clamp_min(1e-12)
    gram, cross = (x / scale).T @ (x / scale) / len(x), (x / scale).T @ y / len(x)
    identity = torch.eye(x.shape[1], dtype=x.dtype)
    return [torch.linalg.solve(gram + ridge * identity, cross) / scale[:, None] for ridge in ridges]


def interval(values: Sequence[float], test_over_train: float = 0.0) -> Interval:
    """The mean of k values with Student's interval.

    For values of random splits of one set, which share rows, give the ratio of test to training rows: the variance
    then is that of Nadeau and Bengio (2003), (1 / k + ratio) of the sample's, where independence would give 1 / k.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean=mean, low=math.nan, high=math.nan)
    spread = math.sqrt(float(np.var(values, ddof=1)) * (1 / len(values) + test_over_train))
    half = student_quantile((1 + LEVEL) / 2, len(values) - 1) * spread
    return Interval(mean=mean, low=mean - half, high=mean + half)


def student_quantile(share: float, freedom: int) -> float:
    """The quantile of Student's t: t = sqrt(freedom) tan(a), where a has density cos(a) ** (freedom - 1)."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 400_001)
    density = np.cos(angle) ** (freedom - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(freedom) * math.tan(float(np.interp(share, below / below[-1], angle)))
