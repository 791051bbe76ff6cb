"""What is minimised: L1 + LPIPS + semantic alignment of an autoencoder's output (the report, equation 1)."""

from collections.abc import Callable
from typing import Any, Self

from torch import Tensor, nn

from train.curriculum import Now
from train.losses import AdaptiveWeight, alignment_loss, by_position, l1_loss, total_loss
from train.teachers.perceptual import Lpips
from train.teachers.semantic import Teacher
from train.vae import Vae

Losses = dict[str, Tensor]  # scalars by name; "total" carries gradients


class Objective(nn.Module):
    """The autoencoder with the projection W of its latents: what is optimised, checkpointed and split over ranks.

    Teacher and LPIPS are constants beside it: they go to its device with it, and stand in no checkpoint. A term without
    its network is left out.
    """

    def __init__(self, vae: Vae, lpips: Lpips | None = None, teacher: Teacher | None = None) -> None:
        super().__init__()
        self.vae = vae
        self.lpips, self.teacher = lpips, teacher
        self.projection = None if teacher is None else nn.Linear(vae.config.latent_channels, teacher.width, bias=False)
        self.adaptive: AdaptiveWeight | None = None
        """Where the alignment's weight is adaptive; whoever makes the steps updates it after each."""

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for constant in (self.lpips, self.teacher):
            if constant is not None:
                constant.to(self.vae.encoder.head.weight.device)
        return self

    def terms(self) -> dict[str, str]:
        """The terms by name, with what measures them."""
        names = {"l1": "mean absolute difference"}
        names |= {} if self.lpips is None else {"lpips": self.lpips.name}
        return names | ({} if self.teacher is None else {"align": self.teacher.name})

    def forward(self, images: Tensor, now: Now, seed: int, share: float = 1.0) -> Losses:
        """The losses of images (n, 3, h, w) from -1 to 1, their sides multiples of the factor.

        seed: fixes the sample of positions in large distance matrices; give one that changes with every step.
        share: of the step's images on this rank, for the adaptive weight.
        """
        z = self.vae.latents(images)
        reconstruction = self.vae.decoder(z)
        l1 = l1_loss(reconstruction, images)
        terms, lpips, align = {"l1": l1}, None, None
        if self.lpips is not None and now.lpips_weight > 0:
            lpips = terms["lpips"] = self.lpips(reconstruction, images).mean()
        weight = now.align_weight
        if self.teacher is not None and now.align_weight > 0:
            align = self._align(z, images, now, seed, terms)
            if self.adaptive is not None:
                self.adaptive.accumulate(align, self.vae.encoder.head.weight, share)
                weight *= self.adaptive.factor
        total = total_loss(l1, lpips, align, lpips_weight=now.lpips_weight, align_weight=weight)
        if self.projection is not None and align is None:
            total = total + 0.0 * self.projection.weight.sum()  # several ranks wait for each parameter's gradient
        return {name: term.detach() for name, term in terms.items()} | {"total": total}

    def _align(self, z: Tensor, images: Tensor, now: Now, seed: int, terms: Losses) -> Tensor:
        assert self.teacher is not None
        assert self.projection is not None
        found = alignment_loss(
            self.projection(by_position(z)),
            self.teacher.features(images, (z.shape[2], z.shape[3])),
            cosine_margin=now.cos_margin,
            distance_margin=now.dist_margin,
            seed=seed,
        )
        terms["align_cos"], terms["align_dist"] = found.cosine, found.distance
        return found.total
