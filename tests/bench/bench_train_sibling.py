"""What a comparison needs: diffusers' sibling of the autoencoder, and calls timed in turn."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from train.vae_config import VaeConfig


def sibling(config: VaeConfig) -> nn.Module:
    """AutoencoderKLQwenImage21 of the same factor, channels and widths, for RGB, without its time convolutions."""
    import tests.train.torchvision_ops  # noqa: F401  (first)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import AutoencoderKLQwenImage21
    zeros = [0.0] * config.latent_channels
    return AutoencoderKLQwenImage21(
        base_dim=config.encoder_width,
        decoder_base_dim=config.decoder_width,
        z_dim=config.latent_channels,
        dim_mult=list(config.multipliers),
        temperal_downsample=[False] * (len(config.multipliers) - 1),
        latents_mean=zeros,
        latents_std=[1.0] * config.latent_channels,
        in_channels=3,
        out_channels=3,
        scale_factor_spatial=config.factor,
    )


def reconstruct_theirs(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.decode(model.encode(x[:, :, None]).latent_dist.mode()).sample[:, :, 0]


def interleaved(calls: dict[str, Callable[[], None]], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each call, the fastest of the rounds, which alternate so that a busy machine treats all alike."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds + 1):  # the first warms up
        for name, call in calls.items():
            start = clock()
            call()
            best[name] = min(best[name], clock() - start)
    return best
