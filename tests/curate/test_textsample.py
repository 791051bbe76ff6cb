"""Pieces of lines: where they lie, and that they stand for all lines."""

import numpy as np
import pytest

from curate.textlines import line_sizes
from curate.textsample import PIECE, choose_pieces
from tests.curate.test_textlines import box, quads


def test_pieces_lie_evenly_along_the_lines_and_inside_them():
    lines = quads(box(10, 10, 800, 10), box(10, 40, 400, 10), box(10, 70, 400, 10))

    pieces = choose_pieces(lines, 8)

    assert [round(float(piece[:, 1].min())) for piece in pieces] == [10] * 4 + [40] * 2 + [70] * 2
    assert line_sizes(pieces)[0] == pytest.approx([PIECE * 10] * 8)
    assert pieces[0][0].tolist() == pytest.approx([10 + 100 - PIECE * 5, 10])


def test_short_lines_are_read_whole_and_standing_ones_along_their_length():
    short, standing = box(0, 0, 30, 10), box(100, 0, 20, 400)

    pieces = choose_pieces(quads(short, standing), 20)

    assert pieces[0].tolist() == short
    assert line_sizes(pieces)[0].max() == pytest.approx(PIECE * 20)
    assert np.ptp(pieces[-1][:, 0]) == 20


def test_the_mean_over_pieces_holds_for_all_lines():
    rng = np.random.default_rng(3)
    density = rng.uniform(0.05, 0.2, 40)  # characters a px of each line
    lines = quads(*(box(0, 20 * i, length, 12) for i, length in enumerate(rng.uniform(50, 900, 40))))
    lengths, _ = line_sizes(lines)

    pieces = choose_pieces(lines, 400)
    per_px = density[(pieces[:, 0, 1] / 20).round().astype(int)]

    assert per_px.mean() * lengths.sum() == pytest.approx((density * lengths).sum(), rel=0.02)
