"""An OCR round trip: lines cut by their labels from a dataset's images, read, compared with their text."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.ocr import OcrEngine, RapidOcr
from pipelines.rendered.crops import cut, is_vertical
from pipelines.shards.codec import decode
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows, spread

COLUMNS = ("image", "source", "lines")
LEADER = re.compile(r"\.{7,}")  # a Chinese ellipsis is six dots
Key = tuple[str, int, str]  # language, px, ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How well lines of one language, size and ground are read.

    px is the em rounded down; ground "photo" or "plain"; accuracy the mean of 1 - normalised edit distance;
    stderr its standard error, the lines of one image counted as one draw (nan for a single image).
    """

    language: str
    px: int
    ground: str
    accuracy: float
    stderr: float
    num_lines: int


def round_trip(
    folder: str, num_images: int = 100, *, lines_per_image: int = 4, engine: OcrEngine | None = None
) -> list[Cell]:
    """Read lines of images spread evenly over a dataset; the cells in order of language, ground and size.

    Vertical lines are left out. Raises ModuleNotFoundError where no engine is given and rapidocr is missing.
    """
    engine = engine or RapidOcr()
    rows = Rows(Folder(folder))
    scores: dict[Key, list[list[float]]] = defaultdict(list)  # by image
    for row in rows.take(spread(len(rows), num_images), COLUMNS):
        of_image: dict[Key, list[float]] = defaultdict(list)
        for key, score in _scores(row, lines_per_image, engine):
            of_image[key].append(score)
        for key, values in of_image.items():
            scores[key].append(values)
    return [_cell(key, scores[key]) for key in sorted(scores, key=lambda key: (key[0], key[2], key[1]))]


def _scores(row: dict[str, Any], num_lines: int, engine: OcrEngine) -> Iterator[tuple[Key, float]]:
    level = [line for line in row["lines"] if not is_vertical(line)]
    lines = [level[i] for i in spread(len(level), num_lines)] if level else []
    rgb = decode(row["image"]["bytes"])
    ground = "photo" if row["source"] else "plain"
    readings = engine.recognise([cut(rgb, line["quad_px"]) for line in lines])
    for line, (text, _) in zip(lines, readings, strict=True):
        yield (line["language"], int(line["size_px"]), ground), similarity(line["text"], text)


def similarity(text: str, reading: str) -> float:
    """1 - normalised edit distance, 0 to 1; spaces, the width of signs (， or ,) and the rows of dots
    that lead to a price, which readers leave out, do not count."""
    from rapidfuzz.distance import Levenshtein  # comes with the OCR engine

    return float(Levenshtein.normalized_similarity(_plain(text), _plain(reading)))


def _plain(text: str) -> str:
    return LEADER.sub("", "".join(unicodedata.normalize("NFKC", text).split()))


def _cell(key: Key, by_image: list[list[float]]) -> Cell:
    language, px, ground = key
    values = np.concatenate(by_image)
    mean, n = float(values.mean()), len(by_image)
    sums = np.array([sum(value - mean for value in image) for image in by_image])
    spread_of_mean = float(np.sqrt((sums**2).sum() * n / (n - 1)) / len(values)) if n > 1 else float("nan")
    return Cell(
        language=language,
        px=px,
        ground=ground,
        accuracy=mean,
        stderr=spread_of_mean,
        num_lines=len(values),
    )
