"""Small runs that differ in their skip alone, on photographs and pages rendered on them."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import skimage
import torch
from PIL import Image

from tests.train.runs import small_run
from train.building import read_data
from train.curriculum import Stage
from train.pixels import from_bytes, to_bytes
from train.training import train
from train.vae import Vae

ROOT = Path(__file__).parents[2]
BUILTIN = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
LONGEST_PX = 640


def make_data(folder: Path, real: str, num_pages: int = 120) -> list[str]:
    """Pages of 256 px rendered on photos, and the photos; from `real`, the folder of real data, where it is named."""
    photos = sorted(Path(real, "natural").rglob("*.[jp][pn]*g")) if real else []
    paths = photos or [Path(skimage.__file__).parent / "data" / name for name in BUILTIN]
    pages = ["--photos", str(Path(real, "natural")) if real else "builtin", "--image-size", "256", "--seed", "3"]
    pages += ["--num-images", str(num_pages), "--images-per-shard", str(num_pages // 4), "--workers", "0"]
    command = [sys.executable, str(ROOT / "pipelines/render.py"), *pages, "--out", str(folder / "pages")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    table = pa.table({"image": [{"bytes": shrunk(path), "path": path.name} for path in paths]})
    (folder / "photos").mkdir()
    for number, rows in enumerate((table.slice(len(paths) // 4), table.slice(0, len(paths) // 4))):
        pq.write_table(rows, folder / f"photos/{number}.parquet")
    return [str(folder / "pages"), f"{folder / 'photos'}=general"]


def shrunk(path: Path) -> bytes:
    """A photograph of at most LONGEST_PX, lossless."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def fit(skip: str, seed: int, num_steps: int, data: list[str], out: Path) -> tuple[float, float]:
    """Train f16c64 at widths 8 / 12 on crops of 64 px; L1 (of the range -1 to 1) and PSNR (dB) of the averaged model on
    held-out crops."""
    stage = Stage(
        name="crops",
        num_images=4 * num_steps,
        batch_size=4,
        resolution_px=64,
        mix={"general": 0.5, "synthetic": 0.5},
        lr=1e-3,
        lpips_weight=0.0,
    )
    widths = {"model": "f16c64", "encoder_width": 8, "decoder_width": 12}
    often = {"checkpoint_images": 10**6, "eval_images": 10**6, "log_steps": 10, "num_eval": 8}
    run = small_run(data, out, stages=(stage,), skip=skip, seed=seed, ema_halflife_images=100, **widths, **often)
    assert train(run)
    images = read_data(run)[1].images
    vae = Vae.from_pretrained(out / "model")
    with torch.no_grad():
        made = torch.cat([vae(from_bytes(part, torch.device("cpu"))) for part in images.split(8)])
    errors = (to_bytes(made).double() - images.double()) / 255
    mse = errors.square().mean(dim=(1, 2, 3)).numpy()
    return 2 * float(errors.abs().mean()), float(np.mean(-10 * np.log10(mse)))
