"""What probes are fitted on: images of shards with their labels and sources, and their latents."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.train.probing_shards import LAYOUTS, write_labelled
from train.probes.samples import Pooling, Samples, make_label, pooled_latents, read_samples
from train.vae import Vae
from train.vae_config import make_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """160 images, one of them broken, whose layout is their brightness."""
    return write_labelled(tmp_path_factory.mktemp("labelled"), 160)


@pytest.fixture
def vae() -> Vae:
    """A small model of random weights, f8 with 16 channels."""
    return Vae(make_config("f8c16", encoder_width=4, decoder_width=4))


def read(shards: str, **changed: Any) -> Samples:
    options = {"source": "source", "num_images": 160, "size_px": 32, "seed": 0} | changed
    return read_samples([shards], ["layout", "language", "number", "band"], **options)


def test_samples_are_the_centres_of_images_with_their_columns(shards: str) -> None:
    samples = read(shards)

    assert samples.pixels.shape == (159, 32, 32, 3)
    assert dict(samples.faults) == {"no image that can be read": 1}
    assert len(set(samples.sources)) == 20
    numbers = samples.columns["number"].astype(int).tolist()
    assert numbers == [number for number in range(160) if number != 7]
    for layout, brightness in LAYOUTS.items():
        seen = samples.pixels[samples.columns["layout"] == layout].mean()
        assert abs(seen - brightness) < 15
    batch = next(samples.batches(8, CPU))
    assert batch.shape == (8, 3, 32, 32)
    pixels = torch.from_numpy(samples.pixels[3]).permute(2, 0, 1).float()
    torch.testing.assert_close((batch[3] + 1) * 127.5, pixels, rtol=0, atol=1e-4)


def test_a_sample_is_drawn_over_all_shards_by_its_seed(shards: str) -> None:
    first, again, other = (read(shards, num_images=40, seed=seed) for seed in (1, 1, 2))
    numbers = first.columns["number"].astype(int)

    assert np.array_equal(first.pixels, again.pixels)
    assert first.columns["number"].tolist() != other.columns["number"].tolist()
    assert 5 < (numbers < 80).sum() < 35


def test_images_too_small_and_columns_that_are_not_there_are_named(shards: str) -> None:
    with pytest.raises(ValueError, match=r"none of 160 images.*40x40 px: smaller than a crop of 64x64.*: 159"):
        read(shards, size_px=64)
    with pytest.raises(ValueError, match=r"000000\.parquet has no column 'page': it has id, image"):
        read(shards, source="page")
    assert len(set(read(shards, source="").sources)) == 159


def test_labels_join_columns_and_leave_out_what_is_unknown_or_rare(shards: str) -> None:
    samples = read(shards)

    both, numbers, unknown = (make_label(samples, name, 3) for name in ("language,layout", "number", "band"))

    assert both.names == tuple(sorted(f"{a} / {b}" for a in ("en", "zh") for b in LAYOUTS))
    assert len(both.rows) == 159
    for row, place in zip(both.rows[:20], both.classes[:20], strict=True):
        expected = f"{samples.columns['language'][row]} / {samples.columns['layout'][row]}"
        assert both.names[place] == expected
    assert (numbers.names, len(numbers.rows), numbers.num_dropped) == ((), 0, 159)  # each number has one source
    assert unknown.num_dropped == 159


def test_pooled_latents_are_means_over_the_models_own(shards: str, vae: Vae) -> None:
    samples = read(shards, num_images=10)
    options = {"batch_size": 4, "device": CPU}

    whole = pooled_latents(vae, samples, Pooling(side=1, **options))
    quarters = pooled_latents(vae, samples, Pooling(side=2, **options))

    with torch.no_grad():
        latents = vae.encode(next(samples.batches(16, CPU))).latent_dist.mode()
    assert whole.shape == (len(samples), 16)
    torch.testing.assert_close(whole, latents.mean((2, 3)))
    assert quarters.shape == (len(samples), 64)
    torch.testing.assert_close(quarters.view(-1, 16, 4)[:, :, 1], latents[:, :, :2, 2:].mean((2, 3)))


def test_a_probe_changes_no_weight(shards: str, vae: Vae) -> None:
    before = {name: value.clone() for name, value in vae.state_dict().items()}

    pooled = pooled_latents(vae, read(shards, num_images=10), Pooling(side=1, batch_size=4, device=CPU))

    assert not pooled.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
