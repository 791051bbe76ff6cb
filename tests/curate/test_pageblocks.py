"""Blocks of text on pages without annotations, from the lines that OCR finds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.pageblocks import columns, find_blocks, paragraphs
from curate.picture import decode
from curate.tokenbench import (
    crops_of,
)


def test_lines_become_columns_and_columns_paragraphs():
    left = [(120, 0, 500, 20), (100, 30, 500, 50), (100, 60, 250, 80), (120, 90, 500, 110), (100, 120, 480, 140)]
    right = [(600, y, 990, y + 20) for y in range(0, 150, 30)]
    title = [(100, -60, 400, -20)]
    boxes = np.array([*left, *right, *title], np.float64)

    found = columns(boxes)

    assert sorted(map(tuple, found)) == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9), (10,)]
    assert paragraphs(boxes, found[[len(one) for one in found].index(5)]) == [[0, 1, 2], [3, 4]]
    assert columns(np.zeros((0, 4))) == []


class Reader:
    """Stands for an engine that has found these lines, each of one character a 10 px."""

    version = "none"

    def __init__(self, boxes: Sequence[tuple[int, int, int, int]]) -> None:
        corners = [[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in boxes]
        self._quads = np.array(corners, np.float32).reshape(-1, 4, 2)

    def detect(self, rgb: np.ndarray) -> np.ndarray:
        return self._quads

    def recognise(self, lines: Sequence[np.ndarray]) -> list[tuple[str, float]]:
        return [("word " * (line.shape[1] // 50), 0.9) for line in lines]

    def read(self, rgb: np.ndarray) -> list[Any]:
        return []


def test_found_blocks_know_their_characters_from_a_few_lines():
    lines = [(100, 40 + 30 * row, 600, 60 + 30 * row) for row in range(4)]

    (found,) = find_blocks(Reader(lines), np.full((800, 800, 3), 255, np.uint8))
    (crop,) = crops_of([found], 800, 800)

    assert found.language == "en"
    assert found.num_chars == pytest.approx(200, rel=0.02)
    assert found.visible_chars == pytest.approx(160, rel=0.02)
    assert found.char_px == pytest.approx((500 * 30 / 50) ** 0.5, rel=0.02)  # the leading counts
    assert (crop.left_px, crop.top_px) == (100, 40)
    assert find_blocks(Reader([]), np.full((800, 800, 3), 255, np.uint8)) == []


def test_blocks_of_a_real_page_lie_on_its_text(data: Path):
    from curate.ocr import open_engine

    rgb = decode((data / "omnidocbench-demo/images/newspaper_5e266dfd9c498cab274e12a7b4a75755_4.jpg").read_bytes())

    blocks = find_blocks(open_engine(), rgb)
    anchors = [block for block in blocks if block.is_anchor]

    assert len(anchors) > 10
    assert {one.language for one in anchors} == {"en"}
    assert np.median([one.char_px for one in anchors]) == pytest.approx(7, abs=0.7)  # as its annotation has it
    assert sum(block.visible_chars for block in blocks) == pytest.approx(5666, rel=0.05)  # so too
