"""Parts of bench_train.py for a CUDA GPU, at full width: training images/s, and encoding and decoding."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tests.bench.bench_train_sibling import interleaved, reconstruct_theirs, sibling
from train.curriculum import Now, Stage
from train.estimate import image_flop
from train.fitting import Fitting
from train.losses import AdaptiveWeight
from train.objective import Objective
from train.settings import Execution, Optimiser
from train.teachers.perceptual import random_lpips
from train.teachers.semantic import random_teacher
from train.vae import Vae
from train.vae_config import VaeConfig, make_config
from train.world import World

LIMIT_FLOPS = 790e12  # of large bf16 matrix products on an H100 and an H200 alike
NOW = Now(stage_index=0, stage_images=0, lr=1e-4, lpips_weight=1, align_weight=0.5, cos_margin=0, dist_margin=0)
STAGES = {  # whether all losses are taken
    True: Stage(name="all", num_images=1, batch_size=1, align_weight=0.5),
    False: Stage(name="L1", num_images=1, batch_size=1, lpips_weight=0),
}
SIDE_PX = 256
ROUNDS = 10


def matrix_flops(side: int = 8192) -> float:
    """Operations a second of bf16 products of random matrices, the fastest of ten."""
    a, b = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / fastest(lambda: a @ b)


def fastest(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of ROUNDS calls; one before them warms up."""
    return interleaved({"": call}, ROUNDS, synchronised)[""]


def synchronised() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to train, and how it is called in the table."""

    name: str
    whole: bool = True  # all losses, else L1
    compiled: bool = False
    channels_last: bool = True
    theirs: bool = False
    step: bool = False  # with AdamW, clipping, the average, and the alignment's adaptive weight, as the recipes have it


KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="ours", compiled=True),
        Kind(name="ours, whole step", compiled=True, step=True),
        Kind(name="ours, eager"),
        Kind(name="ours, whole step, eager", step=True),
        Kind(name="ours, L1", whole=False, compiled=True),
        Kind(name="ours, L1, eager", whole=False),
        Kind(name="ours, L1, eager, by channel", whole=False, channels_last=False),
        Kind(name="sibling, L1", whole=False, theirs=True),
        Kind(name="sibling, L1, by channel", whole=False, theirs=True, channels_last=False),
        Kind(name="sibling, L1, compiled", whole=False, theirs=True, compiled=True),
    )
}


def train(names: list[str], kinds: list[str], batch: int, profiled: bool) -> None:
    """Images a second forward and backward, in bf16, of each kind, against the arithmetic limit; peak memory."""
    if unknown := set(kinds) - set(KINDS):
        raise SystemExit(f"--kinds: no {', '.join(sorted(unknown))} among {', '.join(KINDS)}")
    configs = [make_config(name) for name in names]
    torch.backends.cudnn.benchmark = True
    print(
        f"gpu: {torch.cuda.get_device_name()}, {SIDE_PX} px, bf16, matrix products {matrix_flops() / 1e12:.0f} TFLOP/s"
    )
    for name, config in zip(names, configs, strict=True):
        limits = {whole: LIMIT_FLOPS / image_flop(config, stage) for whole, stage in STAGES.items()}
        print(f"  {name}: the limit is {limits[True]:.0f} images/s with all losses, {limits[False]:.0f} with L1 alone")
        for kind in kinds:
            torch.compiler.reset()
            begun, limit = time.perf_counter(), limits[KINDS[kind].whole]
            rate, peak, size = measure(config, KINDS[kind], batch, profiled)
            print(
                f"    {kind:<28} {rate:7.1f} images/s, {rate / limit:4.0%}, batch {size}, peak {peak:5.1f} GiB "
                f"({time.perf_counter() - begun:.0f} s in all)",
                flush=True,
            )


def measure(config: VaeConfig, kind: Kind, batch: int, profiled: bool) -> tuple[float, float, int]:
    """Images/s, GiB and the batch, which is halved where there is no room for it."""
    while True:
        call = None  # the model that had no room goes first
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            call = prepare(config, kind, batch)
            seconds = fastest(call)
            if profiled:
                profile(call)
            return batch / seconds, torch.cuda.max_memory_allocated() / 2**30, batch
        except torch.cuda.OutOfMemoryError:
            batch //= 2
        if not batch:
            raise SystemExit(f"no room for one image: {kind.name}")


def prepare(config: VaeConfig, kind: Kind, batch: int) -> Callable[[], None]:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, SIDE_PX, SIDE_PX), dtype=torch.uint8)
    x = images.cuda().float() / 127.5 - 1
    if kind.theirs:
        return plain(sibling(config).cuda(), x, kind, reconstruct_theirs)
    if not kind.whole:
        return plain(Vae(config).cuda(), x, kind, lambda model, x: model(x))
    execution = Execution(precision="bf16", channels_last=kind.channels_last, compile=kind.compiled)
    world = World(rank=0, size=1, device=torch.device("cuda"))
    objective = Objective(Vae(config), random_lpips(), random_teacher())
    fitting = Fitting(objective, Optimiser(), execution, world)
    if kind.step:
        objective.adaptive = AdaptiveWeight()
        return lambda: fitted(fitting, images, batch)
    x = x.contiguous(memory_format=torch.channels_last)
    return lambda: backward(lambda: objective(x, NOW, 0)["total"], objective)


def fitted(fitting: Fitting, images: Tensor, batch: int) -> None:
    fitting.step(images, NOW, 0)
    fitting.update_ema(batch)


def plain(model: Any, x: Tensor, kind: Kind, reconstruct: Callable[[Any, Tensor], Tensor]) -> Callable[[], None]:
    if kind.channels_last:
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                order = torch.channels_last_3d if module.weight.dim() == 5 else torch.channels_last
                module.weight.data = module.weight.data.contiguous(memory_format=order)
        x = x.contiguous(memory_format=torch.channels_last)
    if kind.compiled:
        model.encoder.compile()
        model.decoder.compile()
    return lambda: backward(lambda: (reconstruct(model, x) - x).abs().mean(), model)


def backward(loss: Callable[[], Tensor], module: nn.Module) -> None:
    with torch.autocast("cuda", torch.bfloat16):
        total = loss()
    total.backward()
    module.zero_grad(set_to_none=True)


def profile(call: Callable[[], None], num_rows: int = 25) -> None:
    """Where a call's time on the device goes."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        call()
        torch.cuda.synchronize()
    print(profiler.key_averages().table(sort_by="cuda_time_total", row_limit=num_rows, max_name_column_width=90))


