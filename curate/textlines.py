"""Lines of text on a picture: their sizes, the area they cover, reading order, and the languages of what was read."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.ocr import Pixels, Quads

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

STANDING = 1.5  # times as high as wide, as cut_line has it
LEADERS = re.compile(r"(?:[.·…．。‧・]\s*){4,}")
FAINT = 0.08  # of the strongest rows' contrast: rows below hold no ink
MASK_SIDE_PX = 1024  # the area is counted on a mask of at most this side
MIN_SHARE = 0.1  # of the letters: a language below it is not named
GUTTER = 1.0  # line heights between two columns
MIN_COLUMN = 6.0  # line heights: narrower is no column of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, or a piece of one, as it was read. Corners and the height of its ink are px of the picture."""

    quad: Quads
    text: str
    confidence: float
    ink_px: float


def line_sizes(quads: Quads) -> tuple[Floats, Floats]:
    """Length and height of each line in px, n values each."""
    sides = np.linalg.norm(quads - np.roll(quads, -1, axis=1), axis=2).reshape(-1, 4).astype(np.float64)
    width, height = np.maximum(sides[:, 0], sides[:, 2]), np.maximum(sides[:, 1], sides[:, 3])
    upright = height >= STANDING * width
    length, across = np.where(upright, height, width), np.where(upright, width, height)
    return np.maximum(length, 1.0), np.maximum(across, 1.0)


def stands(quad: Quads) -> bool:
    """Whether a line runs down the picture, not across it."""
    across, down = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
    return bool(down >= STANDING * across)


def ink_height(line: Pixels) -> int:
    """Height in px of the letters in a picture of one lying line, as its rows' contrast shows it.

    About .95 of the em in Chinese and .75 in English, whatever the scale at which a detector saw the line, whose
    boxes are 1.2 to 1.8 em high.
    """
    grey = cv2.cvtColor(line, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if min(grey.shape) < 3:
        return int(grey.shape[0])
    contrast = np.abs(np.diff(grey, axis=1)).mean(axis=1)
    contrast -= np.percentile(contrast, 5)
    inked = contrast > FAINT * np.percentile(contrast, 95)
    quarter = len(inked) // 4
    top = bottom = quarter + int(contrast[quarter : len(inked) - quarter].argmax())  # other lines may look in
    while top > 0 and inked[top - 1]:
        top -= 1
    while bottom < len(inked) - 1 and inked[bottom + 1]:
        bottom += 1
    return bottom - top + 1


def area_share(quads: Quads, width_px: int, height_px: int) -> float:
    """The share of the picture that lines cover, 0 to 1; where they overlap it counts once."""
    if not len(quads):
        return 0.0
    scale = min(1.0, MASK_SIDE_PX / max(width_px, height_px))
    mask = np.zeros((max(1, round(height_px * scale)), max(1, round(width_px * scale))), np.uint8)
    for quad in quads:
        cv2.fillConvexPoly(mask, np.rint(quad * scale).astype(np.int32), (1,))
    return float(mask.mean())


def reading_order(quads: Quads) -> list[int]:
    """The lines' numbers as they are read: columns from left to right, each from top to bottom.

    The page is parted into blocks from top to bottom, each with a gutter from its first line to its last or with
    none; what lies left of a gutter comes before what lies right of it, and each is parted again.
    """
    if not len(quads):
        return []
    _, heights = line_sizes(quads)
    boxes = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1).astype(np.float64)
    return _ordered(np.arange(len(quads)), boxes, float(np.median(heights)))


def _ordered(lines: Numbers, boxes: Floats, height: float) -> list[int]:
    order: list[int] = []
    for block in _blocks(lines, boxes, height):
        gutter = _gutter(boxes[block], height)
        if gutter is None:
            rows = _rows(boxes[block][:, [1, 3]].mean(axis=1), height)
            order += block[np.lexsort((boxes[block, 0], rows))].tolist()
        else:
            left = boxes[block, 0] < gutter
            order += _ordered(block[left], boxes, height) + _ordered(block[~left], boxes, height)
    return order


