"""Lines of charts read by an OCR engine: how near a reconstruction's reading comes to the original's and the truth."""

import math
import unicodedata
from collections.abc import Sequence

from train.acuity_charts.rows import Chart, Pixels
from train.evaluation.ned import text_similarity
from train.evaluation.reading import Reader

LinesOf = list[list[str]]  # by chart, by line


class LineReader:
    """Reads up to `most` lines of each chart, recognition alone: where the lines are is known.

    reader None: nothing is read, and no chart has lines.
    """

    def __init__(self, reader: Reader | None, most: int) -> None:
        self._reader, self.most = reader, most if reader else 0

    @property
    def version(self) -> str:
        """The engine and its models, "" for none."""
        return self._reader.version if self._reader else ""

    def read(self, charts: Sequence[Chart], images: Sequence[Pixels]) -> LinesOf:
        """What is read on each chart's image."""
        if self._reader is None or not self.most:
            return [[] for _ in charts]
        pictures = [chart.line_pictures(image, self.most) for chart, image in zip(charts, images, strict=True)]
        read = iter(self._reader.recognise([picture for of_chart in pictures for picture in of_chart]))
        return [[next(read)[0] for _ in of_chart] for of_chart in pictures]

    def truths(self, chart: Chart) -> list[str]:
        """The true texts of the lines that are read."""
        return [chart.texts[i] for i in chart.chosen_lines(self.most)] if self.most else []


def to_original(original: Sequence[str], seen: Sequence[str]) -> tuple[float, ...]:
    """Similarity of each line's reading to the original's, as the report's NED has it; nan where that is empty."""
    return tuple(text_similarity(a, b) if a else math.nan for a, b in zip(original, seen, strict=True))


def to_truth(truth: Sequence[str], seen: Sequence[str]) -> tuple[float, ...]:
    """Similarity of each line's reading to its true text; spaces and the width of signs do not count."""
    return tuple(text_similarity(_plain(a), _plain(b)) for a, b in zip(truth, seen, strict=True))


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())
