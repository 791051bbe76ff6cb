"""Linear probes of frozen latents: how well a label can be read from each model, and the difference of two groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.shards.seeds import rng_for
from train.probes.fits import Interval, accuracy, guess, interval, split_by_source
from train.probes.samples import Encoder, Label, Pooling, Samples, pooled_latents

Accuracies = NDArray[np.float64]  # (models, splits), 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a probe is tried."""

    num_splits: int = 5
    """Random splits by source, each with its own seed."""
    test_share: float = 0.25
    """Share of the images that is tested on, 0 to 1."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_splits < 1:
            raise ValueError(f"splits is {self.num_splits}: give at least 1")
        if not 0 < self.test_share < 1:
            raise ValueError(f"test_share is {self.test_share}: give more than 0 and less than 1")

    def splits(self, sources: NDArray[np.str_]) -> list[NDArray[np.bool_]]:
        """Which of the rows (n,) are tested on, for each split."""
        rngs = (rng_for(self.seed, "split of a probe", number) for number in range(self.num_splits))
        return [split_by_source(sources, self.test_share, rng) for rng in rngs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The models of one kind and how well a label is read from each, in each split."""

    models: tuple[str, ...]
    accuracies: Accuracies
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What came out for one label. The difference is `model` less `against`."""

    label: Label
    chance: float  # share of the commonest class
    num_sources: int
    model: Group
    against: Group | None
    difference: Interval | None
    unit: str  # what the intervals are over: "models" or "splits"


def probe_latents(
    samples: Samples, labels: Sequence[Label], model: dict[str, Tensor], against: dict[str, Tensor], protocol: Protocol
) -> list[Probed]:
    """Probe features (n, d) by model for each label, all models on the same splits.

    With several models a group, which differ by the seed they were trained with, intervals are Student's over the
    models, those of both groups paired in the order given. With one each they are over the splits, which tells how
    sure the probe is and not how another training would end.
    """
    assert not against or len(against) == len(model), "groups are compared in pairs"
    return [_probed(samples, label, model, against, protocol) for label in labels]


def _probed(
    samples: Samples, label: Label, model: dict[str, Tensor], against: dict[str, Tensor], protocol: Protocol
) -> Probed:
    sources = samples.sources[label.rows]
    splits = protocol.splits(sources)
    ratio = float(np.mean([test.sum() / (~test).sum() for test in splits]))
    groups = [_group(features, label, splits, ratio) for features in (model, against) if features]
    return Probed(
        label=label,
        chance=float(np.mean([guess(label.classes, test) for test in splits])),
        num_sources=len(set(sources)),
        model=groups[0],
        against=groups[1] if against else None,
        difference=_over(groups[0].accuracies - groups[1].accuracies, ratio) if against else None,
        unit="models" if len(model) > 1 else "splits",
    )


def _group(features: dict[str, Tensor], label: Label, splits: Sequence[NDArray[np.bool_]], ratio: float) -> Group:
    rows = torch.from_numpy(label.rows)
    found = np.array(
        [[accuracy(each[rows], label.classes, test) for test in splits] for each in features.values()],
    )
    return Group(models=tuple(features), accuracies=found, interval=_over(found, ratio))


def _over(values: Accuracies, ratio: float) -> Interval:
    """The interval of values (models, splits): over models where there are several, each the mean of its splits."""
    return interval(values.mean(1).tolist()) if len(values) > 1 else interval(values[0].tolist(), ratio)


def features_of(
    folders: Sequence[str], samples: Samples, load: Callable[[str], Encoder], options: Pooling
) -> dict[str, Tensor]:
    """The pooled latents (n, d) of each model by its folder, one model in memory at a time."""
    features = {}
    for folder in folders:
        features[folder] = pooled_latents(load(folder), samples, options)
    return features
