"""Where the characters and glyphs of broken lines come to lie: the compiled loops of typesetting."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from render.linebreak import HAN, NEWLINE, SPACE

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

LEFT, CENTRE, RIGHT, JUSTIFY = range(4)
ALIGN_CODE = {"left": LEFT, "centre": CENTRE, "right": RIGHT, "justify": JUSTIFY}
# Most that a justified line may add in one gap, em; a line that needs more stays ragged.
MAX_WORD_GAP, MAX_HAN_GAP = 0.6, 0.12


@njit(cache=True)
def align(
    classes: NDArray[np.uint8],
    advances: Floats,
    lines: Ints,
    frames: Floats,
    spec: tuple[int, bool, float, float],
) -> tuple[Floats, Floats, Floats]:
    """Start and end of each line and the position of each character along it, px.

    spec: align, vertical, size and indent in px.
    """
    align, vertical, size, indent = spec
    first, length = (1, 3) if vertical else (0, 2)
    starts, ends, at = np.zeros(len(lines)), np.zeros(len(lines)), np.full(len(classes) + 1, -1.0)
    for i in range(len(lines)):
        a, b, following, frame = lines[i, 0], lines[i, 1], lines[i, 2], lines[i, 3]
        inset = indent if a == 0 or classes[a - 1] == NEWLINE else 0.0
        x = frames[frame, first] + inset
        width, spaces, gaps = _contents(classes, advances, a, b)
        slack = frames[frame, length] - inset - width
        space, gap = 0.0, 0.0
        if align == CENTRE:
            x += slack / 2
        elif align == RIGHT:
            x += slack
        elif align == JUSTIFY and following < len(classes) and classes[following - 1] != NEWLINE:
            space, gap = _stretch(slack, spaces, gaps, size)
        starts[i] = x
        for c in range(a, b):
            at[c] = x
            x += advances[c]
            if classes[c] == SPACE:
                x += space
            elif c + 1 < b and (classes[c] == HAN or classes[c + 1] == HAN):
                x += gap
        ends[i] = x
    return starts, ends, at


@njit(cache=True)
def _contents(classes: NDArray[np.uint8], advances: Floats, a: int, b: int) -> tuple[float, int, int]:
    """Width of the characters a to b, how many of them are spaces, and how many gaps border a Han character."""
    width, spaces, gaps = 0.0, 0, 0
    for c in range(a, b):
        width += advances[c]
        if classes[c] == SPACE:
            spaces += 1
        elif c + 1 < b and (classes[c] == HAN or classes[c + 1] == HAN):
            gaps += 1
    return width, spaces, gaps


@njit(cache=True)
def _stretch(slack: float, spaces: int, gaps: int, size: float) -> tuple[float, float]:
    """What a justified line adds to each space and to each Han gap, px."""
    if slack > 0 and gaps > 4 and slack <= gaps * MAX_HAN_GAP * size:
        return 0.0, slack / gaps
    if slack > 0 and spaces and slack <= spaces * MAX_WORD_GAP * size:
        return slack / spaces, 0.0
    return 0.0, 0.0


@njit(cache=True)
def place(
    glyphs: tuple[Ints, Ints, Ints, Ints],
    lines: Ints,
    char_at: Floats,
    across: Floats,
    spec: tuple[float, bool],
) -> tuple[NDArray[np.int64], Ints, Floats, Floats]:
    """Pens of the glyphs that lie on a line: which glyphs, their lines, x, y.

    glyphs: cluster, advance, x and y offset of each. spec: px in a font unit, vertical.
    """
    clusters, advances, x_offsets, y_offsets = glyphs
    scale, vertical = spec
    n = len(clusters)
    keep, line_of = np.empty(n, np.int64), np.empty(n, np.int32)
    x, y = np.empty(n), np.empty(n)
    count, line, pen, before = 0, 0, 0.0, -1
    for g in range(n):
        c = clusters[g]
        while line < len(lines) and c >= lines[line, 1]:
            line += 1
        if line >= len(lines):
            break
        if c < lines[line, 0]:  # a space between lines
            continue
        pen = pen if c == before else char_at[c]
        dx, dy = x_offsets[g] * scale, -y_offsets[g] * scale
        x[count] = across[line] + dx if vertical else pen + dx
        y[count] = pen + dy if vertical else across[line] + dy
        keep[count], line_of[count] = g, line
        pen, before, count = pen + advances[g] * scale, c, count + 1
    return keep[:count], line_of[:count], x[:count], y[:count]