def images(name: str, sides_px: list[int], sibling_px: int, tile_px: int = 512) -> None:
    """Encode and decode one image in fp32 (no TF32) and bf16: seconds and memory, tiled and not, and the sibling's."""
    config = make_config(name)
    torch.manual_seed(0)
    ours: Any = Vae(config).cuda().eval().requires_grad_(False)
    theirs: Any = sibling(config).cuda().eval().requires_grad_(False)
    torch.backends.cudnn.allow_tf32 = False
    print(f"images: {name}, one at a time, {torch.cuda.get_device_name()}; memory is the peak above weights and image")
    for number in (torch.float32, torch.bfloat16):
        for side_px in sides_px:
            x = torch.rand(1, 3, side_px, side_px, device="cuda") * 2 - 1
            found = {}
            for label, model in (("ours", ours), ("ours tiled", ours), ("sibling", theirs)):
                if side_px > sibling_px and label != "ours tiled":
                    continue
                ours.tile_px = tile_px if label == "ours tiled" else 0
                if (y := one(label, model, x, number)) is not None:
                    found[label] = y
            if {"ours", "ours tiled"} <= found.keys():
                gap = (found["ours"] - found["ours tiled"]).abs().max() / found["ours"].abs().max()
                print(f"    tiled differs from untiled by {gap:.1e} of the largest value")


def one(label: str, model: Any, x: Tensor, number: torch.dtype) -> Tensor | None:
    """The reconstruction; None where there is no room for it."""
    frames = x[:, :, None] if label == "sibling" else x
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    best = [float("inf")] * 2
    try:
        for _ in range(2):
            with torch.autocast("cuda", number, enabled=number != torch.float32):
                start = synchronised()
                z = model.encode(frames).latent_dist.mode()
                middle = synchronised()
                y: Tensor = model.decode(z).sample
                end = synchronised()
            best = [min(best[0], middle - start), min(best[1], end - middle)]
    except torch.cuda.OutOfMemoryError:
        print(f"    {x.shape[-1]:>5} px  {str(number)[6:]:<9} {label:<10} no room")
        return None
    peak = (torch.cuda.max_memory_allocated() - before) / 2**30
    print(
        f"    {x.shape[-1]:>5} px  {str(number)[6:]:<9} {label:<10} encode {best[0]:7.3f} s, decode {best[1]:7.3f} s, "
        f"{peak:6.2f} GiB",
        flush=True,
    )
    return y.float()
