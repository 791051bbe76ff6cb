"""A step is AdamW's on the clipped gradient, and the average follows it by half-lives of images."""

from copy import deepcopy

import pytest
import torch

from tests.train.runs import NOW
from train.fitting import Fitting
from train.objective import Objective
from train.pixels import from_bytes
from train.settings import Execution, Optimiser
from train.vae import Vae
from train.vae_config import make_config
from train.world import World

CPU = World(rank=0, size=1, device=torch.device("cpu"))


def test_steps_are_adamw_s_clipped_and_averaged_by_half_lives() -> None:
    torch.manual_seed(0)
    twin = Vae(make_config("f8c12", encoder_width=4, decoder_width=4))
    settings = Optimiser(betas=(0.8, 0.9), weight_decay=0.1, clip_norm=0.01, ema_halflife_images=30)
    fitting, ema = Fitting(Objective(deepcopy(twin)), settings, Execution(), CPU), deepcopy(twin)
    kernels, rest = ([p for p in twin.parameters() if (p.ndim > 1) is many] for many in (True, False))
    groups = [{"params": kernels, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=NOW.lr, betas=(0.8, 0.9))

    for before in (0, 200, 400, 2000):
        fitting.num_images = before
        images = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
        figures = fitting.step(images, NOW, 0)
        fitting.update_ema(20)
        x = from_bytes(images, CPU.device)
        adamw.zero_grad()
        (twin.decoder(twin.latents(x)) - x).abs().mean().backward()
        norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.01)
        adamw.step()
        kept = 0.5 ** (20 / max(1, min(30, 0.05 * (before + 20))))  # young runs: a twentieth of what was seen (EDM)
        with torch.no_grad():
            for mean, value in zip(ema.parameters(), twin.parameters(), strict=True):
                mean.lerp_(value, 1 - kept)

        assert figures["gradient_norm"] == pytest.approx(float(norm), rel=1e-5)
    for mine, other in ((fitting.objective.vae, twin), (fitting.ema, ema)):
        for one, two in zip(mine.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)
