"""How fast rendering is, in ratios measured in one run: `SMALLPRINT_DATA=... python tests/bench/bench_render.py`.

CPU seconds of one process and one thread; the photos' verdicts are made beforehand. Parts by name, all by default:
text (against Pillow), pages (whole records, beside the libraries that decode, reduce, encode and hash, by themselves),
default (the default recipe, cold, fresh seed), sizes (1,024 and 2,048 px), styles (a new face and size on every page),
workers (two against two copies), peers (neots, SynthTIGER).
"""

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parent)]

from speed_pages import (  # noqa: E402  (the checkout goes first)
    CHINESE,
    ENGLISH,
    bare_images_per_second,
    cold,
    images_per_second,
    save_jpegs,
    settings_of,
)
from speed_text import measure  # noqa: E402

from pipelines.photos import build_index  # noqa: E402
from render.recipe import Recipe  # noqa: E402

NAMES = {ENGLISH: "English 10 px", CHINESE: "Chinese 16 px"}


class Bench:
    """What the parts share: photos, their index, and the speed of the plain page."""

    def __init__(self, folder: Path) -> None:
        natural = Path(os.environ["SMALLPRINT_DATA"], "natural")
        self.jpegs, self.files = str(folder / "jpegs"), str(natural)
        num_photos = save_jpegs(natural, Path(self.jpegs))
        self.jpeg_index, self.file_index = str(folder / "jpeg_index"), str(folder / "file_index")
        build_index(self.jpegs, self.jpeg_index, min_side_px=512, num_workers=2, backend="processes")
        build_index(self.files, self.file_index, min_side_px=512, num_workers=2, backend="processes")
        print(f"{num_photos} photos as 1024x768 JPEG q90")

    def speed(self, recipe: Recipe, num_images: int = 400, *, files: bool = False) -> float:
        photos, index = (self.files, self.file_index) if files else (self.jpegs, self.jpeg_index)
        return images_per_second(settings_of(recipe, photos, index, num_images))[0]


def text(bench: Bench) -> None:
    for language, blit_aim, shape_aim in (("en", 30, 12), ("zh", 25, 18)):
        ms = measure(language)
        both = ms["wrap, shape, blit"]
        print(
            f"text {language}: {ms['characters']:.0f} characters; blit {ms['blit']:.2f} ms, with wrap and shaping "
            f"{both:.2f} ms, Pillow {ms['pillow']:.1f} ms: {ms['pillow'] / ms['blit']:.1f} times (aim {blit_aim}) and "
            f"{ms['pillow'] / both:.1f} times (aim {shape_aim})"
        )


def pages(bench: Bench) -> None:
    limits = {crops: bare_images_per_second(bench.jpegs, crops) for crops in (1, 4)}
    for recipe, name in NAMES.items():
        for crops, files, aim in ((1, False, 170), (4, False, 250), (4, True, 120)):
            speed = bench.speed(replace(recipe, crops_per_photo=crops), files=files)
            kind = "photo files as they are" if files else "1024x768 JPEG"
            limit = "" if files else f", {speed / limits[crops]:.0%} of the bare libraries' {limits[crops]:.0f}"
            print(f"page {name}, {kind}, {crops} crops a decode: {speed:.0f} images/s (aim {aim}){limit}")


def default(bench: Bench) -> None:
    plain = bench.speed(replace(ENGLISH, crops_per_photo=4)) / 2 + bench.speed(replace(CHINESE, crops_per_photo=4)) / 2
    started, ready, peak = cold("Recipe()", bench.jpegs, bench.jpeg_index, 1000)
    print(
        f"default recipe, fresh process and seed, 1,000 images: {ready:.0f} images/s ({started:.0f} with start-up), "
        f"{ready / plain:.0%} of the plain page's {plain:.0f} (aim 60%); peak {peak:.0f} MB (aim under 700)"
    )


def sizes(bench: Bench) -> None:
    base = 0.0
    for side in (512, 1024, 2048):
        recipe = replace(ENGLISH, image_size=(str(side),), crops_per_photo=4)
        index = f"{bench.file_index}_{side}"
        build_index(bench.files, index, min_side_px=side, num_workers=2, backend="processes")
        count = 400 * 512**2 // side**2
        speed, _ = images_per_second(settings_of(recipe, bench.files, index, count), warm_images=count // 4)
        cost = 1e3 / speed / (side / 1000) ** 2
        base = base or cost
        print(f"pages of {side} px: {cost:.1f} ms a megapixel, {cost / base:.2f} of that at 512 px (aim 1.2)")


def styles(bench: Bench) -> None:
    recipe = replace(CHINESE, size_px=(14.0, 20.0), crops_per_photo=4)
    warm, new = bench.speed(recipe), bench.speed(replace(recipe, style_block=1))
    print(f"a new face and size on every Chinese page: {warm / new:.2f} times the cost of a warm one (aim under 2)")


def workers(bench: Bench) -> None:
    def run(out: str, count: int) -> subprocess.Popen[bytes]:
        """A job of 2,000 images a worker, so that start and end weigh the same."""
        images = str(2000 * count)
        flags = ["--photos", bench.jpegs, "--photo-index", bench.jpeg_index, "--num-images", images, "--out", out]
        script = [sys.executable, str(HERE.parents[2] / "pipelines" / "render.py"), *flags]
        script += ["--images-per-shard", "100", "--backend", "processes", "--workers", str(count)]
        return subprocess.Popen(script, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        copies = [run(f"{folder}/copy{i}", 1) for i in range(2)]
        assert not any(copy.wait() for copy in copies), "a copy failed"
        apart = 4000 / (time.monotonic() - began)
        began = time.monotonic()
        assert not run(f"{folder}/two", 2).wait(), "the job failed"
        together = 4000 / (time.monotonic() - began)
    print(f"two workers {together:.0f} images/s, two copies at once {apart:.0f}: {together / apart:.2f} (aim .95)")


def peers(bench: Bench) -> None:
    from peer_speeds import wrap
    from peers import NEOTS, SYNTHTIGER, Page, run_peer

    from fonts.catalog import load_catalog

    font = load_catalog()["DejaVuSans"].path
    page = Page(lines=wrap(font, 10), font_path=font, size_px=10, photos=bench.jpegs)
    ours = bench.speed(ENGLISH)
    for peer, aim in ((NEOTS, 7), (SYNTHTIGER, 15)):
        for speed in run_peer(peer, page, 3.0):
            what = f"{speed.peer} {speed.way}, {speed.ground}, {'PNG' if speed.saved else 'unsaved'}"
            ratio = ours / speed.pages_per_second
            print(f"{what}: {speed.pages_per_second:.1f} pages/s; ours {ratio:.1f} times (aim {aim})")


PARTS: dict[str, Callable[[Bench], None]] = {
    f.__name__: f for f in (text, pages, default, sizes, styles, workers, peers)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"parts to run: {' '.join(PARTS)}")
    parts = parser.parse_args().parts
    if "SMALLPRINT_DATA" not in os.environ:
        raise SystemExit("bench_render.py: SMALLPRINT_DATA must name the folder of real photos and texts")
    print(f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for part in parts:
            PARTS[part](bench)


if __name__ == "__main__":
    main()
