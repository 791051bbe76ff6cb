"""Rows of a curation as pictures of its report."""

from typing import Any

import pyarrow as pa

from curate.expressions import expression
from curate.picture import BadImage
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.thumbnails import DETAIL_QUALITY, Pixels, detail, picture, side_by_side, whole
from pipelines.pictures import Picture

PAIR_PX = 165
MAX_TEXT = 220
DENSITY = ("ocr_chars", "ocr_chars_per_mpx")
TEXTS = ("ocr_text", "layer_text")  # the first there is


class Samples:
    """Makes pictures of rows by number, each image read once."""

    def __init__(self, table: ScoreTable) -> None:
        self._table = table
        self._seen: dict[int, tuple[Pixels, ...]] = {}  # whole and detail; empty where it cannot be read any more

    def name(self, row: int) -> str:
        """The image's name within its source."""
        return str(self._table.row(row, ["id"])["id"]).partition("/")[2]

    def pictures(self, row: int, note: str = "", tone: str = "") -> tuple[Picture, ...]:
        """The whole image, and under it its most detailed part; none where it cannot be read any more."""
        if row not in self._seen:
            self._seen[row] = self._read(row)
        if not self._seen[row]:
            return ()
        small, large = self._seen[row]
        caption = f"{note} · {self.name(row)}" if note else self.name(row)
        return picture(small, "", tone), picture(large, caption, "", DETAIL_QUALITY)

    def _read(self, row: int) -> tuple[Pixels, ...]:
        try:
            data = self._table.image(row)
            return whole(data, limits=self._table.limits), detail(data, self._table.limits)
        except (BadImage, OSError):  # of the image, or of where it lies
            return ()

    def at(self, row: int, text: str) -> str:
        """What an expression over columns comes to for a row."""
        parsed = expression(text)
        values = self._table.row(row, list(parsed.columns))
        return amount(float(parsed.numbers(pa.RecordBatch.from_pylist([values]))[0]))

    def density(self, row: int) -> str:
        """How dense in characters a row is, and the beginning of its text."""
        values = self._table.row(row, [name for name in (*DENSITY, *TEXTS) if name in self._table.schema.names])
        texts = [values.pop(name, None) or "" for name in TEXTS]
        text = " ".join((texts[0] or texts[1]).split())
        text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} ..."
        amounts = [f"{amount(round(value))} {name}" for name, value in values.items() if value is not None]
        return ", ".join(amounts) + (f": {text}" if text else "")

    def pair(self, kind: str, original: int, duplicate: int) -> list[Picture]:
        """Two rows side by side in one picture; none where one cannot be read any more."""
        try:
            parts = [whole(self._table.image(row), PAIR_PX, self._table.limits) for row in (original, duplicate)]
        except (BadImage, OSError):
            return []
        caption = f"{kind}: {self.name(duplicate)} repeats {self.name(original)}"
        return [picture(side_by_side(parts), caption)]


def amount(value: Any) -> str:
    """A value as read: 1,234 or 0.123."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
