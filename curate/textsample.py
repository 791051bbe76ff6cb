"""Reading a few pieces of lines in place of all of them: which pieces, cut how."""

import numpy as np

from curate.ocr import Quads
from curate.textlines import line_sizes, stands

PIECE = 8.0  # line heights long: about 16 Latin letters or 8 Han


def choose_pieces(quads: Quads, num_pieces: int) -> Quads:
    """Pieces of lines at equal steps along all lines laid end to end: their corners.

    A stretch of text is as likely to be read as any other of its length, so characters a px, averaged over the
    pieces, times the length of all lines, is an unbiased count. A line shorter than a piece is read whole.
    """
    lengths, heights = line_sizes(quads)
    ends = np.cumsum(lengths)
    positions = (np.arange(num_pieces) + 0.5) * ends[-1] / num_pieces
    lines = np.searchsorted(ends, positions)
    pieces = []
    for line, position in zip(lines, positions, strict=True):
        share = min(1.0, PIECE * heights[line] / lengths[line])
        middle = (position - ends[line] + lengths[line]) / lengths[line]
        start = min(max(0.0, middle - share / 2), 1.0 - share)
        pieces.append(_stretch(quads[line], start, start + share))
    return np.array(pieces, np.float32)


def _stretch(quad: Quads, start: float, end: float) -> Quads:
    """A line's corners, moved along it to a stretch of it."""
    pairs = ((0, 3), (1, 2)) if stands(quad) else ((0, 1), (3, 2))
    moved = quad.copy()
    for first, last in pairs:
        along = quad[last] - quad[first]
        moved[first], moved[last] = quad[first] + along * start, quad[first] + along * end
    return moved
