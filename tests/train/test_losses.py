"""Equations 1 to 4 against loops over the positions, and what must not change them: size, batch, autocast."""

import math

import pytest
import torch
from torch import Tensor

from train.losses import (
    MAX_POSITIONS,
    alignment_loss,
    by_position,
    cosine_loss,
    distance_loss,
    l1_loss,
    sample_positions,
    total_loss,
)


def maps(n: int, positions: int, channels: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Projected latents and features that point partly the same way."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n, positions, channels, generator=generator)
    return features + torch.randn(n, positions, channels, generator=generator), features


def cos(a: Tensor, b: Tensor) -> float:
    a, b = a.double(), b.double()
    return float(a @ b / (a.norm() * b.norm()))


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5])
def test_equation_2_is_the_mean_over_positions(margin: float) -> None:
    projected, features = maps(2, 6, 5)
    pairs = zip(projected.flatten(0, 1), features.flatten(0, 1), strict=True)
    each = [max(0.0, 1 - cos(z, f) - margin) for z, f in pairs]

    assert float(cosine_loss(projected, features, margin)) == pytest.approx(sum(each) / 12, abs=1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.25])
def test_equation_3_is_the_mean_over_pairs_of_one_image(margin: float) -> None:
    projected, features = maps(2, 6, 5)
    each = [
        max(0.0, abs(cos(projected[i, p], projected[i, q]) - cos(features[i, p], features[i, q])) - margin)
        for i in range(2)
        for p in range(6)
        for q in range(6)
    ]

    assert float(distance_loss(projected, features, margin)) == pytest.approx(sum(each) / 72, abs=1e-6)


def test_equation_4_is_the_sum_of_its_parts() -> None:
    projected, features = maps(2, 6, 5)

    parts = alignment_loss(projected, features, cosine_margin=0.5, distance_margin=0.25, seed=3)

    assert float(parts.cosine) == float(cosine_loss(projected, features, 0.5))
    assert float(parts.distance) == float(distance_loss(projected, features, 0.25))
    assert float(parts.total) == pytest.approx(float(parts.cosine) + float(parts.distance))


def test_equation_1_weighs_the_terms_that_are_there() -> None:
    l1, lpips, align = (torch.tensor(value) for value in (0.5, 0.25, 2.0))

    assert float(total_loss(l1, lpips, align, lpips_weight=1.0, align_weight=0.5)) == 1.75
    assert float(total_loss(l1, None, align, lpips_weight=1.0, align_weight=torch.tensor(0.5))) == 1.5
    assert float(total_loss(l1, None, None, lpips_weight=1.0, align_weight=0.5)) == 0.5


def test_losses_are_means_not_sums() -> None:
    """Twice the batch, four times the pixels or positions: the same loss (the trap: sums)."""
    images, other = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    projected, features = maps(2, 6, 5)

    once = l1_loss(other, images)

    assert float(once) == pytest.approx(float((other - images).abs().mean()))
    assert float(l1_loss(other.repeat(2, 1, 2, 2), images.repeat(2, 1, 2, 2))) == pytest.approx(float(once))
    for loss in (cosine_loss, distance_loss):
        repeated = loss(projected.repeat(2, 4, 1), features.repeat(2, 4, 1))
        assert float(repeated) == pytest.approx(float(loss(projected, features)), abs=1e-6)


def test_margins_leave_what_is_close_enough_alone() -> None:
    projected, features = maps(1, 6, 5)
    projected.requires_grad_()

    close = alignment_loss(features, features, cosine_margin=0.0, distance_margin=0.0, seed=0)
    loose = alignment_loss(projected, features, cosine_margin=2.0, distance_margin=2.0, seed=0).total
    loose.backward()

    assert float(close.total) == pytest.approx(0, abs=1e-6)
    assert float(loose.detach()) == 0
    assert projected.grad is not None
    assert not projected.grad.any()


def test_only_directions_count() -> None:
    projected, features = maps(1, 6, 5)
    scales = torch.rand(1, 6, 1) * 100 + 0.01

    scaled = alignment_loss(projected * scales, features, cosine_margin=0.1, distance_margin=0.1, seed=0)
    plain = alignment_loss(projected, features, cosine_margin=0.1, distance_margin=0.1, seed=0)

    assert float(scaled.total) == pytest.approx(float(plain.total), abs=1e-5)


def test_gradients_equal_finite_differences() -> None:
    projected, features = maps(1, 4, 3)

    for loss in (cosine_loss, distance_loss):
        z = projected.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(z, features, 0.05), z)
        for at in ((0, 1, 2), (0, 3, 0)):
            step = torch.zeros_like(projected)
            step[at] = 1e-2
            slope = (loss(projected + step, features, 0.05) - loss(projected - step, features, 0.05)) / 2e-2
            assert float(gradient[at]) == pytest.approx(float(slope), abs=2e-3)


