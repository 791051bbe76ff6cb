"""Training and the model beside diffusers' sibling class, in one run: `python tests/bench/bench_train.py [PART ...]`.

skip    300 steps at widths 8 / 12, 64 px crops: global, local and no skip, three seeds (SMALLPRINT_DATA: real photos)
step    a training step, f16c64 at widths 16 / 24, 128 px, batch 2, against the sibling's, CPU
images  encode and decode, images/s and peak memory at 256, 1,024 and 2,048 px, beside the sibling
align   runs aligned with a teacher and not, five seeds each, and linear probes of their latents: bench_train_align.py
gpu     on CUDA: forward and backward with all losses at full width, 256 px, bf16, random teachers of true size: f16c64
        and f32c192 against the sibling and against the arithmetic limit
exact   a photo of --sides in tiles and whole, how far they differ, time and memory, on all cores (SMALLPRINT_DATA)
tiles   on CUDA: encode and decode at full width at --sides, tiled and not, beside the sibling
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2])]

import torch  # noqa: E402  (the checkout goes first)
from torch import nn  # noqa: E402

from tests.bench.bench_train_sibling import interleaved, reconstruct_theirs, sibling  # noqa: E402
from train.vae import Vae  # noqa: E402
from train.vae_config import make_config  # noqa: E402


def step() -> None:
    config = replace(make_config("f16c64"), encoder_width=16, decoder_width=24)
    torch.manual_seed(0)
    x = torch.rand(2, 3, 128, 128) * 2 - 1
    ours, theirs = Vae(config), sibling(config)

    def train(model: nn.Module, reconstruct: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], None]:
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

        def one() -> None:
            (reconstruct(x) - x).abs().mean().backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

        return one

    calls = {"ours": train(ours, ours), "sibling": train(theirs, lambda x: reconstruct_theirs(theirs, x))}
    best = interleaved(calls, rounds=8, clock=time.process_time)
    print("step: f16c64, widths 16 / 24, 128 px, batch 2, L1, fp32, one thread; CPU s, the fastest of 8")
    for name, seconds in best.items():
        print(f"  {name:<8} {seconds:.3f}")
    print(f"  sibling / ours {best['sibling'] / best['ours']:.2f} (aim: at least 1)")


def images(widths: tuple[int, int], sides_px: list[int], sibling_px: int) -> None:
    """sibling_px: the largest side at which the sibling is tried, whose memory is not bounded by a tile."""
    print(f"images: f16c64 at widths {widths[0]} / {widths[1]}, fp32, one thread, one image at a time, CPU")
    print("  each figure in a process of its own; memory is the peak above that before the call")
    for side_px in sides_px:
        for name in ("ours", "ours tiled", "sibling")[: 3 if side_px <= sibling_px else 2]:
            command = [sys.executable, str(HERE), "--one", name, str(side_px), *map(str, widths)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def one_image(name: str, side_px: int, widths: tuple[int, int]) -> None:
    torch.manual_seed(0)
    config = replace(make_config("f16c64"), encoder_width=widths[0], decoder_width=widths[1])
    x = torch.rand(1, 3, side_px, side_px) * 2 - 1
    ours: Any = sibling(config) if name == "sibling" else Vae(config)
    ours.eval().requires_grad_(False)
    if name == "ours tiled":
        ours.tile_px = 512
    frames = x[:, :, None] if name == "sibling" else x
    before = peak_kib()
    start = time.process_time()
    z = ours.encode(frames).latent_dist.mode()
    middle = time.process_time()
    ours.decode(z)
    end = time.process_time()
    peak = (peak_kib() - before) / 1024
    print(f"  {side_px:>5} px  {name:<10} encode {middle - start:7.2f} s, decode {end - middle:7.2f} s, {peak:7.0f} MB")


def peak_kib() -> int:
    """Most memory of this program so far; getrusage begins with the peak of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def align(work: Path, data: list[Path] | None, seeds: list[int], weight: float) -> None:
    from tests.bench.bench_train_align import align as compare  # numba and the pipelines only where they are needed

    compare(work, os.environ.get("SMALLPRINT_DATA", ""), data or [], seeds, weight)


