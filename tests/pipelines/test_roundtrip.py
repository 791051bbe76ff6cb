import math

import numpy as np
import pytest

from curate.ocr import is_installed
from pipelines.rendered.roundtrip import round_trip, similarity
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows
from tests.pipelines.rendered import NUM_IMAGES, rendered


class Blind:
    """An engine that reads the same in every picture, and remembers their heights."""

    version = "blind 1"

    def __init__(self, text: str) -> None:
        self._text = text
        self.heights: list[int] = []

    def detect(self, rgb):
        return np.zeros((0, 4, 2), np.float32)

    def recognise(self, lines):
        self.heights += [line.shape[0] for line in lines]
        return [(self._text, 1.0) for _ in lines]

    def read(self, rgb):
        return []


@pytest.mark.parametrize(
    ("text", "reading", "score"),
    [
        ("a b，c", "ab,c", 1.0),
        ("abcd", "abxd", 0.75),
        ("中文", "", 0.0),
        ("（１）", "(1)", 1.0),
        ("ab", "ba", 0.0),
        ("Tax ..........", "Tax", 1.0),
        ("等……", "等", 1 - 6 / 7),
    ],
)
def test_compares_characters_alone(text, reading, score):
    assert similarity(text, reading) == score


def test_puts_every_line_read_in_its_cell():
    lines = [
        (line["language"], int(line["size_px"]), "photo" if row["source"] else "plain")
        for row in Rows(Folder(str(rendered()))).take(range(NUM_IMAGES), ["source", "lines"])
        for line in row["lines"]
    ]
    engine = Blind("")
    cells = round_trip(str(rendered()), NUM_IMAGES, lines_per_image=1000, engine=engine)

    assert {(cell.language, cell.px, cell.ground): cell.num_lines for cell in cells} == {
        key: lines.count(key) for key in set(lines)
    }
    assert all(cell.accuracy == 0 for cell in cells)
    assert all(cell.stderr == 0 or math.isnan(cell.stderr) for cell in cells)
    assert max(engine.heights) <= 28  # a heading of 20 px, its ink and margin: single lines


def test_reads_as_many_lines_as_asked():
    engine = Blind("的")
    cells = round_trip(str(rendered()), 3, lines_per_image=2, engine=engine)

    assert sum(cell.num_lines for cell in cells) == len(engine.heights) == 6


@pytest.mark.skipif(not is_installed(), reason="needs the OCR engine: pip install 'smallprint[ocr]'")
def test_reads_back_what_was_drawn():
    cells = [cell for cell in round_trip(str(rendered()), NUM_IMAGES, lines_per_image=2) if cell.px >= 8]
    num_lines = sum(cell.num_lines for cell in cells)

    assert num_lines >= 8
    assert sum(cell.accuracy * cell.num_lines for cell in cells) / num_lines > 0.85
