"""Evaluation while training: PSNR, SSIM and LPIPS of the held-out images by kind, and a sheet of them to look at."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.shards.codec import write_png
from pipelines.shards.folder import Folder
from train.feeding.heldout import HeldOut
from train.metrics import psnr, ssim
from train.pixels import from_bytes, to_bytes
from train.settings import Run
from train.teachers.perceptual import Lpips
from train.vae import Vae
from train.world import World

FOLDER = "samples"
AT_ONCE = 8  # images
NUM_PER_COMPONENT = 2  # images of each component on the sheet
ZOOM, GAP_PX = 2, 8


class Samples:
    """The held-out images of a run, measured on every rank, drawn by the first; with LPIPS where it is given."""

    def __init__(self, held_out: HeldOut, run: Run, world: World, lpips: Lpips | None = None) -> None:
        self._held_out, self._world, self._lpips = held_out, world, lpips
        self._bf16 = run.execution.precision == "bf16"
        self._folder = Folder(str(Path(run.execution.out)))

    def measure(self, vae: Vae, num_images: int) -> dict[str, float]:
        """Mean figures of each component, as "psnr/general" (dB), and of how many crops, as "crops/general"; the sheet
        is samples/<images seen>.png."""
        images, made = self._held_out.images, self._reconstructions(vae)
        figures = {"psnr": psnr(images.float() / 255, made.float() / 255), "ssim": ssim(images / 255, made / 255)}
        if self._lpips is not None:
            figures["lpips"] = self._distances(self._lpips, made)
        if self._world.is_first:
            self._folder.put(f"{FOLDER}/{num_images:012d}.png", write_png(self._sheet(made)))
        groups = {component: self._held_out.of(component) for component in self._held_out.components}
        means = {
            f"{name}/{component}": float(np.mean(values[group]))
            for name, values in figures.items()
            for component, group in groups.items()
        }
        return means | {f"crops/{component}": float(len(group)) for component, group in groups.items()}

    @torch.no_grad()
    def _reconstructions(self, vae: Vae) -> torch.Tensor:
        made = []
        for part in self._held_out.images.split(AT_ONCE):
            with torch.autocast(self._world.device.type, torch.bfloat16, enabled=self._bf16):
                made.append(to_bytes(vae(from_bytes(part, self._world.device))).cpu())
        return torch.cat(made)

    @torch.no_grad()
    def _distances(self, lpips: Lpips, made: torch.Tensor) -> NDArray[np.float64]:
        pairs = zip(made.split(AT_ONCE), self._held_out.images.split(AT_ONCE), strict=True)
        found = [lpips(*(from_bytes(part, self._world.device) for part in pair)) for pair in pairs]
        return torch.cat(found).double().cpu().numpy()

    def _sheet(self, made: torch.Tensor) -> NDArray[np.uint8]:
        """Originals above their reconstructions, twice their size, two of each component."""
        components = dict.fromkeys(self._held_out.components)
        chosen = [i for component in components for i in self._held_out.of(component)[:NUM_PER_COMPONENT]]
        columns = [torch.cat([self._held_out.images[i], made[i]], dim=1) for i in chosen]
        tiles = [column.permute(1, 2, 0).numpy().repeat(ZOOM, 0).repeat(ZOOM, 1) for column in columns]
        gap = np.full((tiles[0].shape[0], GAP_PX, 3), 255, np.uint8)
        return np.ascontiguousarray(np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1))