def _rows(middles: Floats, height: float) -> Numbers:
    """(n,) The row of each line, from the top: a row's lines lie at most half a height under its first."""
    order = np.argsort(middles, kind="stable")
    rows = np.zeros(len(middles), np.int64)
    row, first = 0, middles[order[0]]
    for line in order:
        if middles[line] > first + height / 2:
            row, first = row + 1, middles[line]
        rows[line] = row
    return rows


def _blocks(lines: Numbers, boxes: Floats, height: float) -> list[Numbers]:
    """The lines from top to bottom, as many together as share a gutter, or as have none one by one."""
    cuts = sorted(cut for cut, _ in _gaps(boxes[lines], 1))
    strip_of = np.searchsorted(cuts, boxes[lines, 1], side="right")
    blocks: list[Numbers] = []
    for number in range(len(cuts) + 1):
        strip = lines[strip_of == number]
        together = np.concatenate([*blocks[-1:], strip])
        alike = all(_gutter(boxes[part], height) is None for part in (*blocks[-1:], strip))
        if blocks and (alike or _gutter(boxes[together], height) is not None):
            blocks[-1] = together
        else:
            blocks.append(strip)
    return blocks


def _gutter(boxes: Floats, height: float) -> float | None:
    """Where the column right of the widest gutter begins; both sides of it must be as wide as columns."""
    left, right = boxes[:, 0].min(), boxes[:, 2].max()
    for cut, end in _gaps(boxes, 0):
        if cut - end < GUTTER * height:
            return None
        if end - left >= MIN_COLUMN * height and right - cut >= MIN_COLUMN * height:
            return cut
    return None


def _gaps(boxes: Floats, axis: int) -> list[tuple[float, float]]:
    """The gaps along an axis that no box reaches into, widest first: where each ends, and where it begins."""
    order = np.argsort(boxes[:, axis], kind="stable")
    ends, begins = boxes[order, axis][1:], np.maximum.accumulate(boxes[order, axis + 2])[:-1]
    widest = np.argsort(begins - ends, kind="stable")
    return [(float(ends[i]), float(begins[i])) for i in widest if ends[i] > begins[i]]


def num_chars(text: str) -> int:
    """What `ocr_chars` counts: characters, but no spaces, marks that join others, nor dots that lead the eye to
    a page number (four or more in a row)."""
    return sum(not char.isspace() and not unicodedata.combining(char) for char in LEADERS.sub("", text))


def languages(text: str) -> dict[str, float]:
    """The languages of a text and their shares of its letters, largest first; those under a tenth are left out.

    By script alone: "en" is Latin letters, "zh" or "zh-Hant" Han, "ja" kana, "other" the rest.
    """
    counts = Counter(_script(char) for char in text if char.isalpha())
    if han := counts.pop("han", 0):
        counts["zh-Hant" if _is_traditional(text) else "zh"] = han
    total = sum(counts.values())
    return {name: count / total for name, count in counts.most_common() if count >= MIN_SHARE * total}


def _script(char: str) -> str:
    if "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf" or "\U00020000" <= char <= "\U0003ffff":
        return "han"
    if char < "\u0250" or "\u1e00" <= char <= "\u1eff" or "\uff21" <= char <= "\uff5a":
        return "en"
    return "ja" if "\u3040" <= char <= "\u30ff" else "other"


def _is_traditional(text: str) -> bool:
    """Whether more characters exist in the traditional script alone than in the simplified alone."""
    traditional, simplified = (
        sum(a != b for a, b in zip(text, _converter(name).convert(text), strict=False)) for name in ("t2s", "s2t")
    )
    return bool(traditional > simplified)


@cache
def _converter(name: str) -> Any:
    from opencc import OpenCC

    return OpenCC(name)
