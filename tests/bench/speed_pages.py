"""Whole records: photo decoded, cropped, coloured, drawn, encoded and written into Parquet."""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pipelines.dataset import open_job
from pipelines.pools import one_thread
from pipelines.settings import Execution, Inputs, Settings
from pipelines.shards.codec import decode, encode
from pipelines.shards.files import write_shard
from pipelines.shards.folder import Folder
from pipelines.shards.seeds import rng_for
from render.mix import Mix
from render.recipe import Recipe

PLAIN = Recipe(
    layouts=Mix.parse("paragraph"),
    rasters=Mix.parse("grey"),
    grounds=Mix.parse("photo"),
    effects=Mix.parse("none"),
    layers=Mix.parse("none"),
    inks=Mix.parse("alpha"),
    plates=0.0,
)
ENGLISH = replace(PLAIN, languages=Mix.parse("en"), bands=Mix.parse("10-14"), size_px=(10.0, 10.0))
CHINESE = replace(PLAIN, languages=Mix.parse("zh"), bands=Mix.parse("14-20"), size_px=(16.0, 16.0))


def save_jpegs(natural: Path, folder: Path) -> int:
    """Photos large enough as 1024x768 JPEG q90, centre crops after reduction; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(sorted(p for p in natural.rglob("*") if p.suffix in (".jpg", ".png"))):
        image = cv2.imread(str(path))
        if image is None or image.shape[0] < 768 or image.shape[1] < 1024:
            continue
        scale = max(1024 / image.shape[1], 768 / image.shape[0])
        size = (max(1024, round(image.shape[1] * scale)), max(768, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        top, left = (image.shape[0] - 768) // 2, (image.shape[1] - 1024) // 2
        part = image[top : top + 768, left : left + 1024]
        cv2.imwrite(str(folder / f"{number:03d}.jpg"), part, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return len(list(folder.iterdir()))


def settings_of(recipe: Recipe, photos: str, index: str, num_images: int, seed: int = 1) -> Settings:
    inputs = Inputs(photos=(photos,), num_images=num_images, images_per_shard=num_images, seed=seed)
    return Settings(recipe=recipe, inputs=inputs, execution=Execution(photo_index=index, backend="inline", workers=0))


def images_per_second(settings: Settings, warm_images: int = 100) -> tuple[float, float]:
    """Images a CPU second into a shard on disk, and characters an image. The first images are not counted."""
    one_thread()
    job = open_job(settings)
    counts: Counter[str] = Counter()
    for index in range(warm_images):
        job.record(1_000_000 + index, counts)
    with tempfile.TemporaryDirectory() as out:
        began = time.process_time()
        info = write_shard(Folder(out), 0, job, {})
        seconds = time.process_time() - began
    chars = sum(n for key, n in info.counts.items() if key.startswith("chars/"))
    return info.num_rows / seconds, chars / info.num_rows


def bare_images_per_second(photos: str, crops: int, num_images: int = 400) -> float:
    """The limit: images a CPU second of the libraries alone, which decode each photo, cut and reduce its crops, and
    encode, hash and write them. No text, no colour, no label."""
    one_thread()
    files = [path.read_bytes() for path in sorted(Path(photos).iterdir())]
    rng = rng_for(1, "crops", 0)
    with tempfile.TemporaryFile() as out:
        began = time.process_time()
        for number in range(num_images):
            if number % crops == 0:
                photo = decode(files[number // crops % len(files)])
            side = int(512 * (1 if rng.random() < 0.4 else rng.uniform(1, min(photo.shape[:2]) / 512)))
            crop = np.ascontiguousarray(photo[:side, :side])
            png = encode(crop if side == 512 else np.asarray(cv2.resize(crop, (512, 512)), np.uint8))
            out.write(png + hashlib.sha256(png).digest())
        return num_images / (time.process_time() - began)


def in_new_process(code: str, *args: str) -> str:
    """What a fresh Python prints for `code`: cold caches of its own."""
    done = subprocess.run([sys.executable, "-c", code, *args], check=True, capture_output=True, text=True)
    return done.stdout.strip()


COLD = """
import sys, time, resource
sys.path[:0] = sys.argv[1:3]
began = time.process_time()
from speed_pages import *
one_thread()
seed = time.time_ns() % 10**9
job = open_job(settings_of(eval(sys.argv[6]), sys.argv[3], sys.argv[4], int(sys.argv[5]), seed))
with tempfile.TemporaryDirectory() as out:
    ready = time.process_time()
    write_shard(Folder(out), 0, job, {})
    done = time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(int(sys.argv[5]) / (done - began), int(sys.argv[5]) / (done - ready), peak)
"""


def cold(recipe: str, photos: str, index: str, num_images: int) -> tuple[float, float, float]:
    """Images a CPU second of a fresh process with a fresh seed (start-up counted, and not), and its peak MB."""
    here = Path(__file__).resolve()
    paths = str(here.parents[2]), str(here.parent)
    first, second, peak = in_new_process(COLD, *paths, photos, index, str(num_images), recipe).split()
    return float(first), float(second), float(peak)
