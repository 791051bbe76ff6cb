"""The autoencoder: the published sizes, what its latents see, any image size, exact tiling, files."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from train.tiling import Halo, halo_of, map_tiles
from train.vae import Vae
from train.vae_config import VAES, VaeConfig, make_config

PUBLISHED = {
    "f16c64": (75_536_192, 247_750_851),
    "f16c128": (76_421_056, 248_414_403),
    "f32c128": (76_836_640, 249_722_643),
    "f32c192": (77_721_504, 250_386_195),
}


def small(factor: int = 8, channels: int = 16, skip: str = "global", width: int = 4) -> Vae:
    torch.manual_seed(1)
    config = VaeConfig(factor=factor, latent_channels=channels, encoder_width=width, decoder_width=width, skip=skip)
    return Vae(config).eval()


@pytest.mark.parametrize("name", PUBLISHED)
def test_encoders_and_decoders_have_the_published_numbers_of_parameters(name: str) -> None:
    with torch.device("meta"):
        assert Vae(VAES[name]).count_parameters() == PUBLISHED[name]


def test_widths_follow_the_rule_of_the_published_models() -> None:
    assert [make_config(name).multipliers for name in ("f16c64", "f32c128", "f8c16", "f64c256")] == [
        (1, 2, 4, 8, 8),
        (1, 1, 2, 4, 8, 8),
        (1, 2, 4, 4),
        (1, 1, 1, 2, 4, 8, 8),
    ]


@pytest.mark.parametrize(("factor", "channels"), [(16, 64), (16, 128), (32, 128), (32, 192)])
def test_the_global_skip_shows_every_colour_of_every_pixel_to_the_latents(factor: int, channels: int) -> None:
    vae = small(factor, channels)
    nn.init.zeros_(vae.encoder.head.weight)  # the network is silent: what is left is the skip
    x = torch.rand(1, 3, factor, 2 * factor, requires_grad=True)

    z = vae.encode(x).latent_dist.mode()
    (gradient,) = torch.autograd.grad((z * torch.rand_like(z).add(0.5)).sum(), x)

    assert z.shape == (1, channels, 1, 2)
    assert (gradient != 0).all()


@pytest.mark.parametrize("skip", ["local", "none"])
def test_other_skips_add_nothing_to_the_latents(skip: str) -> None:
    vae = small(skip=skip)
    nn.init.zeros_(vae.encoder.head.weight)
    nn.init.zeros_(vae.encoder.head.bias)

    assert not vae.encode(torch.rand(1, 3, 16, 16)).latent_dist.mode().any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 40), (64, 33)])
def test_images_of_any_size_come_back_in_their_size(height: int, width: int) -> None:
    vae = small()
    x = torch.rand(2, 3, height, width)

    with torch.no_grad():
        encoded = vae.encode(x)
        y = vae.decode(encoded.latent_dist.mode(), encoded.size_px).sample

    assert encoded.size_px == (height, width)
    assert encoded.latent_dist.mode().shape == (2, 16, -(-height // 8), -(-width // 8))
    assert y.shape == x.shape
    torch.testing.assert_close(y, vae(x))


@pytest.mark.parametrize("name", ["f16c64", "f32c128"])
def test_the_halo_is_what_the_design_measured(name: str) -> None:
    halo = halo_of(make_config(name))

    assert (halo.encoder, halo.decoder) == (Halo(13, 14), Halo(18, 18))


@pytest.mark.parametrize("skip", ["global", "local"])
def test_tiles_give_what_the_whole_gives(skip: str) -> None:
    vae = small(4, 12, skip, width=12)
    x = torch.rand(1, 3, 41 * 4 - 3, 30 * 4) * 2 - 1

    with torch.no_grad():
        encoded = vae.encode(x)
        z = encoded.latent_dist.mode()
        y = vae.decode(z, encoded.size_px).sample
        vae.tile_px = 32
        tiled_z, tiled_y = vae.encode(x).latent_dist.mode(), vae.decode(z, encoded.size_px).sample

    torch.testing.assert_close(tiled_z, z, atol=1e-5, rtol=0)
    torch.testing.assert_close(tiled_y, y, atol=1e-5, rtol=0)


def test_tiles_keep_nothing_for_gradients() -> None:
    vae, x = small(4, 12, width=8), torch.rand(1, 3, 64, 64)
    assert vae(x).requires_grad
    vae.tile_px = 32

    assert not vae(x).requires_grad


def test_a_narrower_halo_would_not_do() -> None:
    """The network's own reach, and not a rule of thumb, is what makes tiles exact: float64 shows its last latent."""
    vae = small(4, 12, width=8).double()
    halos = halo_of(vae.config)
    sides = {
        "encoder": (vae.latents, torch.rand(1, 3, 160, 16).double(), halos.encoder, 4, 1),
        "decoder": (vae.decoder, torch.randn(1, 12, 44, 4).double(), halos.decoder, 1, 4),
    }
    for half, (apply, x, halo, shrink, grow) in sides.items():
        with torch.no_grad():
            whole = apply(x)
            exact, narrow = (
                map_tiles(apply, x, tile=4, halo=Halo(halo.before - less, halo.after - less), shrink=shrink, grow=grow)
                for less in (0, 2)
            )

        assert (exact - whole).abs().max() <= 1e-12, half
        assert (narrow - whole).abs().max() > 1e-12, half


