"""Where lines may break and what goes on each: greedy, word-aware, with the Chinese rules.

No closing punctuation at the start of a line, no opening punctuation at its end (GB/T 15834, section 5;
W3C "Requirements for Chinese Text Layout", 3.1.6), no break within ...... or ------.
"""

import re
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

PLAIN, SPACE, HAN, CLOSING, OPENING, NEWLINE, HYPHEN, PAIRED, WIDE_CLOSING, QUOTE = range(10)
_CLOSING = "”’…—～·,.;:?!%)]}»›°℃‰"
_WIDE_CLOSING = "，。、；：？！）》】」』〉］｝．％"
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_IN_NUMBER = re.compile("[0-9０-９][．，：][0-9０-９]")
_OPENING = "“‘（《【「『〈［｛([{«‹￥＄"


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint8]:
    """Class of every code point of the basic plane."""
    classes = np.full(0x10000, PLAIN, np.uint8)
    for first, last in (
        (0x2E80, 0x303F),
        (0x3040, 0x33FF),
        (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF),
        (0xF900, 0xFAFF),
    ):
        classes[first : last + 1] = HAN
    classes[0xFF00:0xFFF0] = HAN
    for char, count in (("０", 10), ("Ａ", 26), ("ａ", 26)):  # full-width numbers and words stay together
        classes[ord(char) : ord(char) + count] = PLAIN
    for text, kind in (
        (_CLOSING, CLOSING),
        (_WIDE_CLOSING, WIDE_CLOSING),
        (_OPENING, OPENING),
        ("…—", PAIRED),
        ("-－", HYPHEN),
        ("\"'", QUOTE),
        (" \u3000", SPACE),
    ):
        classes[[ord(c) for c in text]] = kind
    classes[ord("\n")] = NEWLINE
    return classes


def classify(text: str) -> NDArray[np.uint8]:
    """Line-break class of each character (n,)."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    classes = np.asarray(_table()[np.minimum(codes, 0xFFFF)])
    before = np.concatenate([[SPACE], classes[:-1]])
    classes[(classes == HYPHEN) & (before != PLAIN)] = PLAIN  # a minus, or a dash: part of what follows
    for at in np.flatnonzero(classes == WIDE_CLOSING).tolist():
        if _IN_NUMBER.match(text, at - 1 if at else len(text)):
            classes[at] = PLAIN
    return classes


def has_han(text: str) -> bool:
    """Whether a text holds a Chinese ideograph."""
    return _HAN.search(text) is not None


@njit(cache=True)
def may_break(before: int, after: int) -> bool:
    """Whether a line may end after a character of class `before` and the next begin with `after`."""
    if before == SPACE:
        return after not in (CLOSING, WIDE_CLOSING, PAIRED)
    if after in (SPACE, CLOSING, WIDE_CLOSING, PAIRED) or before == OPENING:
        return False
    if before == QUOTE or after == QUOTE:  # which may open or close
        return False
    if before in (HYPHEN, HAN, WIDE_CLOSING):
        return True
    return after == HAN or (before in (CLOSING, PAIRED) and after == OPENING)


@njit(cache=True)
def break_lines(
    classes: Bytes,
    advances: Floats,
    frames: tuple[Floats, NDArray[np.int64]],
    flags: tuple[bool, bool],
    indent: float,
) -> tuple[NDArray[np.int32], bool]:
    """Greedy lines (m, 5) int32, rows of start, end (spaces trimmed), next, frame, row in frame; and whether
    they hold the whole text.

    advances (n,) px a character (0 for one that shares the glyph before it: never broken before).
    frames: line length in px and number of lines of each. flags: wrap, each.
    """
    wrap, each = flags
    measures, rows = frames
    n, k = len(classes), len(measures)
    lines = np.empty((n + 1, 5), np.int32)
    count, i, frame, row, fresh, whole = 0, 0, 0, 0, True, True
    while i < n and frame < k:
        if row >= rows[frame] or (advances[i] > measures[frame] and classes[i] != NEWLINE):
            if each:
                whole = whole and classes[i] == NEWLINE
                i, fresh = _line_end(classes, i) + 1, True
            frame, row = frame + 1, 0
            continue
        room = measures[frame] - (indent if fresh else 0.0)
        end, full = _fill_line(classes, advances, i, room)
        whole = whole and (wrap or not full)
        nxt = _after_spaces(classes, end if wrap or not full else _line_end(classes, end))
        while end > i and classes[end - 1] == SPACE:
            end -= 1
        fresh = nxt >= n or classes[nxt] == NEWLINE
        if fresh:
            nxt += 1
        lines[count] = (i, end, min(nxt, n), frame, row)
        count, i, row = count + 1, nxt, row + 1
        if fresh and each:
            frame, row = frame + 1, 0
    return lines[:count], whole and i >= n


@njit(cache=True)
def _line_end(classes: Bytes, i: int) -> int:
    """Where the paragraph that i lies in ends: at its newline or the end of the text."""
    while i < len(classes) and classes[i] != NEWLINE:
        i += 1
    return i


@njit(cache=True)
def _after_spaces(classes: Bytes, i: int) -> int:
    while i < len(classes) and classes[i] == SPACE:
        i += 1
    return i


@njit(cache=True)
def _fill_line(classes: Bytes, advances: Floats, i: int, room: float) -> tuple[int, bool]:
    """End of the line that begins at i, and whether it was cut for want of room."""
    n, width, last = len(classes), 0.0, -1
    j = i
    while j < n and classes[j] != NEWLINE:
        width += advances[j]
        if width > room + 1e-6 and classes[j] != SPACE and j > i:
            if last > i:
                return last, True
            while j > i + 1 and advances[j] == 0.0:
                j -= 1
            return j, True
        if j + 1 < n and advances[j + 1] > 0.0 and may_break(classes[j], classes[j + 1]):
            last = j + 1
        j += 1
    return j, False
