"""Makes what a run begins with: the index of its data, what is held out of it, the model and its teachers."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from train.checkpoint import (
    ALIGNED,
    ARCHITECTURE,
    CHECKPOINTS,
    LATENTS,
    STATE_FILE,
    Checkpoints,
    is_checkpoint,
    read_checkpoint,
    read_numbers,
    read_tensor,
)
from train.feeding.corpus import Corpus
from train.feeding.heldout import HeldOut, hold_out, read_held_out
from train.feeding.plan import check_fits
from train.losses import AdaptiveWeight
from train.objective import Objective
from train.peers.files import digest_of, files_of
from train.settings import Run
from train.teachers.perceptual import Lpips
from train.teachers.semantic import Teacher, load_teacher, random_teacher, teacher_digest
from train.vae import Vae
from train.vae_config import VaeConfig, architecture_of, read_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a run begins with, the same on every rank."""

    objective: Objective
    corpus: Corpus
    held_out: HeldOut
    identity: dict[str, Any]
    is_w_taken: bool  # the projection of the checkpoint `init`


def build(run: Run) -> Ready:
    """Read the data's index and the networks. Raises FileNotFoundError or ValueError for what is missing or unfit."""
    corpus, held_out = read_data(run)
    check_fits(corpus, run.curriculum().stages)
    objective = build_objective(run)
    identity = run.identity() | {"data": _mark(len(corpus), corpus.identity)}
    identity["held_out"] = _mark(len(held_out.asked), sha256("\n".join(held_out.asked).encode()).hexdigest())
    if objective.lpips is not None:
        identity["terms"]["lpips_sha256"] = objective.lpips.digest()
    is_w_taken = False
    if objective.projection is not None and objective.teacher is not None:
        is_random = run.terms.teacher == "random"
        identity["terms"]["teacher_sha256"] = "random" if is_random else teacher_digest(run.terms.teacher)
        identity["terms"]["teacher_block"] = objective.teacher.block
        is_w_taken = take_projection(objective.projection, run.model.init, aligned_with(identity))
    if run.model.init and Path(run.model.init).exists():
        identity["model"]["init_sha256"] = digest_of(_init_files(Path(run.model.init)))
    return Ready(objective=objective, corpus=corpus, held_out=held_out, identity=identity, is_w_taken=is_w_taken)


def _mark(num_images: int, digest: str) -> dict[str, Any]:
    return {"images": num_images, "sha256": digest[:16]}


def aligned_with(identity: dict[str, Any]) -> dict[str, Any]:
    """What the projection W of a run is fitted to, for its checkpoints."""
    return {name: identity["terms"].get(name) for name in ("teacher_sha256", "teacher_block")}


def take_projection(projection: nn.Linear, init: str, aligned: dict[str, Any]) -> bool:
    """Begin with W of the checkpoint `init`, where that was fitted to the same block of the same teacher: the latents
    are fitted to it. Whether it was."""
    if not init or not is_checkpoint(Path(init)) or read_numbers(Path(init)).get(ALIGNED) != aligned:
        return False
    projection.load_state_dict({"weight": read_tensor(Path(init), "weights", "projection.weight")})
    return True


def read_data(run: Run) -> tuple[Corpus, HeldOut]:
    """What is trained on, and what is not and evaluated instead."""
    execution, largest = run.execution, max(stage.resolution_px for stage in run.stages)
    corpus = whole = Corpus.of(execution.data)
    if execution.held_out:
        whole = Corpus.of(execution.held_out)
        check_apart(corpus, whole)
        chosen = whole.spread(execution.num_eval, np.arange(len(whole)))
    else:
        away, chosen = hold_out(whole, execution.num_eval)
        corpus = whole.without(away)
    held_out = read_held_out(whole, chosen, side_px=min(256, 2 * largest), factor=run.model.config().factor)
    return corpus, held_out


def check_apart(corpus: Corpus, held_out: Corpus) -> None:
    """Raise ValueError where a file of shards is trained on and held out."""

    def known_by(one: Corpus) -> set[str]:
        return {name for shard in one.shards for name in (shard.path, shard.sha256) if name}

    if both := sorted(known_by(corpus) & known_by(held_out)):
        raise ValueError(f"--held-out and --data share {both[0]}: name a part of the data that is not trained on")


def build_objective(run: Run) -> Objective:
    """The model, from the seed or from `init`, with the networks that the stages' weights ask for.

    Raises MissingWeights where a network's files are not there, ValueError where they are damaged or `init` is another
    model.
    """
    stages = run.curriculum().stages
    lpips: Lpips | None = None
    teacher: Teacher | None = None
    if any(stage.lpips_weight > 0 for stage in stages):
        lpips = Lpips.load(run.terms.lpips_trunk)
    if any(stage.align_weight > 0 for stage in stages) and not run.model.freeze_encoder:
        block = run.terms.teacher_block or None
        random = run.terms.teacher == "random"
        teacher = random_teacher(block=block) if random else load_teacher(run.terms.teacher, block)
    torch.manual_seed(run.optimiser.seed)
    objective = Objective(build_vae(run), lpips, teacher)
    if run.terms.adaptive_align and teacher is not None:
        if run.execution.strategy == "fsdp":
            raise ValueError(
                "adaptive_align needs whole gradients on every rank: use --strategy ddp, or --no-adaptive-align"
            )
        objective.adaptive = AdaptiveWeight()
    if run.model.freeze_encoder:
        objective.vae.encoder.requires_grad_(False)
    return objective


def build_vae(run: Run) -> Vae:
    """The autoencoder with random weights, or that of `init`, which must be of the same make: a model's folder, or a
    run's checkpoint, whose average is taken. Where `init` is gone, random ones will do if the run has a checkpoint."""
    config, init = run.model.config(), run.model.init
    if not init:
        return Vae(config)
    if not Path(init).exists() and (latents := _recorded(Path(run.execution.out))):
        return Vae(replace(config, **latents))
    if is_checkpoint(Path(init)):
        checkpoint = read_checkpoint(Path(init))
        check_architecture(init, checkpoint.numbers.get(ARCHITECTURE, {}), config)
        vae = Vae(config)
        vae.load_state_dict(dict(checkpoint.tensors["average"]))
        return vae
    check_architecture(init, architecture_of(read_config(init)), config)
    return Vae.from_pretrained(init).train()


def _recorded(out: Path) -> dict[str, Any]:
    """What a run's newest checkpoint tells of its latents; nothing where there is none."""
    newest, _ = Checkpoints(out / CHECKPOINTS, 1).newest()
    latents = {} if newest is None else read_numbers(newest)[LATENTS]
    return {name: tuple(values) for name, values in latents.items()}


def check_architecture(init: str, there: dict[str, Any], config: VaeConfig) -> None:
    """Raise ValueError where the weights in `init` are of another model, whose shapes may yet be the same."""
    if other := [f"{name} {there.get(name)} there, {value} here" for name, value in architecture_of(config).items()
                 if there.get(name) != value]:  # fmt: skip
        raise ValueError(f"init names {init}, another model: {'; '.join(other)}")


def _init_files(init: Path) -> list[Path]:
    """The files whose content says which weights a run began with."""
    return [init / STATE_FILE] if is_checkpoint(init) else files_of(init)
