"""What is measured of a crop of the benchmark: its text, how sharp it is, its largest part without text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.fingerprint import perceptual_hashes
from curate.fusion import Net, shipped_nets
from curate.ocr import OcrEngine, Quads, Reading
from curate.pageblocks import columns, pitch_of
from curate.sharpness import scores
from curate.textlines import languages, num_chars, reading_order
from curate.tilefeatures import measure
from curate.tokenbench import CHAR_PX, Crop, Pixels, cut, language_of, read_in_turn, size_chars

CELLS = 32  # a side of the grid on which a part without text is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many recognised characters a sample holds, spaces not counted, by its language."""

    chars_zh: tuple[int, int] = (200, 600)
    chars_en: tuple[int, int] = (300, 600)

    def __post_init__(self) -> None:
        for name in ("chars_zh", "chars_en"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} is {low} {high}: give the fewest (1 or more) and the most characters")

    def of(self, language: str) -> tuple[int, int]:
        """Fewest and most for "zh" or "en"."""
        return self.chars_zh if language == "zh" else self.chars_en


class CropReader:
    """Reads crops of pages; the nets that judge sharpness are loaded once."""

    def __init__(self, engine: OcrEngine, bounds: Bounds) -> None:
        self._engine, self._bounds = engine, bounds
        self._nets = shipped_nets()

    def read(
        self, rgb: Pixels, crops: Sequence[Crop], hopeless: float
    ) -> list[tuple[Crop, dict[str, Any] | None, str]]:
        """Each crop of a page with what was measured, None and the reason where it was not read.

        hopeless: of the fewest characters wanted, how many the page's own text must say at least.
        """
        measured: dict[int, dict[str, Any]] = {}

        def is_enough(crop: Crop) -> bool:
            found = measured_of(cut(rgb, crop), self._engine, self._nets)
            measured[id(crop)] = found
            low, high = self._bounds.of(crop.language)
            return bool(found["text_language"] == crop.language and low <= found["num_chars"] <= high)

        lowest = {language: hopeless * self._bounds.of(language)[0] for language in CHAR_PX}
        return [(crop, measured.get(id(crop)), reason) for crop, reason in read_in_turn(crops, lowest, is_enough)]


def measured_of(rgb: Pixels, engine: OcrEngine, nets: Mapping[str, Net]) -> dict[str, Any]:
    """Everything that the benchmark decides by, of one crop; `text` in reading order, `ocr_text` in the engine's."""
    grey: Pixels = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)  # type: ignore[assignment]
    lines = engine.read(rgb)
    quads = np.array([quad for quad, _, _ in lines], np.float32).reshape(-1, 4, 2)
    ordered = [lines[number] for number in reading_order(quads)]
    text = "\n".join(line for _, line, _ in ordered)
    sharp = scores(measure(grey), nets)
    return {
        "text": text,
        "ocr_text": "".join(line for _, line, _ in lines),
        "lines": [{"text": line, "quad_px": quad.tolist()} for quad, line, _ in ordered],
        "num_chars": num_chars(text),
        "text_language": language_of(text),
        "script": next(iter(languages(text)), ""),
        "confidence": _confidence(lines),
        "clarity": sharp["clarity"] if sharp else None,
        "blank_share": blank_share(quads, *rgb.shape[:2]),
        "phash": None,
        "phash_fine": None,
    } | perceptual_hashes(grey)


def _confidence(lines: Sequence[Reading]) -> float | None:
    weights = [num_chars(text) for _, text, _ in lines]
    return float(np.average([sure for *_, sure in lines], weights=weights)) if sum(weights) else None


def blank_share(quads: Quads, height_px: int, width_px: int) -> float:
    """The largest upright rectangle into which no line reaches, as a share of the picture, 0 to 1.

    Half the space between two lines belongs to each, so that leading is not blank.
    """
    grid = np.zeros((CELLS, CELLS), np.uint8)
    scale = np.array([CELLS / width_px, CELLS / height_px], np.float32)
    for quad in quads:
        cv2.fillConvexPoly(grid, np.floor(quad * scale).astype(np.int32), (1,))
    return largest_empty(grid) / CELLS**2


def largest_empty(grid: NDArray[np.uint8]) -> int:
    """The number of cells in the largest rectangle of zeros."""
    heights, best = [0] * grid.shape[1], 0
    for row in grid.tolist():
        heights = [0 if cell else height + 1 for cell, height in zip(row, heights, strict=True)]
        best = max(best, _largest_under(heights))
    return best


def _largest_under(heights: Sequence[int]) -> int:
    """The largest rectangle under a row of columns."""
    best, open_at = 0, list[tuple[int, int]]()  # where a rectangle of a height begins
    for place, height in enumerate([*heights, 0]):
        start = place
        while open_at and open_at[-1][1] >= height:
            start, high = open_at.pop()
            best = max(best, high * (place - start))
        open_at.append((start, height))
    return best


def shown_char_px(quads: Quads, texts: Sequence[str], language: str) -> float:
    """The side of a character's square as the lines read show it, 0 without text; px of the crop.

    A crop was scaled by the block that it begins at: where most of it is of another size, this tells.
    """
    if not len(quads):
        return 0.0
    boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1).astype(np.float64)
    lengths = boxes[:, 2] - boxes[:, 0]
    area = sum(pitch_of(boxes[column]) * float(lengths[column].sum()) for column in columns(boxes))
    chars = sum(size_chars(text, language) for text in texts)
    return float((area / chars) ** 0.5) if chars else 0.0
