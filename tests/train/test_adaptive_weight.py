"""The adaptive factor of the alignment's weight: the same pull of both terms on the encoder's last layer."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from train.losses import AdaptiveWeight, cosine_loss, l1_loss


def encoder_losses(scale: float = 1.0) -> tuple[Tensor, Tensor, nn.Linear]:
    """A reconstruction loss and an alignment loss of one small encoder."""
    torch.manual_seed(0)
    encoder = nn.Linear(6, 4)
    x, target, features = torch.randn(5, 6), torch.randn(5, 4), torch.randn(5, 1, 4)
    z = encoder(x)
    return scale * l1_loss(z, target), cosine_loss(z[:, None], features), encoder


def ratio_of(
    *parts: tuple[Tensor, Tensor],
    at: Tensor,
    weight: float = 0.5,
    limit: float = 1e4,
    adaptive: AdaptiveWeight | None = None,
) -> float | None:
    """The factor of a step whose parts have these two losses, the alignment with a weight."""
    adaptive, whole = adaptive or AdaptiveWeight(limit), torch.zeros_like(at)
    for reconstruction, alignment in parts:
        adaptive.accumulate(alignment, at, 1 / len(parts))
        whole += torch.autograd.grad(reconstruction + weight * alignment, at)[0] / len(parts)
    adaptive.update(whole, weight)
    return adaptive.ratio


@pytest.mark.parametrize("weight", [0.0, 0.5, 30.0])
def test_the_adaptive_weight_gives_both_terms_the_same_pull_on_the_last_layer(weight: float) -> None:
    reconstruction, alignment, encoder = encoder_losses()
    of = [
        torch.autograd.grad(loss, encoder.weight, retain_graph=True)[0].norm() for loss in (reconstruction, alignment)
    ]

    ratio = ratio_of((reconstruction, alignment), at=encoder.weight, weight=weight)

    assert ratio == pytest.approx(float(of[0] / of[1]), rel=1e-4)
    assert encoder.weight.grad is None


def test_the_adaptive_weight_follows_the_scale_of_the_reconstruction() -> None:
    """So that a weight published under it holds for sums over pixels and for means."""
    ratios = []
    for scale in (1.0, 1e-4):
        reconstruction, alignment, encoder = encoder_losses(scale)
        ratios.append(ratio_of((reconstruction, alignment), at=encoder.weight, weight=0.5 * scale))

    assert ratios[1] == pytest.approx(1e-4 * ratios[0], rel=1e-4)


def test_the_adaptive_weight_is_clamped_where_the_alignment_is_nearly_met() -> None:
    reconstruction, alignment, encoder = encoder_losses()

    assert ratio_of((reconstruction, 1e-6 * alignment), at=encoder.weight, limit=100.0) == 100.0


def test_one_step_whose_alignment_is_met_raises_the_adaptive_weight_little() -> None:
    """The next step may have an alignment again: at the limit it would outweigh all else."""
    adaptive = AdaptiveWeight()

    def ratio(share: float) -> float | None:
        reconstruction, alignment, encoder = encoder_losses()
        return ratio_of((reconstruction, share * alignment), at=encoder.weight, adaptive=adaptive)

    assert ratio(0.0) is None
    first = ratio(1.0)
    assert first is not None
    growth = 10**0.2  # a fifth of a step's ratio, in powers, of which no more than tenfold counts
    assert [ratio(share) for share in (0.0, 1e-9, 1e-9)] == pytest.approx([first, growth * first, growth**2 * first])
    assert ratio(1.0) == pytest.approx(growth ** (2 * 0.8) * first)


def test_the_adaptive_weight_strays_little_where_gradients_waver() -> None:
    """Its last steps' mean, not the last step's own: that would be wrong twice, by both steps' noise."""
    adaptive, rng = AdaptiveWeight(), np.random.default_rng(0)

    ratios = []
    for share in 10 ** rng.normal(0, 0.5, 200):
        reconstruction, alignment, encoder = encoder_losses()
        ratios.append(ratio_of((reconstruction, share * alignment), at=encoder.weight, adaptive=adaptive))

    spread = np.std(np.log10(np.array(ratios[20:], float)))
    assert 0.1 < spread < 0.25


@pytest.mark.parametrize("scale", [math.nan, math.inf, 1e30])  # of 1e30 the norm's square overflows
def test_a_step_that_is_not_finite_leaves_the_adaptive_weight_as_it_was(scale: float) -> None:
    adaptive = AdaptiveWeight()

    def ratio(scale: float) -> float | None:
        reconstruction, alignment, encoder = encoder_losses(scale)
        return ratio_of((reconstruction, alignment), at=encoder.weight, adaptive=adaptive)

    assert ratio(scale) is None
    before = ratio(1.0)
    assert before is not None
    assert ratio(scale) == before


def test_the_adaptive_weight_is_that_of_the_whole_step_however_it_is_parted() -> None:
    torch.manual_seed(1)
    encoder, x, target, features = nn.Linear(6, 4), torch.randn(8, 6), torch.randn(8, 4), torch.randn(8, 1, 4)

    def losses(rows: slice) -> tuple[Tensor, Tensor]:
        z = encoder(x[rows])
        return l1_loss(z, target[rows]), cosine_loss(z[:, None], features[rows])

    parts = [losses(slice(i, i + 2)) for i in range(0, 8, 2)]

    assert ratio_of(*parts, at=encoder.weight) == pytest.approx(
        ratio_of(losses(slice(0, 8)), at=encoder.weight), rel=1e-5
    )
