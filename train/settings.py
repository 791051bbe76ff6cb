"""Settings of a training run: what is trained, how and where, as frozen dataclasses over the recipe's stages."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from pipelines.recipe_files import absolute_path, output_path
from train.curriculum import Curriculum, Stage
from train.teachers.semantic import DEFAULT_TEACHER
from train.vae_config import SKIPS, VaeConfig, make_config

PRECISIONS = ("fp32", "bf16")
STRATEGIES = ("ddp", "fsdp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is trained."""

    model: str = "f16c64"
    """f16c64, f16c128, f32c128, f32c192, or any f<factor>c<channels> made by the same rule, such as f8c32."""
    encoder_width: int = 96
    """Channels of the encoder's first level."""
    decoder_width: int = 144
    """Channels of the decoder's last level."""
    skip: str = "global"
    """global: folded pixels are added to the latents; local: a shortcut around every level; none."""
    init: str = ""
    """Folder of a model to begin from, or a checkpoint of another run, OUT/checkpoints/IMAGES; by default random
    weights."""
    freeze_encoder: bool = False
    """Train the decoder alone; the latents stay as they are, bit by bit. Needs init."""

    def __post_init__(self) -> None:
        if self.skip not in SKIPS:
            raise ValueError(f"skip is {self.skip!r}: choose one of {', '.join(SKIPS)}")
        if self.freeze_encoder and not self.init:
            raise ValueError("freeze_encoder keeps the latents of a trained model: name its folder with --init")
        self.config()

    def config(self) -> VaeConfig:
        """The configuration that the fields describe."""
        widths = {"encoder_width": self.encoder_width, "decoder_width": self.decoder_width}
        return make_config(self.model, skip=self.skip, **widths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of the loss besides L1. Their weights and margins belong to the recipe's stages."""

    lpips_weight: float | None = None
    """Weight of LPIPS in every stage, instead of the recipe's; 0: without. Part of what a run is, as all terms are."""
    align_weight: float | None = None
    """Weight of the semantic alignment in every stage, instead of the recipe's; 0: without."""
    lpips_trunk: str = ""
    """File vgg16-397923af.pth; by default looked for in torch hub's cache."""
    teacher: str = DEFAULT_TEACHER
    """Local Hugging Face folder of the DINOv2 that latents are aligned with, or its name on the hub. "random": random
    weights of DINOv2-L, to measure speed."""
    teacher_block: int = 0
    """Which of its blocks; 0: the middle one."""
    adaptive_align: bool = False
    """Scale the alignment by the ratio of gradient norms at the encoder's last layer (VA-VAE), that of the whole step
    before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """How weights are moved. All schedules count images, so that the batch size changes none."""

    scale: float = 1.0
    """Factor on the images of every stage, of warm-up, of blends and of the average's half-life."""
    lr: float | None = None
    """Learning rate in every stage, instead of the recipe's."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay of the gradient's mean and square."""
    weight_decay: float = 0.0
    """Decay of the weights a step, times the learning rate (AdamW); of kernels alone, not of gains and biases."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient; 0: not clipped."""
    ema_halflife_images: int = 500_000
    """Images after which a weight counts half in the average that is evaluated and saved."""
    warmup_images: int = 0
    """Images over which the learning rate rises from 0."""
    lr_end_fraction: float = 1.0
    """What is left of the learning rate at the end of the last stage, which falls along a cosine."""
    seed: int = 0
    """Seed of weights, order and crops."""
    max_bad_steps: int = 20
    """Steps in a row with a gradient that is not finite (they are skipped) after which the run stops."""

    def __post_init__(self) -> None:
        for name, low in (("scale", 0), ("ema_halflife_images", 1), ("seed", 0), ("max_bad_steps", 1)):
            if not low <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")
        if not all(0 <= beta < 1 for beta in self.betas) or not (
            0 <= self.weight_decay < math.inf and 0 <= self.clip_norm < math.inf
        ):
            raise ValueError(
                f"betas are {self.betas}, weight_decay {self.weight_decay}, clip_norm {self.clip_norm}: give betas "
                "from 0 to below 1, the others from 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Where and how it runs. But for data, held_out and num_eval a run may go on with other values."""

    data: tuple[str, ...] = ()
    """Folders of shards, local or fsspec URLs; FOLDER=general (text, synthetic) says what a plain image set holds."""
    held_out: tuple[str, ...] = ()
    """Folders of shards to evaluate on; by default the last shard of each data folder that has two, and a tenth of each
    kind and band that no such shard holds; these are then not trained on."""
    out: str = "run"
    """Folder of the run: checkpoints, samples, report and, at the end, the model."""
    device: str = "auto"
    """Where it runs: auto (a GPU where there is one), cpu, cuda; of several ranks each takes a GPU of its own."""
    precision: str = "fp32"
    """fp32, or bf16: autocast (weights and sums stay fp32)."""
    micro_batch: int = 0
    """Images that a rank takes through the model at a time, also where a stage states more; 0: as many as the stage
    states, else its whole share of a step. A run may go on with another number."""
    num_workers: int = 2
    """Threads of each rank that read and decode."""
    threads: int = 0
    """CPU threads of the model itself; 0: as torch chooses, one a core. Where other work has the cores, 1 is many
    times faster: threads of torch wait for each other without sleeping."""
    compile: bool = False
    """torch.compile the model: minutes at the start and four tenths less memory; with channels_last no faster."""
    channels_last: bool = False
    """Store activations by pixel: on a GPU faster, and what its kernels need."""
    recompute_px: int = 1024
    """From crops of this side on keep only the inputs of residual blocks: a fifth of the memory, a third more work."""
    strategy: str = "ddp"
    """Of several ranks (torchrun): ddp, or fsdp (weights and optimiser split over ranks)."""
    ray_workers: int = 0
    """Launch so many ranks by Ray Train, on the cluster at hand; 0: run here, or under torchrun."""
    log_steps: int = 10
    """Steps from one line of the log to the next."""
    eval_images: int = 100_000
    """Images from one evaluation, and sample sheet, to the next."""
    num_eval: int = 16
    """Held-out images of each kind and band that are evaluated."""
    checkpoint_images: int = 500_000
    """Images from one checkpoint to the next."""
    keep_checkpoints: int = 2
    """How many are kept, the newest."""
    keep_every_images: int = 0
    """Besides these the first checkpoint behind each multiple of so many images is kept, such as where stages end; 0:
    none."""
    wandb: str = ""
    """Project to log to at Weights & Biases besides TensorBoard."""
    dry_run: bool = False
    """Print the plan, its work and GPU hours, the disk it takes and what the run needs on this machine, and stop."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS or self.strategy not in STRATEGIES:
            raise ValueError(
                f"precision is {self.precision!r}, strategy {self.strategy!r}: choose {' or '.join(PRECISIONS)}, "
                f"and {' or '.join(STRATEGIES)}"
            )
        at_least = {"log_steps": 1, "eval_images": 1, "num_eval": 1, "checkpoint_images": 1, "keep_checkpoints": 1}
        for name, low in (
            at_least
            | {
                "micro_batch": 0,
                "num_workers": 0,
                "threads": 0,
                "ray_workers": 0,
                "recompute_px": 0,
                "keep_every_images": 0,
            }
        ).items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole run: the recipe's stages, and the settings above."""

    recipe: Annotated[str, tyro.conf.Fixed, tyro.conf.Suppress] = "tiny"
    stages: Annotated[tuple[Stage, ...], tyro.conf.Fixed, tyro.conf.Suppress] = ()
    model: Model = Model()
    terms: Terms = Terms()
    optimiser: Optimiser = Optimiser()
    execution: Execution = Execution()

    def curriculum(self) -> Curriculum:
        """The stages as they are trained: scaled, and with the weights that override the recipe's."""
        scale = self.optimiser.scale
        given = {
            "lpips_weight": self.terms.lpips_weight,
            "align_weight": self.terms.align_weight,
            "lr": self.optimiser.lr,
        }
        fixed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        stages = tuple(replace(scaled(stage, scale), **fixed) for stage in self.stages)
        return Curriculum(
            stages=stages,
            warmup_images=min(round(self.optimiser.warmup_images * scale), sum(s.num_images for s in stages)),
            lr_end_fraction=self.optimiser.lr_end_fraction,
        )

    def identity(self) -> dict[str, Any]:
        """What decides the weights, besides the data: a run goes on only with the same."""
        terms = asdict(self.terms) | {"teacher": Path(self.terms.teacher).name, "lpips_trunk": ""}
        model = asdict(self.model) | {"init": Path(self.model.init).name}
        optimiser = asdict(self.optimiser)
        del optimiser["max_bad_steps"]  # when to give up
        stages = [asdict(stage) for stage in self.stages]
        for stage in stages:
            del stage["micro_batch"]  # how much memory
        return {"model": model, "terms": terms, "optimiser": optimiser, "stages": stages}

    def absolute(self) -> "Run":
        """The same with local paths made absolute. Raises ValueError for an `out` that Ray would remove."""
        execution, terms = self.execution, self.terms
        data, held_out = (tuple(map(absolute_path, paths)) for paths in (execution.data, execution.held_out))
        teacher = absolute_path(terms.teacher) if Path(terms.teacher).is_dir() else terms.teacher  # else of the hub
        return replace(
            self,
            model=replace(self.model, init=absolute_path(self.model.init)),
            terms=replace(terms, lpips_trunk=absolute_path(terms.lpips_trunk), teacher=teacher),
            execution=replace(execution, data=data, held_out=held_out, out=output_path("out", execution.out)),
        )


def scaled(stage: Stage, scale: float) -> Stage:
    """A stage of another length: whole steps, at least one."""
    if scale == 1:
        return stage
    steps = max(1, round(stage.num_steps * scale))
    blend = min(round(stage.blend_images * scale), steps * stage.batch_size)
    return replace(stage, num_images=steps * stage.batch_size, blend_images=blend)
