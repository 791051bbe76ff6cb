"""Prints how fast the peers are on one English page: `python tests/bench/peer_speeds.py`, about a minute.

The page is 41 lines of 10 px text on 512x512; photographs are 1024x768 JPEG q90 crops made beforehand, from
`$SMALLPRINT_DATA/natural` where it is set and from scikit-image otherwise.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import skimage
from numpy.typing import NDArray
from peers import NEOTS, PAGE_PX, SYNTHTIGER, Line, Page, Peer, pillow_page, run_peer
from PIL import Image, ImageFont, ImageOps

NUM_LINES = 41
MARGIN_PX = 4
SKIMAGE_PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
ENGLISH = """The small print of a contract is read last and matters first. A page of a newspaper holds about
four thousand letters, a label on a bottle perhaps two hundred, and both are set in sizes that a hurried
reader calls grey. Measured closely, though, each letter keeps its shape: a bowl, a stem, some white."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", default=str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"))
    parser.add_argument("--size-px", type=int, default=10)
    parser.add_argument("--budget-seconds", type=float, default=3.0, help="CPU seconds a measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as photos:
        num_photos = save_photos(Path(photos))
        lines = wrap(options.font, options.size_px)
        page = Page(lines=lines, font_path=options.font, size_px=options.size_px, photos=photos)
        print(f"page: {sum(len(line.text) for line in lines)} characters, {num_photos} photos", flush=True)
        background = np.asarray(Image.open(next(Path(photos).glob("*.jpg"))))[:PAGE_PX, :PAGE_PX]
        _print_pillow(page, background)
        for peer in (NEOTS, SYNTHTIGER):
            _print_peer(peer, page, options.budget_seconds)
        _print_pillow(page, background)  # again: how far the machine's own speed has drifted meanwhile


def _print_pillow(page: Page, background: NDArray[np.uint8]) -> None:
    seconds = pillow_page(page.lines, page.font_path, page.size_px, background)
    print(f"pillow      text with raqm, drawing only         {1 / seconds:8.2f} pages/s", flush=True)


def _print_peer(peer: Peer, page: Page, budget_seconds: float) -> None:
    for speed in run_peer(peer, page, budget_seconds):
        what = f"{speed.way}, {speed.ground}, {'PNG' if speed.saved else 'unsaved'}"
        rates = f"{speed.pages_per_second:8.2f} pages/s {speed.chars_per_second:10,.0f} characters/s"
        print(f"{speed.peer:11} {what:36} {rates}", flush=True)


def wrap(font_path: str, size_px: int) -> list[Line]:
    """A page of English: words of the corpus, or of a short text again and again, filling each line."""
    font = ImageFont.truetype(font_path, size_px)
    pitch_px = PAGE_PX / NUM_LINES
    words = _words()
    lines: list[Line] = []
    text = next(words)
    while len(lines) < NUM_LINES:
        word = next(words)
        if font.getlength(f"{text} {word}") <= PAGE_PX - 2 * MARGIN_PX:
            text = f"{text} {word}"
        else:
            lines.append(Line(text, MARGIN_PX, (len(lines) + 0.8) * pitch_px))
            text = word
    return lines


def save_photos(folder: Path, num_photos: int = 16) -> int:
    """Writes up to `num_photos` centre crops of 1024x768 as JPEG q90 and returns how many there are."""
    data = os.environ.get("SMALLPRINT_DATA")
    if data:
        found = sorted(path for path in (Path(data) / "natural").rglob("*") if path.suffix in (".jpg", ".png"))
    else:
        found = [Path(skimage.__file__).parent / "data" / name for name in SKIMAGE_PHOTOS]
    photos = found[:: max(1, len(found) // num_photos)][:num_photos]
    for index, path in enumerate(photos):
        crop = ImageOps.fit(Image.open(path).convert("RGB"), (1024, 768))
        crop.save(folder / f"{index}.jpg", quality=90)
    return len(photos)


def _words() -> Iterator[str]:
    data = os.environ.get("SMALLPRINT_DATA")
    texts = sorted((Path(data) / "corpora" / "en").glob("*.txt")) if data else []
    words = (texts[0].read_text(encoding="utf-8") if texts else ENGLISH).split()
    while True:
        yield from words


if __name__ == "__main__":
    main()
