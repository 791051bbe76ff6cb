"""One objective over several ranks: DDP (a whole copy each) or FSDP2 (weights and optimiser split)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel

from train.layers import Level
from train.objective import Objective
from train.vae import Vae
from train.world import World


def splits(strategy: str, world: World) -> bool:
    """Whether weights are split over ranks: those must then be contiguous."""
    return strategy == "fsdp" and world.size > 1


def distribute(objective: Objective, ema: Vae, strategy: str, world: World) -> nn.Module:
    """What is called in place of the objective, so that gradients are means over ranks. FSDP splits both in place."""
    if world.size == 1:
        return objective
    if not splits(strategy, world):
        ids = [world.device] if world.device.type == "cuda" else None
        return DistributedDataParallel(objective, device_ids=ids)
    for vae in (objective.vae, ema):
        for half in (vae.encoder, vae.decoder):
            for level in half.modules():
                if isinstance(level, Level):
                    fully_shard(level)
            fully_shard(half, reshard_after_forward=True)  # also where it is a root: the average
    fully_shard(objective)
    return objective


@contextmanager
def gradient_sync(module: nn.Module, last: bool) -> Iterator[None]:
    """Around a backward pass: gradients go to the other ranks only with the last micro-batch of a step."""
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(last)
        yield
        return
    with module.no_sync() if isinstance(module, DistributedDataParallel) and not last else nullcontext():
        yield