def test_a_position_without_length_has_finite_gradients() -> None:
    projected, features = maps(1, 4, 3)
    projected[0, 0] = 0
    projected.requires_grad_()

    alignment_loss(projected, features, cosine_margin=0.0, distance_margin=0.0, seed=0).total.backward()

    assert projected.grad is not None
    assert projected.grad.isfinite().all()


def test_cosines_stay_float32_under_autocast() -> None:
    projected, features = maps(2, 64, 32)
    expected = alignment_loss(projected, features, cosine_margin=0.0, distance_margin=0.0, seed=0)

    with torch.autocast("cpu", torch.bfloat16):
        cast = alignment_loss(projected, features, cosine_margin=0.0, distance_margin=0.0, seed=0)
        in_bf16 = alignment_loss(
            projected.bfloat16(), features.bfloat16(), cosine_margin=0.0, distance_margin=0.0, seed=0
        )

    assert float(cast.total) == float(expected.total)
    assert cast.total.dtype == in_bf16.total.dtype == torch.float32
    assert float(in_bf16.total) == pytest.approx(float(expected.total), rel=2e-3)


def test_positions_are_all_up_to_the_limit_and_a_seeded_sample_above() -> None:
    sample = sample_positions(4096, seed=5)

    assert sample_positions(MAX_POSITIONS, seed=5) is None
    assert sample is not None
    assert len(sample) == len(set(sample.tolist())) == MAX_POSITIONS
    assert sample.tolist() == sorted(sample.tolist())
    assert int(sample[0]) >= 0
    assert int(sample[-1]) < 4096
    assert torch.equal(sample, sample_positions(4096, seed=5))
    assert not torch.equal(sample, sample_positions(4096, seed=6))


def test_the_sample_depends_on_its_seed_alone_and_draws_from_no_global_generator() -> None:
    first = sample_positions(2048, seed=1)
    before = torch.random.get_rng_state()
    torch.rand(7)
    changed = torch.random.get_rng_state()

    again = sample_positions(2048, seed=1)

    assert torch.equal(first, again)
    assert torch.equal(torch.random.get_rng_state(), changed)
    assert not torch.equal(before, changed)


def test_both_maps_are_sampled_at_the_same_positions() -> None:
    """Equal maps have no distance at any sample; two samples of one map would."""
    _, features = maps(1, 2 * MAX_POSITIONS, 8)

    parts = alignment_loss(features, features, cosine_margin=0.0, distance_margin=0.0, seed=2)

    assert float(parts.distance) == pytest.approx(0, abs=1e-6)


def test_a_sampled_distance_is_that_of_its_positions_and_near_the_whole() -> None:
    projected, features = maps(1, 1500, 4)
    whole = float(distance_loss(projected, features, 0.1))

    for seed in range(3):
        positions = sample_positions(1500, seed)
        sampled = alignment_loss(projected, features, cosine_margin=0.0, distance_margin=0.1, seed=seed).distance
        chosen = distance_loss(projected[:, positions], features[:, positions], 0.1)
        assert float(sampled) == float(chosen)
        assert float(sampled) == pytest.approx(whole, rel=0.05)


def test_the_matrix_of_2k_fits_in_memory() -> None:
    """16,384 positions: the whole matrix would take 1 GiB a map; the sample's graph holds a few of 4 MiB."""
    projected, features = maps(1, 16_384, 4)
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alignment_loss(projected.requires_grad_(), features, cosine_margin=0.0, distance_margin=0.0, seed=0)

    assert max(sizes) <= 4 * MAX_POSITIONS**2
    assert sum(sizes) < 64 * 2**20


def test_by_position_goes_row_by_row() -> None:
    latents = torch.arange(2 * 3 * 2 * 4).view(2, 3, 2, 4)

    positions = by_position(latents)

    assert positions.shape == (2, 8, 3)
    assert positions[1, 5].tolist() == latents[1, :, 1, 1].tolist()


def test_what_does_not_fit_is_refused_by_name() -> None:
    projected, features = maps(1, 6, 5)

    with pytest.raises(ValueError, match=r"projected is \(1, 6, 5\) and features \(1, 5, 5\)"):
        cosine_loss(projected, features[:, 1:])
    with pytest.raises(ValueError, match=r"reconstruction is .* and images"):
        l1_loss(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5))
    for margin in (-0.1, 2.1, math.nan):
        with pytest.raises(ValueError, match=f"margin is {margin}"):
            distance_loss(projected, features, margin)
