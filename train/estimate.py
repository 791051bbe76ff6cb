"""What a run will cost: exact parameter counts and operations, and from them GPU hours and disk."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from train.building import read_data
from train.curriculum import Size, Stage
from train.feeding.corpus import NONE
from train.feeding.plan import check_fits
from train.layers import RmsSilu
from train.settings import Run
from train.teachers.dinov2_config import Dinov2Config
from train.teachers.semantic import tokens_per_side
from train.vae import Vae
from train.vae_config import VaeConfig

# Two passes of VGG16, and a half back to the image; they grow with the pixels.
LPIPS_FLOP_A_PX = 1.83e6
# bf16 operations a second, of the layers as defined and of the losses: an H100 made 435e12 with f16c64, with f32c192
# 225e12 before what lies between convolutions had its kernels (docs/training.md).
GPU_FLOPS = 300e12
FEW_HOURS = 0.05  # of a GPU: fewer are not told
CPU_FLOPS = 1e10  # of a CPU core with a small model, in float32; some make ten times more
SIDE_PX = 256  # of the image whose operations are counted
TRAINED = 3  # forward and backward over forward
WIDTH = 110  # columns of the text
HEADER = ("stage", "images", "steps", "batch", "px", "lr", "LPIPS", "align", "margins", "FLOP", "GPU hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Operations of a run, stage by stage."""

    stages: tuple[Stage, ...]
    flops: tuple[float, ...]

    @property
    def flop(self) -> float:
        return sum(self.flops)

    @property
    def images(self) -> int:
        return sum(stage.num_images for stage in self.stages)

    @property
    def hours(self) -> float:
        """GPU hours."""
        return _hours(self.flop)


def describe(run: Run) -> str:
    """The plan of a run as text of at most WIDTH columns: parameters, tables of its stages, totals, checkpoints."""
    config = run.model.config()
    with torch.device("meta"):
        encoder, decoder = Vae(config).count_parameters()
    work = work_of(run)
    return "\n".join(
        [
            f"model       {run.model.model}, skip {config.skip}, widths {config.encoder_width} / "
            f"{config.decoder_width}",
            f"parameters  encoder {encoder:,}, decoder {decoder:,}",
            "",
            *_numbers(work),
            "",
            *_contents(work.stages),
            "",
            *told("in all", _in_all(work)),
            *told("checkpoint", _disk(run, encoder, decoder)),
        ]
    )


def told(name: str, text: str, state: str = "") -> list[str]:
    """Lines of at most WIDTH columns: a name, perhaps a word of its state, and beside them a text."""
    head = f"{name:<12}" + (f"{state:<9}" if state else "")
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def describe_data(run: Run) -> str:
    """What its data folders hold, as a line. Raises ValueError or OSError for data that the run would refuse."""
    corpus, held_out = read_data(run)
    check_fits(corpus, run.curriculum().stages)
    counts = ", ".join(f"{name} {count:,}" for name, count in corpus.counts().items())
    num_images = int(np.count_nonzero(corpus.codes != NONE))
    side_px = held_out.images.shape[-1]
    crops = f"{len(held_out.names)} crops of {side_px} px of others to evaluate"
    return f"{num_images:,} images to train on: {counts}; {crops}"


def work_of(run: Run) -> Work:
    """The operations of a run's stages."""
    config, stages = run.model.config(), run.curriculum().stages
    blocks = run.terms.teacher_block or Dinov2Config().depth // 2
    of_one = (
        image_flop(config, stage, run.execution.recompute_px, frozen=run.model.freeze_encoder, blocks=blocks)
        for stage in stages
    )
    return Work(stages=stages, flops=tuple(stage.num_images * flop for stage, flop in zip(stages, of_one, strict=True)))


def _hours(flop: float) -> float:
    return flop / GPU_FLOPS / 3600


def _numbers(work: Work) -> list[str]:
    """The table of what is counted; without GPU hours where they are next to none."""
    rows = [HEADER, *(_row(stage, flop) for stage, flop in zip(work.stages, work.flops, strict=True))]
    total = ["in all", f"{work.images:,}", f"{sum(stage.num_steps for stage in work.stages):,}", *[""] * 6]
    rows.append((*total, f"{work.flop:.2e}", f"{work.hours:,.1f}"))
    shown = len(HEADER) - (work.hours < FEW_HOURS)
    return _aligned([row[:shown] for row in rows])


