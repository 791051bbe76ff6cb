"""Which block of a teacher suits latents best: W fitted to each, on images that the fit has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipelines.progress import Progress
from pipelines.shards.seeds import rng_for
from train.losses import by_position, distance_loss
from train.probes.fits import RIDGES, Interval, accuracy, fit_ridge, folds_by_source, interval
from train.probes.latents import Protocol
from train.probes.samples import Encoder, Label, Samples
from train.teachers.semantic import Network, features_at

NUM_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sampled:
    """Latents and features of n images at P positions each, and features averaged over all positions."""

    latents: Tensor  # (n, P, C)
    features: dict[int, Tensor]  # by block, (n, P, width)
    averages: dict[int, Tensor]  # by block, (n, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """How one block fits, on held-out images: means over folds, and one standard error of the cosine."""

    block: int
    cosine: float  # of Wz and f: 1 less equation 2
    cosine_error: float
    constant: float  # of the mean direction and f: what W could reach without looking at z
    distance: float  # equation 3 without margin, between the positions drawn
    ridge: float  # the strength that these are of, the best of several
    accuracy: Interval | None  # of a label read from the block's averaged features; None without a label


@torch.no_grad()
def sample_features(
    encoder: Encoder,
    network: Network,
    samples: Samples,
    blocks: Sequence[int],
    *,
    num_positions: int,
    batch_size: int,
    device: torch.device,
    seed: int,
) -> Sampled:
    """Run both networks over all images and keep `num_positions` of each; all, where there are fewer."""
    encoder, network = encoder.to(device), network.to(device)
    parts: list[tuple[Tensor, list[Tensor], list[Tensor]]] = []
    with Progress(len(samples), 0, "images") as progress:
        for number, images in enumerate(samples.batches(batch_size, device)):
            latents = encoder.encode(images).latent_dist.mode().float()
            maps = features_at(network, images, (latents.shape[2], latents.shape[3]), blocks)
            at = _positions(len(images), maps[0].shape[1], num_positions, rng_for(seed, "positions", number))
            at = at.to(device)
            kept = [_at(one, at).cpu() for one in (by_position(latents), *maps)]
            parts.append((kept[0], kept[1:], [one.mean(1).cpu() for one in maps]))
            progress.advance(len(images))
    return Sampled(
        latents=torch.cat([part[0] for part in parts]),
        features={block: torch.cat([part[1][i] for part in parts]) for i, block in enumerate(blocks)},
        averages={block: torch.cat([part[2][i] for part in parts]) for i, block in enumerate(blocks)},
    )


def _positions(num_images: int, num_all: int, count: int, rng: np.random.Generator) -> Tensor:
    """Positions (num_images, count) of each image, without repetition."""
    drawn = rng.random((num_images, num_all)).argsort(axis=1)[:, : min(count, num_all)]
    return torch.from_numpy(np.sort(drawn, axis=1))


def _at(values: Tensor, positions: Tensor) -> Tensor:
    """Values (n, N, c) at positions (n, P) of their own image."""
    return values.gather(1, positions[..., None].expand(-1, -1, values.shape[-1]))


def compare_layers(sampled: Sampled, samples: Samples, label: Label | None, protocol: Protocol) -> list[Layer]:
    """Fit every block with cross-validation over whole sources."""
    folds = folds_by_source(samples.sources, NUM_FOLDS, rng_for(protocol.seed, "folds of a probe", 0))
    return [
        _layer(block, sampled.latents, features, folds, _read(sampled.averages[block], samples, label, protocol))
        for block, features in sampled.features.items()
    ]


def _layer(block: int, latents: Tensor, features: Tensor, folds: NDArray[np.int64], accuracy: Interval | None) -> Layer:
    """The block's figures at the ridge with the highest cosine."""
    found = np.array([_fold(latents, features, torch.from_numpy(folds == fold)) for fold in range(NUM_FOLDS)])
    best = int(found[:, :, 0].mean(0).argmax())
    cosine, constant, distance = found[:, best].mean(0).tolist()
    return Layer(
        block=block,
        cosine=cosine,
        cosine_error=float(found[:, best, 0].std(ddof=1) / NUM_FOLDS**0.5),
        constant=constant,
        distance=distance,
        ridge=RIDGES[best],
        accuracy=accuracy,
    )


def _fold(latents: Tensor, features: Tensor, held: Tensor) -> list[tuple[float, float, float]]:
    """For each ridge, the cosine, that of a constant, and the distance of matrices, on the held-out images.

    What is fitted is features of unit length: equation 2 counts every position alike, whatever its feature's length.
    """
    unit = functional.normalize(features.double(), dim=-1)
    x, y = latents[~held].flatten(0, 1), unit[~held].flatten(0, 1)
    constant = float(functional.cosine_similarity(y.mean(0), unit[held], dim=-1).mean())
    results = []
    for w in fit_ridge(x, y):
        projected = latents[held].double() @ w
        cosine = float(functional.cosine_similarity(projected, unit[held], dim=-1).mean())
        results.append((cosine, constant, float(distance_loss(projected, unit[held]))))
    return results


def _read(averages: Tensor, samples: Samples, label: Label | None, protocol: Protocol) -> Interval | None:
    """How well the label is read from the averaged features."""
    if label is None:
        return None
    splits = protocol.splits(samples.sources[label.rows])
    ratio = float(np.mean([test.sum() / (~test).sum() for test in splits]))
    features = averages[torch.from_numpy(label.rows)]
    return interval([accuracy(features, label.classes, test) for test in splits], ratio)
