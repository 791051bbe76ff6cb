"""What a run will cost: exact parameter counts and operations, and GPU hours from them."""

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from train.building import read_data
from train.curriculum import Stage
from train.feeding.corpus import NONE
from train.feeding.plan import check_fits
from train.layers import RmsSilu
from train.settings import Run
from train.vae import Vae
from train.vae_config import VaeConfig

# Of images of 256 px at f16, forward and what leads back to the image: two passes of VGG16 and a half back, and half
# of DINOv2-L. They grow with the pixels.
LPIPS_FLOP_A_PX, TEACHER_FLOP_A_PX = 1.83e6, 1.2e6
# bf16 operations a second, of the layers as defined and of the losses: an H100 made 435e12 with f16c64, with f32c192
# 225e12 before what lies between convolutions had its kernels (docs/training.md).
GPU_FLOPS = 300e12
SIDE_PX = 256  # of the image whose operations are counted
TRAINED = 3  # forward and backward over forward


def describe(run: Run) -> str:
    """The plan of a run as text: parameters, a line a stage, totals."""
    config = run.model.config()
    with torch.device("meta"):
        encoder, decoder = Vae(config).count_parameters()
    lines = [
        f"model       {run.model.model}, skip {config.skip}, widths {config.encoder_width} / {config.decoder_width}",
        f"parameters  encoder {encoder:,}, decoder {decoder:,}",
    ]
    total_flop, total_images = 0.0, 0
    for stage in run.curriculum().stages:
        of_one = image_flop(config, stage, run.execution.recompute_px, frozen=run.model.freeze_encoder)
        flop = stage.num_images * of_one
        total_flop, total_images = total_flop + flop, total_images + stage.num_images
        lines.append(_line(stage, flop))
    hours = total_flop / GPU_FLOPS / 3600
    lines.append(
        f"in all      {total_images:,} images, {total_flop:.3g} FLOP, {hours:,.1f} GPU hours at {GPU_FLOPS / 1e12:.0f} "
        "TFLOP/s (between what an H100 makes with f32c192 and f16c64)"
    )
    return "\n".join(lines)


def describe_data(run: Run) -> str:
    """What its data folders hold, as a line. Raises ValueError or OSError for data that the run would refuse."""
    corpus, held_out = read_data(run)
    check_fits(corpus, run.curriculum().stages)
    counts = ", ".join(f"{name} {count:,}" for name, count in corpus.counts().items())
    num_images = int(np.count_nonzero(corpus.codes != NONE))
    side_px = held_out.images.shape[-1]
    return (
        f"data        {num_images:,} images to train on: {counts}; {len(held_out.names)} crops of {side_px} px of "
        "others to evaluate"
    )


def _line(stage: Stage, flop: float) -> str:
    mix = ", ".join(f"{name} {share:g}" for name, share in stage.mix.items())
    return (
        f"stage       {stage.name}: {stage.num_images:,} images in {stage.num_steps:,} steps of {stage.batch_size}, "
        f"{stage.resolution_px} px {' '.join(stage.aspects)}, {mix}; lr {stage.lr:g}, LPIPS {stage.lpips_weight:g}, "
        f"align {stage.align_weight:g} with margins {stage.cos_margin:g} / {stage.dist_margin:g}; {flop:.3g} FLOP"
    )


def image_flop(config: VaeConfig, stage: Stage, recompute_px: int = 0, *, frozen: bool = False) -> float:
    """Operations of one training image of a stage, forward and backward, the mean over its crops; `frozen`: the encoder
    goes forward alone, and nothing is aligned."""
    others = LPIPS_FLOP_A_PX * (stage.lpips_weight > 0) + TEACHER_FLOP_A_PX * (stage.align_weight > 0 and not frozen)
    encoder, decoder = (flop / SIDE_PX**2 for flop in forward_flop(config))
    flops = []
    for height, width in stage.sizes:
        times = TRAINED + (0 < recompute_px <= max(height, width))
        flops.append(height * width * (encoder * (1 if frozen else times) + decoder * times + others))
    return sum(flops) / len(flops)


def forward_flop(config: VaeConfig) -> tuple[float, float]:
    """Operations (a multiplication and an addition are two) to encode, and to decode, one square image of SIDE_PX,
    counted layer by layer on tensors without storage."""
    with torch.device("meta"):
        vae = Vae(config)
        x = torch.empty(1, 3, SIDE_PX, SIDE_PX)
    for module in vae.modules():
        if isinstance(module, RmsSilu):
            module.forward = lambda x: x  # type: ignore[method-assign]  # it costs next to nothing
    encoding, decoding = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with torch.no_grad():
        with encoding:
            z = vae.latents(x)
        with decoding:
            vae.decoder(z)
    return float(encoding.get_total_flops()), float(decoding.get_total_flops())
