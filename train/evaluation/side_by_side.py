"""Pictures beside their reconstructions: a part of each at its own pixels, words enlarged below."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train.evaluation.ned import Box

Pixels = NDArray[np.uint8]
PANEL_PX = 256
WORD_PX, ZOOM = (64, 16), 4  # width and height before enlarging; together a panel's width
NUM_WORDS = 2
MAX_ACROSS = 4
GAP_PX, HEAD_PX = 12, 20
PAPER, INK = 255, (40, 40, 40)
DIFFERENCE_GAIN = 4
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is shown of pictures of one size: a part, and words."""

    part: Box
    words: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Pictures of one size with their titles, what is shown of them, a caption, and what OCR read on them."""

    pictures: dict[str, Pixels]
    view: View
    caption: str
    texts: dict[str, str]


def difference(original: Pixels, reconstruction: Pixels) -> Pixels:
    """Where the two differ, four times as strong: white where they are alike."""
    apart = cv2.absdiff(original, reconstruction).astype(np.int32) * DIFFERENCE_GAIN
    return (255 - np.minimum(apart, 255)).astype(np.uint8)


def choose_view(original: Pixels, reconstruction: Pixels, lines: Sequence[Box]) -> View:
    """The part that differs most, and of its words that which differs most and a middling one."""
    apart = cv2.absdiff(original, reconstruction).astype(np.float32).mean(axis=2)
    part = _strongest(apart, (PANEL_PX, PANEL_PX))
    words = [_word(line) for line in lines]
    words = [box for box in (_within(word, part) for word in words) if box is not None]
    if not words:
        x, y, width, height = part
        box = _strongest(apart[y : y + height, x : x + width], WORD_PX)
        words = [(box[0] + x, box[1] + y, box[2], box[3])]
    ranked = sorted(words, key=lambda box: (-float(_cut(apart, box).mean()), box))
    chosen = [ranked[0], ranked[len(ranked) // 2]] if len(ranked) > 1 else ranked
    return View(part=part, words=tuple(chosen[:NUM_WORDS]))


def _strongest(apart: NDArray[np.float32], size: tuple[int, int]) -> Box:
    """Of the boxes of a grid over a map, that with the largest mean."""
    height, width = apart.shape
    wide, high = min(size[0], width), min(size[1], height)
    xs = np.linspace(0, width - wide, max(1, -(-width // wide))).astype(int)
    ys = np.linspace(0, height - high, max(1, -(-height // high))).astype(int)
    boxes = [(int(x), int(y), wide, high) for y in ys for x in xs]
    return max(boxes, key=lambda box: (float(_cut(apart, box).mean()), -box[1], -box[0]))


def _word(line: Box) -> Box:
    """A box of a word's size in the middle of a line."""
    x, y, width, height = line
    return x + (width - WORD_PX[0]) // 2, y + (height - WORD_PX[1]) // 2, *WORD_PX


def _within(box: Box, part: Box) -> Box | None:
    """The box moved into the part; None where its middle lies outside."""
    x, y, width, height = box
    left, top, wide, high = part
    if not (left <= x + width // 2 < left + wide and top <= y + height // 2 < top + high):
        return None
    width, height = min(width, wide), min(height, high)
    return min(max(x, left), left + wide - width), min(max(y, top), top + high - height), width, height


def _cut(picture: NDArray[np.generic], box: Box) -> NDArray[np.generic]:
    x, y, width, height = box
    return picture[y : y + height, x : x + width]


def draw(example: Example) -> Pixels:
    """The example's pictures from left to right, four in a row."""
    heads = [_titled(title) for title in example.pictures]
    high = max(head.shape[0] for head in heads)
    heads = [np.pad(head, ((high - head.shape[0], 0), (0, 0), (0, 0)), constant_values=PAPER) for head in heads]
    pairs = zip(heads, example.pictures.values(), strict=True)
    columns = [_column(head, picture, example.view) for head, picture in pairs]
    height, width = columns[0].shape[:2]
    across = min(len(columns), MAX_ACROSS)
    rows = -(-len(columns) // across)
    whole = np.full((rows * (height + GAP_PX) - GAP_PX, across * (width + GAP_PX) - GAP_PX, 3), PAPER, np.uint8)
    for i, column in enumerate(columns):
        y, x = i // across * (height + GAP_PX), i % across * (width + GAP_PX)
        whole[y : y + height, x : x + width] = column
    return whole


def _column(head: Pixels, picture: Pixels, view: View) -> Pixels:
    pieces = [head, np.asarray(_cut(picture, view.part), np.uint8)]
    for word in view.words:
        pieces.append(np.full((GAP_PX, 1, 3), PAPER, np.uint8))
        pieces.append(np.asarray(_cut(picture, word), np.uint8).repeat(ZOOM, 0).repeat(ZOOM, 1))
    width = max(PANEL_PX, *(piece.shape[1] for piece in pieces))
    wide = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=PAPER) for p in pieces]
    return np.concatenate(wide, axis=0)


def _titled(text: str, width: int = PANEL_PX) -> Pixels:
    """A text on as many lines as it takes to show it whole; none for no text."""
    lines = wrapped(text.encode("ascii", "replace").decode(), width)
    head = np.full((HEAD_PX * len(lines), width, 3), PAPER, np.uint8)
    for i, line in enumerate(lines):
        cv2.putText(head, line, (0, i * HEAD_PX + 14), FONT, FONT_SCALE, INK, 1, cv2.LINE_AA)
    return head


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most this many pixels, parted between words, or within one that is too long."""
    lines: list[str] = []
    for word in text.split():
        if lines and _length_px(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
            continue
        while _length_px(word) > width:
            fits = max(n for n in range(1, len(word)) if n == 1 or _length_px(word[:n]) <= width)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines


def _length_px(line: str) -> int:
    return int(cv2.getTextSize(line, FONT, FONT_SCALE, 1)[0][0])


def sheet(examples: Sequence[Example]) -> Pixels:
    """The examples one below the other, each with its caption."""
    rows = [draw(example) for example in examples]
    width = max(row.shape[1] for row in rows)
    parts: list[Pixels] = []
    for example, row in zip(examples, rows, strict=True):
        for piece in (_titled(example.caption, width), row, np.full((3 * GAP_PX, width, 3), PAPER, np.uint8)):
            parts.append(np.pad(piece, ((0, 0), (0, width - piece.shape[1]), (0, 0)), constant_values=PAPER))
    framed: Pixels = np.pad(np.concatenate(parts), ((8, 0), (8, 8), (0, 0)), constant_values=PAPER)
    return framed
