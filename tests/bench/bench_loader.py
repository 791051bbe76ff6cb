"""How fast batches come, against what consumes them: `SMALLPRINT_DATA=DATA python tests/bench/bench_loader.py`.

Rendered pages and photos of DATA/natural (4:3, JPEG q90), half and half. CPU seconds of one process: the loader alone
(order, row groups, decoding, crops, batches) without threads and with two, decoding and cropping alone, which limit it,
and a training step of the tiny model. For whole models: the threads that feed 5 times the most that an H200 could train
on (790 TFLOP/s: 200 images/s of f16 at 256 px, less by the area beyond).
"""

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch  # noqa: E402  (threads are set first)
from PIL import Image, ImageOps  # noqa: E402

from pipelines import dataset  # noqa: E402
from pipelines.settings import parse_settings  # noqa: E402
from tests.train.shards import SetJob, write  # noqa: E402
from train.command_line import load_run  # noqa: E402
from train.curriculum import Curriculum, Stage  # noqa: E402
from train.data import Loader  # noqa: E402
from train.feeding.corpus import Corpus  # noqa: E402
from train.feeding.crops import Cut, crop  # noqa: E402
from train.vae import Vae  # noqa: E402

NUM_PHOTOS, NUM_PAGES = 12, 32
H200_IMAGES = 200  # a second, f16 at 256 px: forward, backward and all losses
WANTED = 5  # times what the model consumes
# Side of the crop, of the page and the short one of the photo, in px; images that are read.
CASES = ((64, 512, 768, 320), (256, 512, 768, 320), (1024, 1536, 1536, 64))


def make_pages(photos: Path, side_px: int, out: Path) -> str:
    """Rendered pages of one size."""
    flags = f"--num-images {NUM_PAGES} --image-size {side_px} --workers 0 --backend inline --seed 1"
    places = ["--photos", str(photos), "--photo-index", str(out.parent / f"index{side_px}"), "--out", str(out)]
    with redirect_stdout(sys.stderr):
        code = dataset.make(parse_settings([*flags.split(), *places], "", "render.py").absolute())
    if code:
        raise SystemExit("rendering failed")
    return str(out)


def stages(side_px: int, num_images: int) -> Curriculum:
    mix = {"general": 0.5, "synthetic": 0.5}
    return Curriculum(
        stages=(Stage(name="bench", num_images=num_images, batch_size=8, resolution_px=side_px, mix=mix),)
    )


def rate(run: Callable[[], int], rounds: int = 3) -> float:
    """Images a CPU second, the fastest of some rounds."""
    best = 0.0
    for _ in range(rounds):
        start = time.process_time()
        best = max(best, run() / (time.process_time() - start))
    return best


def save_photos(folder: Path, short_px: int) -> list[Path]:
    """Photos of one size, the largest there are made smaller."""
    files = sorted(Path(os.environ["SMALLPRINT_DATA"], "natural").rglob("*.jpg"), key=lambda file: file.stat().st_size)
    folder.mkdir()
    for number, file in enumerate(files[-NUM_PHOTOS:]):
        fitted = ImageOps.fit(Image.open(file).convert("RGB"), (short_px * 4 // 3, short_px))
        fitted.save(folder / f"{number}.jpg", quality=90)
    return sorted(folder.iterdir())


def drained(corpus: Corpus, side_px: int, num_images: int, num_workers: int) -> int:
    with Loader(corpus, stages(side_px, num_images), 0, seed=1, num_workers=num_workers) as loader:
        return sum(len(batch.images) for batch in loader)


def decoded(corpus: Corpus, side_px: int, num_images: int) -> float:
    """Crops of the same rows, read beforehand."""
    with Loader(corpus, stages(side_px, num_images), 0, seed=1, num_workers=0) as loader:
        rows = [int(row) for batch in loader for row in batch.ids]
    images = dict(zip(rows, corpus.read(rows), strict=True))
    general = corpus.matches("general")

    def run() -> int:
        for row in rows:
            cut = Cut(size=(side_px, side_px), native=not general[row], down=0.5, right=0.5, mirrored=False)
            crop(images[row], cut)
        return len(rows)

    return rate(run)


def trained(side_px: int) -> float:
    """Images a CPU second of steps of the tiny model."""
    torch.set_num_threads(1)
    model = Vae(load_run("tiny").model.config())
    optimiser = torch.optim.AdamW(model.parameters())
    images = torch.rand(8, 3, side_px, side_px) * 2 - 1

    def step() -> int:
        for _ in range(2):
            loss = (model.decode(model.encode(images).latent_dist.mode()).sample - images).abs().mean()
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
        return 16

    return rate(step)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} CPUs, torch {torch.__version__}")
    tiny = trained(64)
    print(f"the tiny model trains on {tiny:.0f} images of 64 px a CPU second; in images a CPU second:")
    print("| crop, px | page | photo | loader | with two threads | decoding alone | loader's share | wanted |")
    print("|---|---|---|---|---|---|---|---|")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            measure(case, Path(folder), tiny)


def measure(case: tuple[int, int, int, int], folder: Path, tiny: float) -> None:
    """One line of the table."""
    side_px, page_px, photo_px, num_images = case
    files = save_photos(folder / "photos", photo_px)
    job = SetJob(num_images=len(files), image=lambda number: files[number].read_bytes(), kind="general")
    corpus = Corpus.of(
        [write(job, folder / "general"), make_pages(folder / "photos", page_px, folder / "pages")],
    )
    alone, two = (rate(partial(drained, corpus, side_px, num_images, count)) for count in (0, 2))
    limit = decoded(corpus, side_px, num_images)
    wanted = f"{alone / tiny:.1f} times the tiny model"
    if side_px > 64:
        most = H200_IMAGES * (256 / side_px) ** 2
        wanted = f"{most:.1f}/s an H200: {WANTED * most / alone:.1f} threads for {WANTED} times"
    numbers = f"{alone:.0f} | {two:.0f} | {limit:.0f} | {alone / limit:.2f}"
    print(f"| {side_px} | {page_px} | {photo_px} | {numbers} | {wanted} |", flush=True)


if __name__ == "__main__":
    main()
