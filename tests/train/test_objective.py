"""The objective's networks: that all of them are where it is."""

import torch

from tests.train.runs import NOW
from train.fitting import Fitting
from train.losses import AdaptiveWeight
from train.objective import Objective
from train.pixels import from_bytes
from train.settings import Execution, Optimiser
from train.teachers.dinov2_config import Dinov2Config
from train.teachers.perceptual import random_lpips
from train.teachers.semantic import random_teacher
from train.vae import Vae
from train.vae_config import make_config
from train.world import World


def test_every_term_of_a_step_is_computed_on_the_device_of_the_model() -> None:
    """On meta, where an operation of tensors on two devices fails as on a GPU; more positions than are sampled."""
    meta = torch.device("meta")
    teacher = random_teacher(Dinov2Config(width=8, depth=2, heads=1, patch_px=8, image_px=32))
    objective = Objective(Vae(make_config("f2c12", encoder_width=4, decoder_width=4)), random_lpips(), teacher)
    objective.adaptive = AdaptiveWeight()
    Fitting(objective, Optimiser(), Execution(), World(rank=0, size=1, device=meta))

    terms = objective(from_bytes(torch.zeros(2, 3, 96, 64, dtype=torch.uint8), meta), NOW, 0)
    terms["total"].backward()

    assert terms.keys() == {"l1", "lpips", "align_cos", "align_dist", "total"}
    assert {p.grad is not None and p.grad.device for p in objective.parameters()} == {meta}
