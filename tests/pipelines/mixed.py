"""Inputs of a small mix, really rendered and really curated, and the mix run in this process or as a user would."""

import io
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from pipelines.mixture import mixing
from tests.curate.pictures import blocks, encoded
from tests.digests import sha256
from tests.pipelines.curation import curate, write_good
from tests.pipelines.small_job import ROOT, start_script

SCRIPT = ROOT / "pipelines/mix.py"
RULES = """
{name}:
  kind: {kind}
  keep_duplicates: true
  rules:
    - {{column: "min(width_px, height_px)", at_least: 64}}
  weight: {{column: entropy_bits, at: 4, exponent: 2}}
"""
RATIOS = "general=0.5,text=0.25,synthetic=0.25"
NUM_BOOKS, NUM_PAGES = 8, 3
BLANK = "p_9.png"  # of every book, the same file
DOCUMENT = r"(.+)/p_\d+\.png"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """32 rendered images on four photos; those photos, a smaller copy of each and 24 others; eight books of pages,
    the last page of each blank."""

    rendered: Path
    general: Path
    text: Path
    photos: Path
    held: Path  # the photo of the lowest sha256: held out, its copy is not
    test_share: float

    def flags(self, out: Path | str, *more: str) -> list[str]:
        names = [str(folder) for folder in (self.rendered, self.general, self.text)]
        fixed = ["--document", DOCUMENT, "--test-share", str(self.test_share), "--images-per-shard", "4"]
        return ["--inputs", *names, "--out", str(out), "--ratios", RATIOS, *fixed, *more]


def make_inputs(rendered: Path, photos: Path, folder: Path) -> Inputs:
    """Curate what is mixed with a rendered set on these photos."""
    held = min(photos.iterdir(), key=lambda path: sha256(path.read_bytes()))
    bound = int(sha256(held.read_bytes())[:8], 16) + 1
    general = write_good(folder / "general")
    for photo in photos.iterdir():
        (general / photo.name).write_bytes(photo.read_bytes())
        (general / f"small_{photo.stem}.jpg").write_bytes(smaller_copy(photo, bound))
    for book in range(NUM_BOOKS):
        pages = folder / f"books/{book}"
        pages.mkdir(parents=True)
        for page in range(NUM_PAGES):
            (pages / f"p_{page}.png").write_bytes(encoded(blocks(1000 + 10 * book + page, 90, 120), "PNG"))
        (pages / BLANK).write_bytes(encoded(np.full((120, 90, 3), 255, np.uint8), "PNG"))
    return Inputs(
        rendered=rendered,
        general=pack(general, "general", folder / "curated-general"),
        text=pack(folder / "books", "text", folder / "curated-text"),
        photos=photos,
        held=held,
        test_share=bound / 2**32,
    )


def smaller_copy(photo: Path, bound: int) -> bytes:
    """A photo at three fifths of its size, saved so that its own hash is not held out."""
    with Image.open(photo) as image:
        small = image.convert("RGB").resize((image.width * 3 // 5, image.height * 3 // 5))
    for quality in range(90, 70, -1):
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality)
        if int(sha256(file.getvalue())[:8], 16) >= bound:
            return file.getvalue()
    raise AssertionError("no quality gives a hash above the bound")


def pack(source: Path, kind: str, out: Path) -> Path:
    """Score, select and pack a folder."""
    out.mkdir()
    rules = out / "rules.yaml"
    rules.write_text(RULES.format(name=kind, kind=kind))
    assert curate("score", out, source) == 0
    assert curate("select", out, None, "--rules", str(rules)) == 0
    assert curate("pack", out, None, "--images-per-shard", "10") == 0
    return out / f"packed/{kind}"


def mix(*args: str) -> int:
    """Run mix.py in this process; its exit code."""
    return mixing.execute(mixing.parse_settings([*args, "--workers", "0"]))


def start(*args: str) -> subprocess.Popen[str]:
    """Run it as a user would, on two processes."""
    return start_script(SCRIPT, [*args, "--backend", "processes", "--workers", "2"])


def rows(folder: Path, split: str, config: str = "*") -> list[dict[str, Any]]:
    """The rows of a part, shard by shard."""
    files = sorted(folder.glob(f"{split}/{config}/data/*.parquet"))
    return [row | {"file": str(file)} for file in files for row in pq.read_table(file).to_pylist()]


def kinds(found: list[dict[str, Any]]) -> Counter[str]:
    return Counter(row["kind"] for row in found)


def document_of(source: str) -> str:
    """The book that a page is of."""
    match = re.fullmatch(DOCUMENT, source)
    assert match is not None
    return match[1]
