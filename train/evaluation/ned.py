"""Normalised edit distance between what an OCR engine reads on originals and on reconstructions: 1 is all of it.

Two means: the official evaluator's over originals that read as anything, and equation 5's over all images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read on one image's original and on its reconstruction, as it came: nothing is normalised.

    gt_boxes: where lines were found on the original: x, y, width, height in px.
    """

    file: str
    gt_text: str
    rec_text: str
    gt_boxes: tuple[Box, ...] = ()

    @property
    def ned(self) -> float:
        """0 to 1."""
        return text_similarity(self.gt_text, self.rec_text)


def text_similarity(original: str, reconstruction: str) -> float:
    """1 - edit distance / length of the longer, in characters; two empty texts are alike."""
    from rapidfuzz.distance import Levenshtein  # comes with the OCR engine

    return float(Levenshtein.normalized_similarity(original, reconstruction))


def official_ned(readings: Sequence[Reading]) -> tuple[float, int]:
    """The mean over originals that read as anything, and their number; nan where there is none."""
    values = [reading.ned for reading in readings if reading.gt_text]
    return (math.fsum(values) / len(values) if values else math.nan), len(values)


def ned_over_all(readings: Sequence[Reading]) -> float:
    """Equation 5: the mean over all images. Where neither of the two reads as anything, nothing was lost: 1."""
    return math.fsum(reading.ned for reading in readings) / len(readings) if readings else math.nan


def ned_details(readings: Sequence[Reading]) -> dict[str, Any]:
    """The content of ned_details.json; images whose original reads as nothing are left out of the details."""
    mean, num_valid = official_ned(readings)
    details = [
        {"file": reading.file, "gt_text": reading.gt_text, "rec_text": reading.rec_text, "ned": round(reading.ned, 4)}
        for reading in readings
        if reading.gt_text
    ]
    return {
        "avg_ned": None if math.isnan(mean) else round(mean, 4),
        "total_samples": len(readings),
        "valid_samples": num_valid,
        "details": details,
    }
