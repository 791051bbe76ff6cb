"""A model with the local skip is the stock class of diffusers."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from train.export import to_diffusers
from train.vae import Vae
from train.vae_config import VaeConfig

ROOT = Path(__file__).parents[2]


def small(skip: str, factor: int = 16) -> Vae:
    torch.manual_seed(3)
    config = VaeConfig(factor=factor, latent_channels=64, encoder_width=4, decoder_width=6, skip=skip)
    vae = Vae(config).eval()
    for p in vae.parameters():  # gains of 1 would hide a norm in the wrong place
        p.data.add_(0.1 * (torch.rand_like(p) - 0.5))
    vae.decoder.head.weight.data.mul_(0.1)  # theirs is clamped to -1 to 1
    return vae


@pytest.mark.parametrize("factor", [16, 32])
def test_the_exported_model_computes_the_same(factor: int, tmp_path: Path) -> None:
    import tests.train.torchvision_ops  # noqa: F401  (first)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of diffusers' own imports
        from diffusers import AutoencoderKLQwenImage21
    vae = small("local", factor)
    vae.save_pretrained(tmp_path / "ours")
    command = [sys.executable, str(ROOT / "train/export.py"), str(tmp_path / "ours"), "--to", str(tmp_path / "theirs")]
    subprocess.run(command, check=True, cwd=tmp_path)
    theirs, report = AutoencoderKLQwenImage21.from_pretrained(tmp_path / "theirs", output_loading_info=True)
    x = torch.rand(2, 3, 3 * factor, 2 * factor) * 2 - 1

    with torch.no_grad():
        z, their_z = vae.encode(x).latent_dist.mode(), theirs.encode(x[:, :, None]).latent_dist.mode()[:, :, 0]
        y, their_y = vae.decode(z).sample, theirs.decode(z[:, :, None]).sample[:, :, 0]

    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    torch.testing.assert_close(z, their_z, atol=1e-4, rtol=0)
    torch.testing.assert_close(y.clamp(-1, 1), their_y, atol=1e-4, rtol=0)
    assert (y.abs() < 1).float().mean() > 0.5, "a clamped output would compare nothing"


def test_other_skips_are_refused() -> None:
    with pytest.raises(ValueError, match=r"skip is 'global'.*--skip local"):
        to_diffusers(small("global"))
