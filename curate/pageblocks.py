"""Blocks of text on a page without annotations: lines that OCR finds, joined to paragraphs, a few of them read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from curate.ocr import OcrEngine, Pixels, Quads, cut_line
from curate.textlines import num_chars, stands
from curate.textsearch import Search, all_lines
from curate.tokenbench import Block, Box, language_of, size_chars

Floats = NDArray[np.float64]

# All in line heights, as boxes of lines are high.
MAX_GAP = 0.9  # between two lines of a paragraph
MIN_STEP = 0.4  # from the middle of a line to that of the next; less is the same row
MAX_SIDESTEP = 3.0  # of the left end from a line to the next
INDENT, SHORT = 0.8, 4.0  # a line so far in begins a paragraph, one that ends so early ends it
LONGEST_UNREAD = 6.0  # lines that stand alone and are no longer tell nothing about a block
MAX_RATIO = 1.5  # of the heights of two lines of a paragraph
MIN_SHARED = 0.5  # of the narrower of two lines: what lies under the other
TELLING = 3  # lines of a paragraph that tell how far apart its lines are
NUM_READ = 2  # lines of a column, the longest
MIN_CONFIDENCE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What the lines read of a column say: characters a px of line, as sizes count them and without spaces."""

    language: str
    chars: float
    visible: float


UNREAD = Rate(language="", chars=0.0, visible=0.0)


def find_blocks(engine: OcrEngine, rgb: Pixels) -> list[Block]:
    """The blocks of a page: lines one below the other, parted where a paragraph begins.

    Only a few lines of each column are read; the number of characters of the others follows from their length.
    """
    quads = all_lines(engine, rgb, Search())
    lying = np.array([not stands(quad) for quad in quads], np.bool_)
    quads = quads[lying]
    boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1).astype(np.float64)
    return [block for column in columns(boxes) for block in _blocks(engine, rgb, quads, boxes, column)]


def columns(boxes: Floats) -> list[list[int]]:
    """Lines that go on one below the other, from top to bottom. boxes: (n, 4) left, top, right, bottom."""
    order = np.lexsort((boxes[:, 0], boxes[:, 1])).tolist() if len(boxes) else []
    below = {line: _nearest(boxes, line, order) for line in order}
    above: dict[int, int] = {}
    for line in order:
        after = below[line]
        if after >= 0 and (after not in above or boxes[above[after], 3] < boxes[line, 3]):
            above[after] = line
    follows = {line: after for after, line in above.items()}
    found = []
    for line in order:
        if line not in above:
            column = [line]
            while column[-1] in follows:
                column.append(follows[column[-1]])
            found.append(column)
    return found


def _nearest(boxes: Floats, line: int, order: Sequence[int]) -> int:
    """The line that goes on below another, -1 where none does."""
    here, others = boxes[line], boxes[order]
    height, heights = here[3] - here[1], others[:, 3] - others[:, 1]
    low, high = np.minimum(height, heights), np.maximum(height, heights)
    step = (others[:, 1] + others[:, 3] - here[1] - here[3]) / 2
    shared = np.minimum(here[2], others[:, 2]) - np.maximum(here[0], others[:, 0])
    narrower = np.minimum(here[2] - here[0], others[:, 2] - others[:, 0])
    fits = (step > MIN_STEP * low) & (others[:, 1] - here[3] < MAX_GAP * low) & (high <= MAX_RATIO * low)
    fits &= (shared >= MIN_SHARED * narrower) & (np.abs(others[:, 0] - here[0]) <= MAX_SIDESTEP * low)
    if not fits.any():
        return -1
    return int(order[int(np.where(fits, step, np.inf).argmin())])


def _blocks(engine: OcrEngine, rgb: Pixels, quads: Quads, boxes: Floats, column: list[int]) -> list[Block]:
    rate = _rate(engine, rgb, quads, boxes, column)
    usual = pitch_of(boxes[column])
    parts = paragraphs(boxes, column)
    return [_block(boxes[part], pitch_of(boxes[part]) if len(part) >= TELLING else usual, rate) for part in parts]


def pitch_of(boxes: Floats) -> float:
    """From a line to the next; of a single line its height."""
    middles = boxes[:, [1, 3]].mean(axis=1)
    return float(np.median(np.diff(middles)) if len(boxes) > 1 else boxes[0, 3] - boxes[0, 1])


def paragraphs(boxes: Floats, column: Sequence[int]) -> list[list[int]]:
    """A column parted before lines that are set in and after lines that end early."""
    here = boxes[list(column)]
    height = float(np.median(here[:, 3] - here[:, 1]))
    left, right = float(np.percentile(here[:, 0], 20)), float(here[:, 2].max())
    found = [[column[0]]]
    for before, line in pairwise(column):
        is_in = boxes[line, 0] - left > INDENT * height and boxes[before, 0] - left <= INDENT * height
        if is_in or right - boxes[before, 2] > SHORT * height:
            found.append([])
        found[-1].append(line)
    return found


def _rate(engine: OcrEngine, rgb: Pixels, quads: Quads, boxes: Floats, column: Sequence[int]) -> Rate:
    lengths = {line: float(boxes[line, 2] - boxes[line, 0]) for line in column}
    longest = sorted(column, key=lambda line: (-lengths[line], line))[:NUM_READ]
    height = boxes[longest[0], 3] - boxes[longest[0], 1]
    if len(column) == 1 and lengths[longest[0]] < LONGEST_UNREAD * height:
        return UNREAD
    read = engine.recognise([cut_line(rgb, quads[line]) for line in longest])
    sure = [
        (line, text) for line, (text, confidence) in zip(longest, read, strict=True) if confidence >= MIN_CONFIDENCE
    ]
    joined = " ".join(text for _, text in sure)
    length = sum(lengths[line] for line, _ in sure)
    if not num_chars(joined):
        return UNREAD
    language = language_of(joined)
    return Rate(language=language, chars=size_chars(joined, language) / length, visible=num_chars(joined) / length)


def _block(boxes: Floats, pitch: float, rate: Rate) -> Block:
    length = float((boxes[:, 2] - boxes[:, 0]).sum())
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return Block(
        box=Box(left=max(0.0, float(left)), top=max(0.0, float(top)), right=float(right), bottom=float(bottom)),
        area_px2=length * pitch,
        num_chars=length * rate.chars,
        visible_chars=length * rate.visible,
        language=rate.language,
        is_anchor=bool(rate.language),
    )