def skip(num_steps: int = 300, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    from tests.train.skips import fit, make_data

    print(f"skip: f16c64 at widths 8 / 12, {num_steps} steps of 4 crops of 64 px of photos and rendered pages")
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), os.environ.get("SMALLPRINT_DATA", ""))
        for name in ("global", "local", "none"):
            found = [fit(name, seed, num_steps, data, Path(folder, f"{name}-{seed}")) for seed in seeds]
            shown = "   ".join(f"{l1:.4f} {psnr:.2f} dB" for l1, psnr in found)
            print(f"  {name:<7} held-out L1 and PSNR by seed: {shown}", flush=True)


def gpu(flags: argparse.Namespace) -> None:
    from tests.bench import bench_train_gpu  # the teachers only where they are needed

    bench_train_gpu.train(flags.models, flags.kinds or list(bench_train_gpu.KINDS), flags.batch, flags.profile)


def tiles(flags: argparse.Namespace) -> None:
    from tests.bench import bench_train_gpu

    bench_train_gpu.images(flags.models[0], flags.sides, flags.sibling_px)


def exact(name: str, widths: tuple[int, int], sides_px: list[int]) -> None:
    from tests.bench.bench_train_tiles import compare

    config = replace(make_config(name), encoder_width=widths[0], decoder_width=widths[1])
    photo = min(Path(os.environ["SMALLPRINT_DATA"], "natural").rglob("*.jpg"))
    print(f"exact: {name} at widths {widths[0]} / {widths[1]}, fp32, random weights, {photo.name}")
    for side_px in sides_px:
        compare(config, side_px, photo)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", default=["step", "images", "skip"], help="step, images, skip, align, exact, gpu, tiles"
    )
    parser.add_argument(
        "--widths", type=int, nargs=2, default=(24, 36), help="of images and exact (96 144: the full model)"
    )
    parser.add_argument(
        "--sides", type=int, nargs="+", default=[256, 1024, 2048], help="of images, exact and tiles, px"
    )
    parser.add_argument(
        "--sibling-px",
        type=int,
        default=2048,
        help="of images, tiles: the largest side untiled",
    )
    parser.add_argument(
        "--models", nargs="+", default=["f16c64", "f32c192"], help="of gpu; exact and tiles take the first"
    )
    parser.add_argument("--kinds", nargs="+", help="of gpu: rows of the table (all)")
    parser.add_argument("--batch", type=int, default=32, help="of gpu: images, halved where there is no room")
    parser.add_argument("--profile", action="store_true", help="of gpu: where each row's time goes")
    parser.add_argument("--work", type=Path, default=Path("align"), help="of align: its folder; resumes run by run")
    parser.add_argument("--data", type=Path, nargs=2, metavar=("TRAIN", "PROBED"), help="of align: shards of pages")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="of align")
    parser.add_argument("--align-weight", type=float, default=0.5, help="of align")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    if flags.one:
        name, side_px, *widths = flags.one
        return one_image(name, int(side_px), tuple(map(int, widths)))  # type: ignore[arg-type]
    print(f"{time.strftime('%Y-%m-%d')}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
          f"{os.getloadavg()[0]:.1f}, torch {torch.__version__}")  # fmt: skip
    pages = flags.data and [path.resolve() for path in flags.data]
    calls: dict[str, Callable[[], None]] = {
        "step": step,
        "images": lambda: images(tuple(flags.widths), flags.sides, flags.sibling_px),
        "skip": skip,
        "align": lambda: align(flags.work.resolve(), pages, flags.seeds, flags.align_weight),
        "exact": lambda: exact(flags.models[0], tuple(flags.widths), flags.sides),
        "gpu": lambda: gpu(flags),
        "tiles": lambda: tiles(flags),
    }
    for part in flags.parts:
        calls[part]()


if __name__ == "__main__":
    main()
