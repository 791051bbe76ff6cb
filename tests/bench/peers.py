"""The peers of the rendering benchmark: Pillow in this process, neots and SynthTIGER in environments.

All is counted in CPU seconds of one process and compared at an equal pixel area, the 512x512 page.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

PAGE_PX = 512
HERE = Path(__file__).resolve().parent
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}

# Every package of each environment, installed without asking for dependencies: imgaug and SynthTIGER name
# opencv-python, which would write over the headless wheel's cv2/.
NEOTS_PINS = """
    anyio==4.16.0 click==8.5.1 datasets==5.2.0 dill==0.4.1 filelock==4.2.11 fsspec==2026.9.0 h11==0.16.0
    hf-xet==1.8.0 httpcore2==2.16.2 httpx2==2.16.2 huggingface-hub==2.4.0 idna==3.20 multiprocess==0.70.19
    neots==0.3.4 numpy==2.4.6 packaging==26.3 pandas==3.1.1 pillow==13.0.0 pyarrow==26.0.1
    python-dateutil==4.0.0 pyyaml==6.0.3 tqdm==4.70.1 truststore==0.10.5 typing-extensions==4.16.0
    tzdata==2026.6 xxhash==4.1.0"""
SYNTHTIGER_PINS = """
    arabic-reshaper==3.1.0 blend-modes==2.2.0 contourpy==1.3.3 cycler==0.12.1 fonttools==4.68.0
    imageio==2.38.1 imgaug==0.4.0 kiwisolver==1.5.1 lazy-loader==0.6 matplotlib==3.11.2 networkx==3.6.1
    numpy==1.26.4 opencv-python-headless==4.9.0.80 packaging==26.3 pillow==9.5.0 pygame==2.6.1
    pyparsing==3.3.3 python-bidi==0.6.12 python-dateutil==4.0.0 pytweening==1.2.0 pyyaml==6.0.3
    regex==2026.11.15 scikit-image==0.24.0 scipy==1.17.1 shapely==2.2.0 six==1.17.0 synthtiger==1.2.1
    tifffile==2026.3.3 tzdata==2026.6"""


class Line(NamedTuple):
    """One line of text, wrapped already; its pen starts at (x_px, y_px), y_px on the baseline."""

    text: str
    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every peer draws: a page of `PAGE_PX` squared in one face, on photographs of a folder."""

    lines: Sequence[Line]
    font_path: str
    size_px: int
    photos: str  # a folder of JPEG files

    def __post_init__(self) -> None:
        if not self.lines:
            raise ValueError("lines is empty: give at least one line of text")
        if not list(Path(self.photos).glob("*.jpg")):
            raise ValueError(f"photos={self.photos!r} holds no .jpg file: name a folder of JPEG photographs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One measurement of one peer: what its fastest round made."""

    peer: str
    way: str
    ground: str  # "photo" | "plain"
    saved: bool  # as PNG files
    num_images: int
    num_pixels: int
    num_chars: int
    cpu_seconds: float

    @property
    def pages_per_second(self) -> float:
        """Pages of 512x512 in pixel area, per CPU second."""
        return self.num_pixels / PAGE_PX**2 / self.cpu_seconds

    @property
    def chars_per_second(self) -> float:
        return self.num_chars / self.cpu_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A Python package that is measured in an environment of its own."""

    name: str
    pins: str

    @property
    def script(self) -> Path:
        return HERE / f"peer_{self.name}.py"


NEOTS = Peer(name="neots", pins=NEOTS_PINS)
SYNTHTIGER = Peer(name="synthtiger", pins=SYNTHTIGER_PINS)


def cpu_seconds(work: Callable[[], object], repeats: int = 9) -> float:
    """CPU seconds of the fastest of `repeats` calls of `work`, after one call that is not counted.

    The fastest, because neighbours on a shared machine only ever make work slower.
    """
    work()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def spend(render: Callable[[int], tuple[int, int]], budget_seconds: float) -> dict[str, float]:
    """Calls `render(0), render(1), ...` within the CPU budget; returns the fastest of five rounds.

    `render` returns the pixels and the characters it made; the fastest round has the most pixels a second.
    """
    rounds: list[dict[str, float]] = []
    index = 0
    while len(rounds) < 5:
        num_images = num_pixels = num_chars = 0
        start = time.process_time()
        while (spent := time.process_time() - start) < budget_seconds / 5:
            pixels, chars = render(index)
            num_pixels, num_chars = num_pixels + pixels, num_chars + chars
            num_images, index = num_images + 1, index + 1
        counts = {"num_images": num_images, "num_pixels": num_pixels, "num_chars": num_chars}
        rounds.append({**counts, "cpu_seconds": spent})
    return max(rounds, key=lambda row: row["num_pixels"] / row["cpu_seconds"])


def pillow_page(lines: Sequence[Line], font_path: str, size_px: float, background: Any, repeats: int = 9) -> float:
    """CPU seconds in which Pillow draws the lines onto `background`, uint8 (height, width, 3).

    `ImageDraw.text` a line with raqm, the layout that shapes with HarfBuzz as ours does; the loaded font is
    reused and has drawn the page once before the clock starts. Copying and encoding are not counted.
    """
    from PIL import Image, ImageDraw, ImageFont, features

    if not features.check("raqm"):
        raise ValueError("this Pillow has no raqm: install the wheel from PyPI, which carries it")
    font = ImageFont.truetype(font_path, size_px, layout_engine=ImageFont.Layout.RAQM)
    draw = ImageDraw.Draw(Image.fromarray(background))

    def page() -> None:
        for text, x_px, y_px in lines:
            draw.text((x_px, y_px), text, fill=(0, 0, 0), font=font, anchor="ls")

    return cpu_seconds(page, repeats)


def run_peer(peer: Peer, page: Page, budget_seconds: float = 3.0) -> list[Speed]:
    """Measures the peer in its environment, made on first use, `budget_seconds` of CPU a way.

    The docstring of its script says what is run. Raises RuntimeError with the peer's own last words.
    """
    job = json.dumps({**asdict(page), "page_px": PAGE_PX, "budget_seconds": budget_seconds})
    command = [str(environment(peer)), str(peer.script)]
    done = subprocess.run(command, input=job, capture_output=True, text=True, env={**os.environ, **ONE_THREAD})
    if done.returncode:
        raise RuntimeError(f"{peer.name} failed ({' '.join(command)}):\n{done.stderr[-2000:]}")
    return [Speed(peer=peer.name, **row) for row in json.loads(done.stdout.splitlines()[-1])]


def environment(peer: Peer) -> Path:
    """The Python of the peer's environment under `$SMALLPRINT_CACHE` or `~/.cache/smallprint`."""
    cache = Path(os.environ.get("SMALLPRINT_CACHE") or Path.home() / ".cache" / "smallprint")
    folder, pins = cache / "peers" / peer.name, peer.pins.split()
    python, installed = folder / "bin" / "python", folder / "pins.txt"
    if not (installed.exists() and installed.read_text().split() == pins):
        print(f"installing {len(pins)} packages into {folder}", file=sys.stderr)
        subprocess.run([_python311(), "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", "--no-deps", *pins], check=True)
        installed.write_text("\n".join(pins) + "\n")
    return python


def _python311() -> str:
    """The pins were resolved for Python 3.11 and run on no other."""
    found = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if found is None:
        raise ValueError("the peers' pins need Python 3.11: put python3.11 on the PATH")
    return found
