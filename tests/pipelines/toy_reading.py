"""Text read by a toy engine, and the jobs that read it, run as the commands of a curation run them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from curate.picture import Limits
from curate.scorers import Scorer
from curate.text import TextDensity
from pipelines.corpora.listing import write_entries
from pipelines.corpora.pdfs import DEFAULT_PAGES
from pipelines.corpora.sources import open_source
from pipelines.curation.scoretable import LIST, SCORES, TEXT, images_of, part_of
from pipelines.curation.scoring import Images, Reading, ScoreJob, TextJob
from pipelines.runner import run
from pipelines.shards.identity import claim_folder
from tests.curate.pictures import encoded
from tests.pipelines.curation import curate, write_bad, write_good


def page(reddish: bool) -> bytes:
    """A picture of written lines, on white or on a reddish ground."""
    pixels = np.full((240, 320, 3), 255, np.uint8)
    pixels[..., 1:] -= np.uint8(80 * reddish)
    for y in range(30, 240, 30):
        cv2.putText(pixels, "many small words here", (8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
    return encoded(pixels, "PNG")


class ToyEngine:
    """Reads one word wherever it looks; throws on reddish pictures."""

    version = "toy 1"

    def detect(self, rgb: Any) -> Any:
        if rgb[..., 0].mean() > rgb[..., 2].mean() + 40:
            raise RuntimeError("the engine broke")
        return np.array([[[4, 4], [90, 4], [90, 20], [4, 20]]], np.float32)

    def recognise(self, lines: Sequence[Any]) -> list[tuple[str, float]]:
        return [("word", 0.9) for _ in lines]

    def read(self, rgb: Any) -> list[Any]:
        return [(quad, "word", 0.9) for quad in self.detect(rgb)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyReading(Reading):
    """Reads with the toy engine."""

    def scorer(self, device: str = "") -> Scorer:
        return TextDensity(ToyEngine())


TOY = ToyReading(engine="toy", models="", device="cpu", text="full")


def listed(out: Path, source: Path) -> Images:
    """The images of a source, listed as the `score` command lists them."""
    folder = part_of(str(out), LIST)
    identity = {"sources": [str(source)], "licence": "CC0-1.0", "dpi": 150.0, "limits": asdict(Limits())}
    claim_folder(folder, identity)
    write_entries(folder, [open_source(str(source), "CC0-1.0")])
    return Images(list_url=folder.url, urls=(str(source),), limits=Limits(), pages=DEFAULT_PAGES)


def read_text(out: Path, images: Images, backend: str = "inline") -> None:
    """Run the text job with the toy engine over finished scores, on a pool of two."""
    scores, text = part_of(str(out), SCORES), part_of(str(out), TEXT)
    claim_folder(text, {"engine": "toy"})
    make_job = partial(TextJob, images, scores.url, text.url, TOY)
    num_shards = ScoreJob(images, ("sanity",), scores.url).num_shards
    run(make_job, num_shards, text.url, num_workers=2, backend=backend, actors=True)


def make_read(source: Path, out: Path) -> Path:
    """Score good and bad images and two pages, and read them."""
    write_good(source / "good", 12)
    write_bad(source / "bad")
    (source / "good/white.png").write_bytes(page(reddish=False))
    (source / "good/red.png").write_bytes(page(reddish=True))
    assert curate("score", out, source) == 0
    read_text(out, images_of(str(out)))
    return out
