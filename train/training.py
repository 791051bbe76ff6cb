"""A whole run on this rank: built, fitted or gone on with, and at its end the model written."""

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError

from train.building import Ready, build
from train.checkpoint import CHECKPOINTS, Checkpoints, folder_name
from train.claim import claimed
from train.data import check_shares
from train.feeding.heldout import HeldOut
from train.loop import Diverged, Training
from train.pixels import from_bytes
from train.run_report import REPORT_FILE
from train.settings import Run
from train.vae import Vae
from train.vae_config import CONFIG_FILE, MODEL
from train.world import World, open_world

FAULTS = (ValueError, OSError, SafetensorError, Diverged, torch.OutOfMemoryError)  # what a run ends with; see `told`
NO_SPACE = os.strerror(errno.ENOSPC)  # so it is told also by safetensors, whose errors have no number


def train(run: Run) -> bool:
    """Train a run to its end, or go on with it; False where it was stopped earlier. The model is in OUT/model."""
    torch.set_float32_matmul_precision("high")
    if run.execution.threads:
        torch.set_num_threads(run.execution.threads)
    with open_world(run.execution.device) as world:
        ready = build(run)
        check_shares(run.curriculum().stages, world.rank, world.size)
        with claimed(Path(run.execution.out), ready.identity, world):
            return world.from_first(partial(_is_finished, run)) or _fit(run, ready, world)


def _is_finished(run: Run) -> bool:
    """Whether nothing is left to do, which is told: the model stays as it was written."""
    out, total = Path(run.execution.out), run.curriculum().total_images
    newest = Checkpoints(out / CHECKPOINTS, 1).names()[-1:]
    if not (out / MODEL / CONFIG_FILE).exists() or newest != [folder_name(total)]:
        return False
    print(f"finished    {total:,} of {total:,} images\n{_results(out)}", flush=True)
    return True


def _results(out: Path) -> str:
    return f"model       {out / MODEL}\nreport      {out / REPORT_FILE}"


def _fit(run: Run, ready: Ready, world: World) -> bool:
    """Train on this rank, and write the model at the end."""
    training = Training(run, ready, world)
    if world.is_first:
        _introduce(run, ready, world)
    finished = training.fit()
    if finished:
        vae = training.fitting.ema_model()
        if world.is_first:
            known = run.model.freeze_encoder and bool(vae.config.latents_mean)
            if not known:
                weights = mixed(ready.held_out, run.stages[-1].mix)
                vae = measured(vae.to(world.device), ready.held_out.images, weights)
            vae.save_pretrained(training.out / MODEL)
            print(_results(training.out), flush=True)
    elif world.is_first:
        print("stopped and saved: the same command goes on from here", flush=True)
    return finished


def _introduce(run: Run, ready: Ready, world: World) -> None:
    """Tell what is minimised, what is evaluated, and what is not."""
    for name, what in ready.objective.terms().items():
        print(f"loss term   {name}: {what}")
    if ready.is_w_taken:
        print(f"projection  W of {run.model.init}")
    held_out = ready.held_out
    counts = {name: len(held_out.of(name)) for name in dict.fromkeys(held_out.components)}
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"held out    {shown}: crops of {held_out.images.shape[-1]} px")
    for fault in held_out.left_out:
        print(f"held out    and not evaluated: {fault}")
    if missing := [name for name in ready.corpus.components() if name not in counts]:
        print(f"WARNING: {', '.join(missing)}: trained on, but nothing of it is held out, so that it is not evaluated")
    if run.execution.strategy == "fsdp" and world.size == 1:
        print("WARNING: --strategy fsdp splits a model over ranks, and there is one: launch several by torchrun")
    sys.stdout.flush()


def told(fault: Exception, out: str) -> str:
    """What a run that ended so says, with what to do."""
    if isinstance(fault, torch.OutOfMemoryError):
        return (
            f"{fault}\nGive a lower --micro-batch, with which the run goes on from its last checkpoint, or a lower "
            "--recompute-px"
        )
    if NO_SPACE in str(fault).split("no room")[0]:
        remedy = "free space and give the same command, which goes on from the last checkpoint"
        return f"{fault}; no room in {out}: {remedy}"
    return str(fault)


def mixed(held_out: HeldOut, mix: Mapping[str, float]) -> list[float]:
    """A weight for each held-out image, with which kinds and bands have the shares of a mix; 1 where it has none of
    them."""
    weights = [0.0] * len(held_out.components)
    for name, share in mix.items():
        images = [i for i, one in enumerate(held_out.components) if one == name or one.startswith(f"{name}-")]
        for i in images:
            weights[i] += share / len(images)
    return weights if any(weights) else [1.0] * len(weights)


@torch.no_grad()
def measured(vae: Vae, images: torch.Tensor, weights: Sequence[float]) -> Vae:
    """The model with the mean and deviation of its latent channels on images (n, 3, h, w) of bytes, each counted by its
    weight. Not for one whose latents stay as they were: what was trained on them by the old figures would not fit the
    new."""
    device = next(vae.parameters()).device
    z = torch.cat([vae.latents(from_bytes(part, device)) for part in images.split(8)]).double()
    shares = z.new_tensor(weights)[:, None, None, None] / (sum(weights) * z[0, 0].numel())
    mean = (z * shares).sum(dim=(0, 2, 3))
    std = ((z - mean[:, None, None]).square() * shares).sum(dim=(0, 2, 3)).sqrt().clamp_min(1e-6)
    vae.config = replace(vae.config, latents_mean=tuple(mean.tolist()), latents_std=tuple(std.tolist()))
    return vae
