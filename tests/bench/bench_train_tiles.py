"""A part of bench_train.py: tiled and whole on a CPU at full width, how far they differ, and what each takes."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from train.vae import Vae
from train.vae_config import VaeConfig

TILE_PX = 512
EVERY_S = 0.05


class Peak:
    """The most memory of this process beyond that at the start, looked at every EVERY_S."""

    def __enter__(self) -> "Peak":
        self._ended, self._first = Event(), resident_bytes()
        self.num_bytes = 0
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.num_bytes = max(self.num_bytes, resident_bytes() - self._first)

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def compare(config: VaeConfig, side_px: int, photo: Path) -> None:
    """Encode and decode a photo enlarged to a square, in tiles and whole, in float32 on all cores."""
    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(0)
    vae = Vae(config).eval().requires_grad_(False)
    square = np.array(Image.open(photo).convert("RGB").resize((side_px, side_px), Image.Resampling.LANCZOS))
    x = torch.from_numpy(square).permute(2, 0, 1)[None].float() / 127.5 - 1
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for name, tile_px in (("tiled", TILE_PX), ("whole", 0)):
        vae.tile_px = tile_px
        z = told(f"{side_px:>5} px  {name}  encode", lambda: vae.encode(x).latent_dist.mode())
        of_both = found["tiled"][0] if found else z
        found[name] = z, told(f"{side_px:>5} px  {name}  decode", lambda: vae.decode(of_both).sample)  # noqa: B023
    for part, tiled, whole in zip(("latents", "pixels"), found["tiled"], found["whole"], strict=True):
        print(f"  {part} differ by {float((tiled - whole).abs().max() / whole.abs().max()):.1e} of the largest value")


def told(what: str, call: Callable[[], Tensor]) -> Tensor:
    begun = time.monotonic()
    with Peak() as peak:
        made = call()
    print(f"  {what} {time.monotonic() - begun:7.1f} s, {peak.num_bytes / 2**20:7.0f} MiB", flush=True)
    return made
