"""What a run carries from step to step: weights, their average, the optimiser, counts; one step; to a checkpoint and
back."""

import math
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch._functorch import config as functorch_config
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.tensor import DTensor

from train.checkpoint import Checkpoint
from train.curriculum import Now
from train.objective import Objective
from train.pixels import from_bytes
from train.ranks import distribute, gradient_sync, splits
from train.settings import Execution, Optimiser
from train.vae import Vae
from train.world import World

EMA_RAMP = 0.05  # while a run is young the average's half-life is this share of the images seen (EDM)
Shared = tuple[Tensor, float]  # some of a step's images, and their share of all that this rank has of it
WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


class Fitting:
    """An objective being fitted on one rank of a world."""

    def __init__(self, objective: Objective, optimiser: Optimiser, execution: Execution, world: World) -> None:
        self.settings, self.execution, self.world = optimiser, execution, world
        self.objective = objective.to(world.device)
        if execution.channels_last and not splits(execution.strategy, world):
            self.objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = deepcopy(objective.vae).requires_grad_(False).eval()
        self.module = distribute(objective, self.ema, execution.strategy, world)
        if execution.compile:
            if objective.adaptive is not None:  # whose gradient is taken from a graph that stays
                functorch_config.donated_buffer = False
            objective.vae.encoder.compile()
            objective.vae.decoder.compile()
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.parameters, optimiser.weight_decay),
            lr=0.0,
            betas=optimiser.betas,
            fused=world.device.type == "cuda" or None,
        )
        self.num_images = 0
        self.num_bad, self.bad_in_row = 0, 0
        self.faults: Counter[str] = Counter()

    def step(self, images: Tensor, now: Now, micro_batch: int, *, is_asked: bool = False) -> dict[str, float]:
        """Move the weights by this rank's images (n, 3, h, w) of bytes; the step's figures, means over all ranks.

        A gradient that is not finite moves nothing and is counted; `is_bad` among the figures is then 1. `is_asked`:
        whether this rank was asked to stop, which the others learn by the figure of this name. `faults`: the sum of all
        ranks' counts. `align_factor`: what the step's alignment was scaled by, where its weight is adaptive.
        """
        parts = [(part, len(part) / len(images)) for part in images.split(micro_batch or len(images))]
        counts = {"is_asked": float(is_asked), "faults": float(self.faults.total() * self.world.size)}
        self._first_adaptive(parts, now)
        figures = self._gather_gradients(parts, now, counts)
        scaled = self._next_adaptive(now)
        norm = self._gradient_norm()
        is_bad = not (math.isfinite(norm) and math.isfinite(figures["total"]))
        self._move(now, is_bad)
        self.num_images += len(images) * self.world.size
        return {**figures, **scaled, "gradient_norm": norm, "is_bad": float(is_bad)}

    def _first_adaptive(self, parts: Sequence[Shared], now: Now) -> None:
        """Before its first step an adaptive weight has no step to go by: that one's gradient is taken twice."""
        adaptive, head = self.objective.adaptive, self.objective.vae.encoder.head.weight
        if adaptive is None or adaptive.ratio is not None or now.align_weight <= 0:
            return
        whole = torch.zeros_like(head)
        for part, share in parts:
            terms = self._losses(self.objective, part, now, share)
            whole += torch.autograd.grad(terms["total"] * share, head)[0]
        adaptive.update(self.world.mean(whole), now.align_weight, self.world.mean)

    def _gather_gradients(self, parts: Sequence[Shared], now: Now, counts: dict[str, float]) -> dict[str, float]:
        """Add up the gradients of all parts; the losses and this rank's counts as means over all ranks."""
        sums = {name: torch.tensor(value, device=self.world.device) for name, value in counts.items()}
        for number, (part, share) in enumerate(parts):
            with gradient_sync(self.module, last=number == len(parts) - 1):
                terms = self._losses(self.module, part, now, share)
                (terms["total"] * share).backward()
            for name, value in terms.items():
                sums[name] = value.detach().float() * share + sums.get(name, 0.0)
        return dict(zip(sums, self.world.mean(torch.stack(list(sums.values()))).tolist(), strict=True))

    def _next_adaptive(self, now: Now) -> dict[str, float]:
        """Set the factor of an adaptive weight for the next step; this one's, by its name in the log."""
        adaptive = self.objective.adaptive
        if adaptive is None:
            return {}
        factor = adaptive.factor
        adaptive.update(self.objective.vae.encoder.head.weight.grad, now.align_weight * factor, self.world.mean)
        return {"align_factor": factor}

    def _losses(self, module: nn.Module, part: Tensor, now: Now, share: float) -> dict[str, Tensor]:
        """The losses of some of a step's images; what is sampled in them is the same for all of a step."""
        x = from_bytes(part, self.world.device)
        if self.execution.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        side = max(x.shape[-2:])
        self.objective.vae.recompute(0 < self.execution.recompute_px <= side)
        with torch.autocast(self.world.device.type, torch.bfloat16, enabled=self.execution.precision == "bf16"):
            terms: dict[str, Tensor] = module(x, now, self.num_images, share)
        return terms

    def _gradient_norm(self) -> float:
        """The norm over all weights and ranks, the gradient being clipped to `clip_norm` by it."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm or math.inf)
        return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)

    def _move(self, now: Now, is_bad: bool) -> None:
        self.num_bad += is_bad
        self.bad_in_row = self.bad_in_row + 1 if is_bad else 0
        if not is_bad:
            for group in self.optimiser.param_groups:
                group["lr"] = now.lr
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    @torch.no_grad()
    def update_ema(self, num_images: int) -> None:
        """Move the average of the weights after a step of so many images."""
        halflife = self.settings.ema_halflife_images * self.settings.scale
        halflife = max(1.0, min(halflife, EMA_RAMP * self.num_images))
        weight = 1 - 0.5 ** (num_images / halflife)
        pairs = zip(self.ema.parameters(), self.objective.vae.parameters(), strict=True)
        means, values = zip(*((mean, value) for mean, value in pairs if value.requires_grad), strict=True)
        torch._foreach_lerp_(means, values, weight)  # in a few kernels

    def capture(self, numbers: dict[str, Any]) -> Checkpoint:
        """All of it as a checkpoint, with more numbers of the caller's. Every rank must call it; the first gets it."""
        moments: Any = {}
        if self.optimiser.state:  # else asking for it would make it, and count a step
            moments = get_optimizer_state_dict(self.module, self.optimiser, options=WHOLE).get("state", {})
        tensors = {
            "weights": get_model_state_dict(self.module, options=WHOLE),
            "average": get_model_state_dict(self.ema, options=WHOLE),
            "optimiser": {f"{name}/{key}": value for name, one in moments.items() for key, value in one.items()},
        }
        own = {
            "num_images": self.num_images,
            "num_bad": self.num_bad,
            "bad_in_row": self.bad_in_row,
            "faults": dict(self.world.union(self.faults)),
            "align_ratio": None if self.objective.adaptive is None else self.objective.adaptive.ratio,
        }
        return Checkpoint(tensors=tensors, numbers=own | numbers)

    def ema_model(self) -> Vae:
        """The averaged model, whole, on the CPU. Every rank must call it; only the first gets its weights."""
        weights = get_model_state_dict(self.ema, options=WHOLE)
        vae = Vae(self.ema.config)
        if self.world.is_first:
            vae.load_state_dict(weights)
        return vae.eval()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what `capture` saw."""
        tensors, numbers = checkpoint.tensors, checkpoint.numbers
        set_model_state_dict(self.module, dict(tensors["weights"]), options=WHOLE)
        set_model_state_dict(self.ema, dict(tensors["average"]), options=WHOLE)
        state: dict[str, Any] = {}
        for path, value in tensors["optimiser"].items():
            name, _, key = path.rpartition("/")
            state.setdefault(name, {})[key] = value
        if state:
            groups = get_optimizer_state_dict(self.module, self.optimiser)["param_groups"]
            set_optimizer_state_dict(
                self.module, self.optimiser, {"state": state, "param_groups": groups}, options=WHOLE
            )
            lay_out(self.optimiser)
        self.num_images, self.num_bad = numbers["num_images"], numbers["num_bad"]
        self.bad_in_row = numbers["bad_in_row"]
        if self.objective.adaptive is not None:
            self.objective.adaptive.ratio = numbers["align_ratio"]
        self.faults = Counter(numbers["faults"]) if self.world.is_first else Counter()


def lay_out(optimiser: torch.optim.Optimizer) -> None:
    """Give moments the strides of their parameters, as fused kernels want; those of a checkpoint are contiguous."""
    for parameter, moments in optimiser.state.items():
        for name, value in moments.items():
            if value.shape == parameter.shape and not isinstance(value, DTensor):
                moments[name] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def parameter_groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Parameters in groups: of kernels and matrices, which decay, and of gains and biases, which do not."""
    groups = {decay: [p for p in parameters if (p.ndim > 1) is decay] for decay in (True, False)}
    return [{"params": of, "weight_decay": weight_decay * decay} for decay, of in groups.items() if of]
