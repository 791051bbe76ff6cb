"""What is carried from step to step, by itself: layouts on the way to a checkpoint and back."""

from pathlib import Path

import pytest
import torch

from tests.train.runs import NOW
from train.checkpoint import Checkpoints, read_checkpoint
from train.fitting import Fitting
from train.losses import AdaptiveWeight
from train.objective import Objective
from train.settings import Execution, Optimiser
from train.teachers.dinov2_config import Dinov2Config
from train.teachers.semantic import random_teacher
from train.vae import Vae
from train.vae_config import make_config
from train.world import World

CPU = World(rank=0, size=1, device=torch.device("cpu"))


def fused(execution: Execution) -> Fitting:
    """A small model with AdamW's fused kernel, which is of CUDA by default."""
    torch.manual_seed(0)
    vae = Vae(make_config("f8c12", encoder_width=4, decoder_width=4))
    fitting = Fitting(Objective(vae), Optimiser(ema_halflife_images=4), execution, CPU)
    for group in fitting.optimiser.param_groups:
        group["fused"] = True
    return fitting


def test_a_run_stored_by_pixel_goes_on_bit_by_bit_with_a_fused_optimiser(tmp_path: Path) -> None:
    """Its kernel takes moments for laid out as their parameters, on a GPU it refuses others."""
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole, resumed = (fused(Execution(channels_last=True)) for _ in range(2))
    whole.step(images, NOW, 0)
    whole.update_ema(2)

    resumed.restore(read_checkpoint(Checkpoints(tmp_path, 1).save(2, whole.capture({}))))
    for fitting in (whole, resumed):
        fitting.step(images, NOW, 0)
        fitting.update_ema(2)

    for of in (lambda one: one.objective.parameters(), lambda one: one.ema.parameters()):
        pairs = list(zip(of(whole), of(resumed), strict=True))
        assert all(torch.equal(one, other) and one.stride() == other.stride() for one, other in pairs)


def test_micro_batches_sample_the_same_positions_of_large_distance_matrices() -> None:
    """1,600 positions, of which 1,024 are drawn: those of a step, not of a micro-batch."""
    images = torch.randint(0, 256, (2, 3, 10, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    images = images.repeat_interleave(32, 2).repeat_interleave(32, 3)
    teacher = Dinov2Config(width=16, depth=1, heads=1, image_px=56)

    def distance(micro_batch: int) -> float:
        torch.manual_seed(0)
        vae = Vae(make_config("f8c12", encoder_width=2, decoder_width=2))
        objective = Objective(vae, teacher=random_teacher(teacher, block=1))
        return Fitting(objective, Optimiser(), Execution(), CPU).step(images, NOW, micro_batch)["align_dist"]

    assert distance(1) == pytest.approx(distance(0), rel=1e-5)


@pytest.mark.filterwarnings("ignore")  # what torch itself warns of as dynamo is loaded
def test_the_adaptive_weight_takes_its_gradient_of_a_compiled_encoder_at_any_aspect() -> None:
    """From the second shape on, a graph that is compiled for all of them gives its buffers away unless told not to."""
    objective = Objective(Vae(make_config("f2c12", encoder_width=4, decoder_width=4)))
    objective.adaptive = AdaptiveWeight()
    Fitting(objective, Optimiser(), Execution(compile=True), CPU)
    head = objective.vae.encoder.head.weight
    objective.vae.encoder.compile(backend="aot_eager")  # the same graphs, without minutes of C++

    for size in ((32, 32), (32, 64)):
        z = objective.vae.latents(torch.zeros(1, 3, *size))
        objective.adaptive.accumulate(z.square().mean(), head)
        z.abs().mean().backward()
    objective.adaptive.update(head.grad, 0.0)

    assert objective.adaptive.ratio is not None
