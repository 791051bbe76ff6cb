"""How much text a picture holds: lines found on a reduced picture, and read only where that can matter."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curate.ocr import OcrEngine, Quads, cut_line, open_engine
from curate.picture import Picture, Pixels
from curate.scorers import batch
from curate.textcolumns import DETECTED, NONE, SCHEMA, estimated, measured, no_text
from curate.textlines import Line, ink_height, line_sizes, num_chars
from curate.textsample import PIECE, choose_pieces
from curate.textsearch import Search, all_lines, find_lines

MODES = ("density", "auto", "full")

DOUBT = 1.33  # a sample is trusted where it is further than this factor from the threshold
LONE = 0.95  # the confidence of a single character: detectors see them in any texture


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOptions:
    """What is read.

    text: "density" reads samples alone; "auto" also every line of a picture of which a sample cannot tell whether
    it is rich in text; "full" every line of each picture in which a line is found. rich_chars_per_mpx: from how
    many characters a megapixel a picture is rich in text. num_pieces: how many pieces of lines are a sample.
    min_confidence: 0 to 1, what a reading must have to count.
    """

    text: str = "auto"
    rich_chars_per_mpx: float = 150.0
    num_pieces: int = 8
    min_confidence: float = 0.6
    search: Search = field(default_factory=Search)

    def __post_init__(self) -> None:
        if self.text not in MODES:
            raise ValueError(f"text is {self.text!r}: use one of {', '.join(MODES)}")
        if not self.rich_chars_per_mpx > 0:
            raise ValueError(f"rich_chars_per_mpx is {self.rich_chars_per_mpx}: use a number above 0, about 150")
        if self.num_pieces < 1:
            raise ValueError(f"num_pieces is {self.num_pieces}: use 1 or more, about 8")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is {self.min_confidence}: use 0 to 1")


DEFAULT_TEXT = TextOptions()


class TextDensity:
    """Counts the characters of pictures by OCR. One engine a process; its models are loaded on first use."""

    schema = SCHEMA

    def __init__(self, engine: OcrEngine | None = None, options: TextOptions = DEFAULT_TEXT) -> None:
        self._engine = engine or open_engine()
        self._options = options

    @property
    def version(self) -> str:
        return f"text 2, {self._engine.version}, {self._options}"

    def __call__(self, pictures: Sequence[Picture]) -> pa.RecordBatch:
        return batch([self._row(picture.rgb) for picture in pictures], self.schema)

    def _row(self, rgb: Pixels) -> dict[str, Any]:
        quads = find_lines(self._engine, rgb, self._options.search)
        if not len(quads):
            return no_text(NONE)
        if self._options.text == "full":
            return self._read(rgb, all_lines(self._engine, rgb, self._options.search))
        lengths, heights = line_sizes(quads)
        if float((lengths / heights).sum()) <= self._options.num_pieces * PIECE:
            return self._read(rgb, quads)  # all lines are no longer than a sample
        row = self._sampled(rgb, quads)
        if self._options.text == "auto" and self._is_doubtful(row["ocr_chars_per_mpx"]):
            return self._read(rgb, all_lines(self._engine, rgb, self._options.search))
        return row

    def _is_doubtful(self, chars_per_mpx: float) -> bool:
        rich = self._options.rich_chars_per_mpx
        return rich / DOUBT < chars_per_mpx < rich * DOUBT

    def _read(self, rgb: Pixels, quads: Quads) -> dict[str, Any]:
        lines = [line for line in self._readings(rgb, quads) if line is not None]
        return measured(lines, rgb.shape[1], rgb.shape[0]) if lines else no_text(DETECTED)

    def _sampled(self, rgb: Pixels, quads: Quads) -> dict[str, Any]:
        pieces = self._readings(rgb, choose_pieces(quads, self._options.num_pieces))
        return estimated(quads, pieces, rgb.shape[1], rgb.shape[0])

    def _readings(self, rgb: Pixels, quads: Quads) -> list[Line | None]:
        """Each line as read; None for what is no text."""
        cuts = [cut_line(rgb, quad) for quad in quads]
        return [
            Line(quad=quad, text=text, confidence=sure, ink_px=ink_height(cut)) if self._is_text(text, sure) else None
            for quad, cut, (text, sure) in zip(quads, cuts, self._engine.recognise(cuts), strict=True)
        ]

    def _is_text(self, text: str, confidence: float) -> bool:
        chars = num_chars(text)
        needed = self._options.min_confidence if chars > 1 else max(LONE, self._options.min_confidence)
        return chars > 0 and confidence >= needed and any(map(str.isalnum, text))
