"""The objective's terms as plain functions: equations 1 to 4 of the Qwen-Image-VAE-2.0 report, section 4.

All are means, so that neither batch, resolution nor width changes a weight's meaning. Maps of features are
(n, positions, channels), positions row by row. Cosines are float32 whatever the caller's autocast;
on a GPU their products are TF32 where torch allows it, as a run does.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.shards.seeds import rng_for

MAX_POSITIONS = 1024  # a distance matrix of so many takes 4 MiB an image, of 16,384 (2K at f16) 1 GiB
MAX_RATIO = 1e4
MAX_GROWTH = 10.0  # of a step's ratio over the mean before
KEPT = 0.8  # of that mean, in powers, a step; of 0, .5, .8, .9 its factor strays least from a step's own
EPS = 1e-8  # the least length that a feature is divided by


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Both parts of the alignment loss, scalars that carry gradients."""

    cosine: Tensor
    distance: Tensor

    @property
    def total(self) -> Tensor:
        """Equation 4: their sum."""
        return self.cosine + self.distance


def l1_loss(reconstruction: Tensor, images: Tensor) -> Tensor:
    """The first term of equation 1: the mean over pixels and channels of the absolute difference, in float32."""
    _check_alike("reconstruction", reconstruction, "images", images)
    return functional.l1_loss(reconstruction.float(), images.float())


def total_loss(
    l1: Tensor, lpips: Tensor | None, align: Tensor | None, *, lpips_weight: float, align_weight: float | Tensor
) -> Tensor:
    """Equation 1. `lpips` is the mean over the batch; a term that is left out is None."""
    total = l1
    for term, weight in ((lpips, lpips_weight), (align, align_weight)):
        total = total if term is None else total + weight * term
    return total


def by_position(latents: Tensor) -> Tensor:
    """Latents (n, C, h, w) as (n, h * w, C), row by row: the order of a teacher's features."""
    return latents.flatten(2).transpose(1, 2)


def cosine_loss(projected: Tensor, features: Tensor, margin: float = 0.0) -> Tensor:
    """Equation 2: the mean over positions of ReLU(1 - cos(z', f) - margin), a scalar from 0 to 2.

    `projected` (n, N, c) are latents through W, `features` (n, N, c) the teacher's. `margin` is 0 (strict) to 2.
    """
    _check_alike("projected", projected, "features", features)
    _check_margin("cosine margin", margin)
    with without_autocast(projected.device):
        cosine = (_normalised(projected) * _normalised(features)).sum(-1)
        return functional.relu(1 - cosine - margin).mean()


def distance_loss(projected: Tensor, features: Tensor, margin: float = 0.0, positions: Tensor | None = None) -> Tensor:
    """Equation 3: the mean over pairs of positions of ReLU(|cos(z'_p, z'_q) - cos(f_p, f_q)| - margin).

    A scalar from 0 to 2. Arguments as of `cosine_loss`; `positions` (M,) are those between which it is taken, the same
    in both maps and in every image; None: all N. A sample's mean is lower by 1/M - 1/N of itself, its share of p = q
    being larger.
    """
    _check_alike("projected", projected, "features", features)
    _check_margin("distance margin", margin)
    if positions is not None:
        projected, features = projected[:, positions], features[:, positions]
    with without_autocast(projected.device):
        mine, other = _normalised(projected), _normalised(features)
        gaps = mine @ mine.transpose(1, 2) - other @ other.transpose(1, 2)
        return functional.relu(gaps.abs() - margin).mean()


def without_autocast(device: torch.device) -> AbstractContextManager[None]:
    """float32 stays float32 within, whatever the caller's autocast; also on a device that knows none, such as meta."""
    known = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if known else nullcontext()


def sample_positions(num_positions: int, seed: int, most: int = MAX_POSITIONS) -> Tensor | None:
    """`most` of the positions 0 to num_positions - 1, rising, without repetition; None where all are few enough.

    The draw depends on `seed` alone, not on the device or on what was drawn before; give one that changes with every
    step, such as the images seen.
    """
    if num_positions <= most:
        return None
    drawn = rng_for(seed, "positions of the distance matrix", num_positions).choice(num_positions, most, replace=False)
    return torch.from_numpy(drawn).sort().values


def alignment_loss(
    projected: Tensor, features: Tensor, *, cosine_margin: float, distance_margin: float, seed: int
) -> Alignment:
    """Equation 4 by its parts; above 1,024 positions the distance matrix is of a sample that `seed` fixes."""
    positions = sample_positions(projected.shape[1], seed)
    if positions is not None:
        positions = positions.to(projected.device)
    return Alignment(
        cosine=cosine_loss(projected, features, cosine_margin),
        distance=distance_loss(projected, features, distance_margin, positions),
    )


class AdaptiveWeight:
    """The adaptive factor of the alignment's weight: |d reconstruction| / |d alignment| at the encoder's last layer.

    After VA-VAE (Yao et al., 2025b), section 3.3; `reconstruction` is equation 1 without its alignment. Weights
    published under it hold for means and sums alike, since both scale. The factor is of a whole step, all of its
    micro-batches and ranks, and so serves the step that follows: what a run fits depends on neither number. It is a
    running geometric mean over some five steps, since a step's gradients differ much from the next one's. Only the
    alignment's gradient is taken by itself, a short way that leads through no decoder; the reconstruction's is what
    the step's whole gradient holds besides. A step's ratio counts up to `limit`, and up to ten times the mean: an
    alignment that is within its margins has next to no gradient. Where it has none the factor stays as it was.
    """

    def __init__(self, limit: float = MAX_RATIO) -> None:
        self.limit = limit
        self.ratio: float | None = None
        """The mean of the steps so far; None before the first."""
        self._pull: Tensor | None = None

    @property
    def factor(self) -> float:
        """What the alignment's weight is multiplied by."""
        return 1.0 if self.ratio is None else self.ratio

    def accumulate(self, alignment: Tensor, at: Tensor, share: float = 1.0) -> None:
        """Count in the gradient at the weight `at` of a part of the step, `share` of its images; the graph stays."""
        pull = torch.autograd.grad(alignment, at, retain_graph=True)[0].float() * share
        self._pull = pull if self._pull is None else self._pull + pull

    def update(self, whole: Tensor | None, weight: float, average: Callable[[Tensor], Tensor] | None = None) -> None:
        """Make the factor of what was counted in.

        whole: the step's gradient at the same weight, of all ranks, in which the alignment has `weight`.
        average: takes the mean over ranks. A step without a gradient of the alignment, or with one that is not finite,
        changes nothing.
        """
        if self._pull is None or whole is None:
            return
        pull, self._pull = self._pull if average is None else average(self._pull), None
        rest = whole.float() - weight * pull
        reconstruction, alignment = torch.stack([rest.norm(), pull.norm()]).tolist()
        ratio = reconstruction / alignment if alignment else math.nan
        if math.isfinite(ratio):
            ratio = min(ratio, self.limit)
            before = self.ratio or ratio
            self.ratio = before**KEPT * min(ratio, MAX_GROWTH * before) ** (1 - KEPT)


def _normalised(features: Tensor) -> Tensor:
    return functional.normalize(features.float(), dim=-1, eps=EPS)


def _check_alike(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    if tensor.shape != other.shape:
        raise ValueError(f"{name} is {tuple(tensor.shape)} and {other_name} {tuple(other.shape)}: need one shape")


def _check_margin(name: str, margin: float) -> None:
    if not 0 <= margin <= 2:
        raise ValueError(f"{name} is {margin}: use 0 (strict) to 2, the range of a difference of cosines")
