"""The figures of a trial, out of what evaluate.py and acuity.py wrote: names and means."""

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

from train.evaluation.files import read_evaluation

BANDS = {"5-9": range(5, 10), "10-13": range(10, 14), "14-20": range(14, 21)}
GATE = {"8": (8,), "18-20": (18, 19, 20)}  # em in px at which the working point is judged
LANGUAGES, GROUNDS = ("en", "zh"), ("paper", "photo")
Cell = dict[str, Any]


def of_images(folder: Path) -> dict[str, float]:
    """PSNR of each kind of held-out images, which their names begin with, dB; NED where the original reads as
    anything."""
    evaluation = read_evaluation(str(folder))
    found = {}
    for kind in sorted({row.file.partition("-")[0] for row in evaluation.good}):
        found[f"psnr/{kind}"] = fmean(row.figures["PSNR"] for row in evaluation.good if row.file.startswith(kind))
        if neds := [ned for file, ned in evaluation.neds.items() if file.startswith(kind)]:
            found[f"ned/{kind}"] = fmean(neds)
    return found


def of_charts(file: Path) -> dict[str, float]:
    """Forced choice and NED of the charts, means over sizes, by language, ground and band."""
    cells: list[Cell] = json.loads(file.read_bytes())["models"]["model"]["cells"]
    found = {}
    for language in LANGUAGES:
        for ground in GROUNDS:
            here = [cell for cell in cells if (cell["language"], cell["ground"]) == (language, ground)]
            for name, sizes in {**BANDS, **GATE}.items():
                place = f"{language}/{ground}/{name}"
                found[f"choice/{place}"] = _mean(here, sizes, lambda cell: cell["forced_choice"])
                found[f"ned/{place}"] = _mean(here, sizes, lambda cell: cell["ned"])
            found[f"choice/{language}/{ground}"] = _mean(here, range(5, 21), lambda cell: cell["forced_choice"])
    return found


def _mean(cells: Iterable[Cell], sizes: Iterable[int], value: Callable[[Cell], float | None]) -> float:
    known = [number for cell in cells if cell["size_px"] in sizes and (number := value(cell)) is not None]
    return fmean(known) if known else math.nan  # of so small a text not even the original reads