def test_recomputing_changes_no_gradient() -> None:
    vae = small().train()
    x = torch.rand(1, 3, 32, 32)
    gradients = []
    for on in (False, True):
        vae.recompute(on).zero_grad()
        vae(x).square().mean().backward()
        gradients.append([p.grad.clone() for p in vae.parameters()])

    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, atol=0, rtol=0)


def test_a_saved_model_is_read_back_bit_by_bit(tmp_path: Path) -> None:
    vae = small(skip="local")
    vae.save_pretrained(tmp_path)

    again = Vae.from_pretrained(tmp_path)

    assert again.config == vae.config
    x = torch.rand(1, 3, 24, 24)
    with torch.no_grad():
        torch.testing.assert_close(again(x), vae(x), atol=0, rtol=0)


def test_latents_are_normalised_by_the_statistics_in_the_configuration(tmp_path: Path) -> None:
    vae = Vae(
        VaeConfig(
            factor=8,
            latent_channels=4,
            encoder_width=4,
            decoder_width=4,
            latents_mean=(1, 2, 3, 4),
            latents_std=(1, 2, 3, 4),
        )
    )
    vae.save_pretrained(tmp_path)
    z = torch.randn(2, 4, 3, 3)

    again = Vae.from_pretrained(tmp_path)

    torch.testing.assert_close(again.denormalise(again.normalise(z)), z)
    torch.testing.assert_close(again.normalise(z)[:, 1], (z[:, 1] - 2) / 2)
    with pytest.raises(ValueError, match="not known"):
        small().normalise(z)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    vae = small()
    vae.save_pretrained(tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    whole = weights.read_bytes()

    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"model\.safetensors does not hold"):
        Vae.from_pretrained(tmp_path)
    weights.write_bytes(whole)
    config.write_text(json.dumps(json.loads(config.read_text()) | {"encoder_width": 8}))
    with pytest.raises(ValueError, match="size mismatch"):
        Vae.from_pretrained(tmp_path)
    config.write_text("{}")
    with pytest.raises(ValueError, match=r"config\.json is no configuration"):
        Vae.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing: name a folder that has one"):
        Vae.from_pretrained(tmp_path / "nowhere")
    vae.save_pretrained(tmp_path / "run/model")
    with pytest.raises(FileNotFoundError, match=rf"the model of this run is {tmp_path}/run/model, as train/run.py"):
        Vae.from_pretrained(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factor": 12}, "factor is 12: use a power of two"),
        ({"latent_channels": 50}, r"latent_channels is 50: the global skip needs a divisor of 768"),
        ({"skip": "both"}, "skip is 'both'"),
        ({"latents_mean": (1.0,)}, "latents_mean has 1 values for 64"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VaeConfig(**changes)


def test_the_benchmarks_own_script_needs_one_import_changed() -> None:
    """encode(x).latent_dist.mode() and decode(z).sample, as with any autoencoder of diffusers."""
    vae = small()
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        reconstruction = vae.decode(vae.encode(x).latent_dist.mode()).sample.clamp(-1, 1)

    assert reconstruction.shape == x.shape
    torch.testing.assert_close(vae.encode(x).latent_dist.sample(), vae.encode(x).latent_dist.mode())
