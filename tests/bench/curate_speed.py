"""Speed and memory of decoding and all pixel scorers; CPU seconds of one process and thread."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from quality_cases import large_photos

from curate.picture import Picture
from curate.scorers import open_scorers

SCORERS = ("sanity", "compression", "fingerprint", "sharpness")
WIDTH_PX, HEIGHT_PX = 1400, 1000
ROUNDS = 5
SCRIPT = Path(__file__).resolve().parents[2] / "pipelines" / "curate.py"
NUM_COPIES = 40  # of each file, so that start-up counts little

MEMORY_PROBE = """
def peak_kb():  # of this program: ru_maxrss would begin with that of the one that started it
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

import sys
import numpy as np
from curate.picture import Picture
from curate.scorers import open_scorers
data = open(sys.argv[1], "rb").read()
scorers = open_scorers(sys.argv[3:])
small = open(sys.argv[2], "rb").read()
for scorer in scorers:
    scorer([Picture(small)])
picture = Picture(data)
num_pixels = picture.rgb.size // 3
before = peak_kb()
for scorer in scorers:
    scorer([picture])
print((peak_kb() - before) * 1024 / num_pixels)
"""


def save_jpegs(data: Path, folder: Path) -> int:
    """The middle of every large photo that has 1400 x 1000 px, as JPEG q90; how many."""
    count = 0
    for photo in large_photos(data):
        rgb = Picture((data / "natural" / photo).read_bytes()).rgb
        top, left = (rgb.shape[0] - HEIGHT_PX) // 2, (rgb.shape[1] - WIDTH_PX) // 2
        if min(top, left) >= 0:
            bgr = rgb[top : top + HEIGHT_PX, left : left + WIDTH_PX, ::-1]
            cv2.imwrite(str(folder / f"{count:03d}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])
            count += 1
    return count


def scoring(folder: Path) -> None:
    """Prints the speed of all, of decoding alone, and what each scorer adds."""
    files = [path.read_bytes() for path in sorted(folder.iterdir())]
    scorers = dict(zip(SCORERS, open_scorers(SCORERS), strict=True))

    def everything(data: bytes) -> None:
        picture = Picture(data)
        for scorer in scorers.values():
            scorer([picture])

    print(f"| decode and all pixel scorers | {1 / _seconds(everything, files):.1f} |")
    print(f"| decode alone, RGB and grey | {1 / _seconds(lambda data: Picture(data).grey, files):.1f} |")
    for name, scorer in scorers.items():
        pictures = [Picture(data) for data in files]
        assert all(picture.rgb.size and picture.grey.size for picture in pictures)
        print(f"  {name}: {1e3 * _seconds(lambda picture, scorer=scorer: scorer([picture]), pictures):.2f} ms an image")


def _seconds(work: Callable[..., object], items: list[Any]) -> float:
    """CPU seconds an item of the fastest round, after one that is not counted."""
    taken = []
    for _ in range(ROUNDS + 1):
        start = time.process_time()
        for item in items:
            work(item)
        taken.append((time.process_time() - start) / len(items))
    return min(taken[1:])


def memory() -> None:
    """Prints the peak of each scorer alone and of all beyond that of decoding, bytes a px, at 24 megapixels.

    While it decodes, a process holds the picture twice: 3 bytes a px more than the decoded picture."""
    with TemporaryDirectory() as name:
        large, small = Path(name, "large.jpg"), Path(name, "small.jpg")
        levels = np.random.default_rng(1).integers(0, 256, (500, 750, 3), dtype=np.uint8)
        pixels = cv2.resize(levels, (6000, 4000), interpolation=cv2.INTER_CUBIC)
        large.write_bytes(_jpeg(pixels))
        small.write_bytes(_jpeg(pixels[:256, :256]))
        for names in (*((one,) for one in SCORERS), SCORERS):
            command = [sys.executable, "-c", MEMORY_PROBE, str(large), str(small), *names]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=SCRIPT.parents[1])
            peak = f"{' + '.join(names)}: {float(done.stdout):.1f} bytes a px (at most 9)"
            print(f"memory beyond the peak of decoding, {peak}")


def _jpeg(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def workers(folder: Path) -> None:
    """Prints how two workers of one job compare with two jobs of one worker at once, images a second."""
    with TemporaryDirectory() as name:
        corpus = Path(name, "corpus")
        corpus.mkdir()
        for path in folder.iterdir():
            for copy in range(NUM_COPIES):  # other bytes each, so that none is a duplicate
                (corpus / f"{path.stem}-{copy}.jpg").write_bytes(path.read_bytes() + bytes([copy]))
        count = len(list(corpus.iterdir()))
        began = time.monotonic()
        copies = [_score(corpus, Path(name, f"copy{i}"), 1) for i in range(2)]
        assert not any(copy.wait() for copy in copies), "a copy failed"
        apart = 2 * count / (time.monotonic() - began)
        began = time.monotonic()
        assert not _score(corpus, Path(name, "two"), 2).wait(), "the job failed"
        together = count / (time.monotonic() - began)
    print(f"two workers {together:.1f} images/s, two copies at once {apart:.1f}: {together / apart:.2f} (aim .95)")


def _score(corpus: Path, out: Path, num_workers: int) -> subprocess.Popen[bytes]:
    flags = ["--source", str(corpus), "--out", str(out), "--ocr", "none"]
    flags += ["--backend", "processes", "--workers", str(num_workers)]
    command = [sys.executable, str(SCRIPT), "score", *flags]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
