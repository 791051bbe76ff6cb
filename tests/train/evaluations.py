"""Small pages with a word, and evaluations of them from the command line."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pipelines.shards.seeds import rng_for
from train.evaluation.evaluating import main


def page(number: int, height: int = 96, width: int = 144, scale: float = 1.0) -> np.ndarray:
    """A noisy ground with a word on it."""
    rgb = rng_for(9, "pages", number).integers(190, 250, (height, width, 3)).astype(np.uint8)
    cv2.putText(
        rgb, f"page{number}", (8, 50), cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 60), 1 + round(scale), cv2.LINE_AA
    )
    return rgb


def spoiled(rgb: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(rgb, (0, 0), 1.2)


def write(folder: Path, name: str, rgb: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(folder / name)


def run(folder: Path, *flags: str, out: str = "out", metrics: str = "psnr ssim") -> dict[str, Any]:
    """Evaluate folder/gt; results.json."""
    subject = (
        flags
        if any(flag.startswith("--re") or flag == "--module" for flag in flags)
        else ("--recon", str(folder / "recon"), *flags)
    )
    args = ["--gt", str(folder / "gt"), "--out", str(folder / out), *subject, "--device", "cpu"]
    args += ["--ocr-cache", str(folder / "cache"), "--ocr-workers", "0"]
    assert main([*args, "--metrics", *metrics.split()]) == 0
    return json.loads((folder / out / "results.json").read_bytes())