def _row(stage: Stage, flop: float) -> tuple[str, ...]:
    counts = (stage.num_images, stage.num_steps, stage.batch_size, stage.resolution_px)
    return (
        stage.name,
        *(f"{count:,}" for count in counts),
        f"{stage.lr:.1e}",
        f"{stage.lpips_weight:g}",
        f"{stage.align_weight:g}",
        f"{stage.cos_margin:g}/{stage.dist_margin:g}",
        f"{flop:.2e}",
        f"{_hours(flop):,.1f}",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their columns below each other: the first to the left, others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(n) for c, n in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def _contents(stages: Sequence[Stage]) -> list[str]:
    """The table of what each stage shows: aspects and mix, which go on below where a line is full."""
    names = max(len("stage"), *(len(stage.name) for stage in stages)) + 2
    aspects = max(len("aspects"), *(len(" ".join(stage.aspects)) for stage in stages)) + 2
    lines = [f"{'stage':<{names}}{'aspects':<{aspects}}mix"]
    for stage in stages:
        head = f"{stage.name:<{names}}{' '.join(stage.aspects):<{aspects}}"
        room = max(WIDTH, len(head) + 40)
        lines += textwrap.wrap(
            stage.mix_text, room, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
        )
    return lines


def _in_all(work: Work) -> str:
    """The total, and what its hours assume."""
    counted = f"{work.images:,} images, {work.flop:.2e} FLOP"
    if work.hours >= FEW_HOURS:
        return (
            f"{counted}, {work.hours:,.1f} GPU hours: of one H100 in bf16 at {GPU_FLOPS / 1e12:.0f} TFLOP/s, which "
            "lies between what it made with f32c192 and with f16c64. Waiting for data, evaluation and checkpoints come "
            "on top; eight GPUs take an eighth of the hours, or somewhat more."
        )
    if work.flop / CPU_FLOPS < 3600:
        return f"{counted}: minutes on a CPU"
    return f"{counted}: less than {FEW_HOURS} GPU hours"


def _disk(run: Run, encoder: int, decoder: int) -> str:
    """What checkpoints take: weights, their average, and of what is trained two moments, in float32."""
    trained = decoder if run.model.freeze_encoder else encoder + decoder
    size = 4 * (2 * (encoder + decoder) + 2 * trained)
    execution, images = run.execution, run.curriculum().total_images
    kept = execution.keep_checkpoints + (images // execution.keep_every_images if execution.keep_every_images else 0)
    there = min(kept + 1, max(1, -(-images // execution.checkpoint_images)))
    return (
        f"{_bytes(size)} each (weights, their average and two moments, float32); {_bytes(there * size)} of disk for "
        f"the {there} that lie there at most at a time"
    )


def _bytes(count: float) -> str:
    """A size of three digits."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def image_flop(
    config: VaeConfig, stage: Stage, recompute_px: int = 0, *, frozen: bool = False, blocks: int = 12
) -> float:
    """Operations of one training image of a stage, forward and backward, the mean over its crops; `frozen`: the encoder
    goes forward alone, and nothing is aligned. `blocks`: how many of DINOv2-L the teacher has."""
    encoder, decoder = (flop / SIDE_PX**2 for flop in forward_flop(config))
    lpips = LPIPS_FLOP_A_PX * (stage.lpips_weight > 0)
    flops = []
    for height, width in stage.sizes:
        times = TRAINED + (0 < recompute_px <= max(height, width))
        flop = height * width * (encoder * (1 if frozen else times) + decoder * times + lpips)
        if stage.align_weight > 0 and not frozen:
            flop += teacher_flop((height, width), config.factor, blocks)
        flops.append(flop)
    return sum(flops) / len(flops)


def teacher_flop(size: Size, factor: int, blocks: int = 12) -> float:
    """Operations of so many blocks of DINOv2-L for one image (height, width) in px: what grows with its tokens, and
    attention, which grows with their square and from 1,300 px on is most of it."""
    grid = (size[0] // factor, size[1] // factor)
    patches = grid[0] * grid[1] * tokens_per_side(size, grid) ** 2
    sizes, tokens = Dinov2Config(), patches + 1  # and the class token
    layers = 12 * sizes.width**2 * 2 * tokens  # of a block: four squares of attention, eight of its MLP
    attention = 4 * tokens**2 * sizes.width
    return float(blocks * (layers + attention) + 2 * 3 * sizes.patch_px**2 * sizes.width * patches)


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
