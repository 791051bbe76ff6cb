"""Blur as a lens or an unsteady hand makes it: of light, not of levels; not everywhere alike; along curved paths."""

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.damage import DAMAGES, path_kernel
from curate.picture import Pixels
from pipelines.shards.seeds import rng_for

Light = NDArray[np.float32]  # (h, w, 3) in proportion to the light, white is 1

LENS = ("gaussian", "defocus", "motion", "shake")
GAMMA = 2.2
CLIPPED = 0.95  # light over this was perhaps brighter: lamps, the sun on water
NUM_POINTS = 400  # of a path
LINE_SPREAD = 12**-0.5  # deviation of an even line of length 1


def through_lens(rgb: Pixels, way: str, strength: float, rng: np.random.Generator) -> Pixels:
    """Half of the time of light, with lamps brighter than white; a third of the time less on one side."""
    bright = rng.uniform(1, 6) if rng.random() < 0.5 else None
    least = strength * (rng.uniform(0.5, 1) if rng.random() < 0.33 else 1)
    light = rgb.astype(np.float32) / 255 if bright is None else _light(rgb, bright)
    seed = int(rng.integers(2**32))  # the same direction or path for both strengths
    blurred = _blurred(light, way, strength, seed)
    if least < strength:
        share = _ramp(rgb.shape[:2], rng.uniform(0, 2 * np.pi))
        blurred += share * (_blurred(light, way, least, seed) - blurred)
    levels = blurred if bright is None else np.clip(blurred, 0, 1) ** (1 / GAMMA)
    return np.clip(np.rint(255 * levels), 0, 255).astype(np.uint8)


def _light(rgb: Pixels, bright: float) -> Light:
    light = (rgb.astype(np.float32) / 255) ** np.float32(GAMMA)
    return np.where(light > CLIPPED, np.float32(bright) * light, light)


def _blurred(light: Light, way: str, strength: float, seed: int) -> Light:
    rng = rng_for(seed, "lens", 0)
    if way == "shake":
        return cv2.filter2D(light, -1, _shake(strength, rng), borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]
    return DAMAGES[way].apply(light, strength, rng)  # type: ignore[arg-type,return-value]  # the filters take floats too


def _shake(length_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A path that bends, and halts at places; as spread along its main direction as a line of `length_px`."""
    turn = np.cumsum(rng.normal(0, rng.uniform(0.02, 0.15), NUM_POINTS)) + rng.uniform(0, 2 * np.pi)
    haste = np.cumsum(rng.normal(0, rng.uniform(0.02, 0.15), NUM_POINTS))
    path = np.cumsum(np.exp(haste)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1), axis=0)
    path -= path.mean(axis=0)
    spread = np.sqrt(np.linalg.eigvalsh(np.cov(path.T))[-1])
    x, y = path.T * (length_px * LINE_SPREAD / spread)
    return path_kernel(x, y, int(np.ceil(max(np.abs(x).max(), np.abs(y).max()))) + 1)


def _ramp(shape: tuple[int, ...], angle: float) -> Light:
    """(h, w, 1) from 0 on one side to 1 on the other."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    along = x * np.cos(angle) + y * np.sin(angle)
    return ((along / np.abs(along).max() + 1) / 2).astype(np.float32)[:, :, None]
