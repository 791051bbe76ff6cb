"""How fast evaluating is: `SMALLPRINT_DATA=... python tests/bench/bench_evaluate.py --images 12`.

Images a CPU second of one thread, on crops of 256 px from text blocks of documents: both OCR engines (PaddleOCR on
rapidocr's models), readings from the cache, lines one shape at a time, pixel metrics, a small autoencoder. Then what
processes add, in images a second of the clock.
"""

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import cv2  # noqa: E402  (one thread each, set first)
import numpy as np  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from curate.ocr import cut_line  # noqa: E402
from curate.paddle import build_models  # noqa: E402
from train.evaluation.reading import Reader  # noqa: E402
from train.metrics import psnr, ssim  # noqa: E402
from train.peers.autoencoders import open_autoencoder  # noqa: E402

SIDE_PX = 256
CHARACTER_PX = {"english": 10}  # of the benchmark; else Chinese, 16
MIN_CHARACTERS = 150


def crops(data: Path, count: int) -> list[np.ndarray]:
    """Top left corners of text blocks, one a page, so large that a character has the benchmark's size."""
    folder, found = data / "omnidocbench-demo", []
    for page in json.loads((folder / "OmniDocBench_demo.json").read_bytes()):
        rgb = cv2.imread(str(folder / "images" / page["page_info"]["image_path"]))[..., ::-1]
        character_px = CHARACTER_PX.get(page["page_info"]["page_attribute"]["language"], 16)
        for block in page["layout_dets"]:
            crop = _crop(rgb, block, character_px)
            if crop is not None:
                found.append(crop)
                break
    return [found[i % len(found)] for i in range(count)] if count <= len(found) else found


def _crop(rgb: np.ndarray, block: dict[str, Any], character_px: int) -> np.ndarray | None:
    num_characters = len(block.get("text") or "")
    if block["category_type"] != "text_block" or num_characters < MIN_CHARACTERS:
        return None
    left, top, right, bottom = (round(block["poly"][i]) for i in (0, 1, 4, 5))
    side = round(SIDE_PX * ((right - left) * (bottom - top) / num_characters) ** 0.5 / character_px)
    if left + side > rgb.shape[1] or top + side > rgb.shape[0]:
        return None
    part = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    return cv2.resize(part, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)


def cpu_seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def tell(what: str, count: int, seconds: float) -> None:
    print(f"| {what} | {count} | {count / seconds:.2f} | {1000 * seconds / count:,.1f} |", flush=True)


def readers(images: Sequence[np.ndarray], folder: Path) -> None:
    build_models(folder / "models")
    for engine, models in (("rapidocr", ""), ("paddleocr", str(folder / "models"))):
        with Reader(engine, models=models, cache=str(folder / engine)) as reader:
            reader.read([np.full((64, 64, 3), 255, np.uint8)])
            reader.read([np.ascontiguousarray(images[0][::-1])])  # the models are loaded
            tell(f"{engine} reads an image", len(images), cpu_seconds(lambda r=reader: r.read(images)))
            tell(f"{engine}, read before", len(images), cpu_seconds(lambda r=reader: r.read(images)))
            boxes = reader.read_lines(images)
            quads = [(i, np.array(line.quad_px, np.float32)) for i, lines in enumerate(boxes) for line in lines]
            lines = [cut_line(images[i], quad) for i, quad in quads]
            tell(f"{engine} recognises a line", len(lines), cpu_seconds(lambda r=reader, x=lines: r.recognise(x)))


def processes(images: Sequence[np.ndarray], folder: Path) -> None:
    for workers in (1, os.cpu_count() or 1):
        with Reader(cache=str(folder / f"workers{workers}"), workers=workers) as reader:
            reader.read([np.ascontiguousarray(image[::-1]) for image in images[:workers]])
            start = time.monotonic()
            reader.read(images)
            tell(f"rapidocr, {workers} processes (by the clock)", len(images), time.monotonic() - start)


def pixels(images: Sequence[np.ndarray], data: Path) -> None:
    batch = np.stack(images)
    other = np.stack([cv2.GaussianBlur(image, (0, 0), 0.7) for image in images])
    for what, figure in (("PSNR", psnr), ("SSIM", ssim)):
        figure(batch[:1], other[:1])
        tell(
            what,
            len(images),
            cpu_seconds(lambda f=figure: [f(a[None], b[None]) for a, b in zip(batch, other, strict=True)]),
        )
    model = open_autoencoder("taef2", str(data / "peer-vae"))
    model(batch[:1])
    tell("TAEF2, encode and decode", len(images), cpu_seconds(lambda: model(batch)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12)
    flags = parser.parse_args()
    if "SMALLPRINT_DATA" not in os.environ:
        raise SystemExit("bench_evaluate.py: SMALLPRINT_DATA must name the folder of real photos and texts")
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    data = Path(os.environ["SMALLPRINT_DATA"])
    images = crops(data, flags.images)
    print(f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("\n| what | n | a CPU second | ms |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        pixels(images, data)
        readers(images, Path(name))
        processes(images, Path(name))


if __name__ == "__main__":
    main()
