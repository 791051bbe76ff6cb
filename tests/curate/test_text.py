"""How much text pictures hold: pages, photos, large pictures with small print, and how little is read for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from curate.ocr import OcrEngine, Pixels, Quads, RapidOcr, Reading, open_engine
from curate.picture import Picture
from curate.text import TextDensity, TextOptions
from curate.textcolumns import SCHEMA, STAGES
from curate.textlines import num_chars
from curate.textsearch import Search
from tests.curate.pictures import blocks, encoded, smooth

pytest.importorskip("rapidocr")

WORDS = ("small", "print", "is", "read", "in", "samples", "and", "counted", "for", "the", "whole", "page")


class Counting:
    """An engine that counts what it is asked for."""

    def __init__(self, engine: OcrEngine) -> None:
        self._engine, self.version = engine, engine.version
        self.num_detected = self.num_lines = 0

    def detect(self, rgb: Pixels) -> Quads:
        self.num_detected += 1
        return self._engine.detect(rgb)

    def recognise(self, lines: Sequence[Pixels]) -> list[tuple[str, float]]:
        self.num_lines += len(lines)
        return self._engine.recognise(lines)

    def read(self, rgb: Pixels) -> list[Reading]:
        return self._engine.read(rgb)


@pytest.fixture(scope="module")
def rapid() -> RapidOcr:
    engine = open_engine()
    assert isinstance(engine, RapidOcr)
    return engine


@pytest.fixture
def engine(rapid: RapidOcr) -> Counting:
    return Counting(rapid)


def page(num_lines: int, width_px: int = 700, height_px: int = 600) -> tuple[Pixels, str]:
    """A page of lines of about 14 px, and its text."""
    rgb = np.full((height_px, width_px, 3), 250, np.uint8)
    lines = [" ".join(WORDS[(i + k) % len(WORDS)] for k in range(9)) for i in range(num_lines)]
    for i, line in enumerate(lines):
        cv2.putText(rgb, line, (20, 40 + 28 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 40), 1, cv2.LINE_AA)
    return rgb, "\n".join(lines)


def row(engine: OcrEngine, rgb: Pixels, text: str = "auto", **options: object) -> dict[str, Any]:
    scorer = TextDensity(engine, TextOptions(text=text, **options))
    return scorer([Picture(encoded(rgb, "PNG"))]).to_pylist()[0]


def test_a_page_is_estimated_from_a_sample(engine: Counting):
    rgb, text = page(18)

    found = row(engine, rgb)

    assert found["text_stage"] == "sampled"
    assert found["ocr_chars"] == pytest.approx(num_chars(text), rel=0.15)
    assert found["ocr_chars_per_mpx"] == pytest.approx(found["ocr_chars"] / 0.42, rel=0.01)
    assert found["num_lines"] == 18
    assert found["char_px"] == pytest.approx(14, abs=3)
    assert 0.15 < found["text_area"] < 0.7
    assert found["languages"] == [{"language": "en", "share": 1.0}]
    assert found["ocr_confidence"] > 0.8
    assert (found["ocr_text"], found["ocr_lines"]) == (None, None)
    assert (engine.num_detected, engine.num_lines) == (1, 8)


def test_the_full_text_is_read_where_it_is_wanted(engine: Counting):
    rgb, text = page(6)

    found = row(engine, rgb, "full")

    assert found["text_stage"] == "read"
    assert "".join(found["ocr_text"].split()) == "".join(text.split())
    assert [line["text"] for line in found["ocr_lines"]] == found["ocr_text"].split("\n")
    assert np.array(found["ocr_lines"][0]["quad_px"]).shape == (4, 2)
    assert found["ocr_chars"] == num_chars(text)


def test_a_few_short_lines_are_read_whole(engine: Counting):
    rgb = np.full((400, 400, 3), 230, np.uint8)
    cv2.putText(rgb, "NO PARKING", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 3, cv2.LINE_AA)

    found = row(engine, rgb)

    assert (found["text_stage"], found["ocr_text"], found["ocr_chars"]) == ("read", "NO PARKING", 9)


def test_near_the_threshold_every_line_is_read(engine: Counting):
    rgb, text = page(8)
    density = num_chars(text) / 0.42

    near = row(engine, rgb, rich_chars_per_mpx=density * 1.1)
    sampled = row(engine, rgb, "density", rich_chars_per_mpx=density * 1.1)

    assert [found["text_stage"] for found in (near, sampled)] == ["read", "sampled"]
    assert near["ocr_chars"] == pytest.approx(num_chars(text), rel=0.02)


@pytest.mark.parametrize("rgb", [smooth(300, 200), np.full((64, 64, 3), 255, np.uint8), np.zeros((1, 1, 3), np.uint8)])
def test_a_picture_without_strokes_never_reaches_the_engine(engine: Counting, rgb: Pixels):
    found = row(engine, rgb, "full")

    assert (found["text_stage"], found["ocr_chars"], found["ocr_text"], found["char_px"]) == ("none", 0, "", None)
    assert engine.num_detected == 0


def test_texture_is_no_text(engine: Counting):
    found = row(engine, blocks(4, 400, 300, 6))

    assert found["text_stage"] in ("none", "detected")
    assert found["ocr_chars"] == 0


def test_small_print_in_a_large_picture_is_not_lost(engine: Counting):
    rgb, text = page(8, height_px=260)
    small = cv2.resize(rgb, (525, 195), interpolation=cv2.INTER_AREA)  # letters of 10 px
    wall = np.full((1000, 3000, 3), 250, np.uint8)
    wall[300:495, 1000:1525] = small

    found = row(engine, wall, "density", search=Search(full_side_px=2400))

    assert found["ocr_chars"] == pytest.approx(num_chars(text), rel=0.25)
    assert engine.num_detected > 1  # a tile, then the whole again


def test_the_schema_says_what_each_column_means(engine: Counting):
    scorer = TextDensity(engine)

    batch = scorer([Picture(encoded(page(3)[0], "PNG")), Picture(encoded(smooth(), "PNG"))])

    assert isinstance(batch, pa.RecordBatch)
    assert batch.schema == scorer.schema == SCHEMA
    assert batch.num_rows == 2
    assert set(batch.column("text_stage").to_pylist()) <= set(STAGES)
    assert all(field.metadata[b"about"].count(b";") >= 2 for field in SCHEMA)


def test_the_version_names_engine_models_and_options(rapid: RapidOcr):
    usual, full = TextDensity(rapid), TextDensity(rapid, TextOptions(text="full"))

    assert usual.version.count("PP-OCR") == 2
    assert rapid.version in usual.version
    assert usual.version != full.version


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "some"}, "text is 'some': use one of density, auto, full"),
        ({"rich_chars_per_mpx": 0}, "rich_chars_per_mpx is 0: use a number above 0"),
        ({"num_pieces": 0}, "num_pieces is 0: use 1 or more"),
        ({"min_confidence": 2}, "min_confidence is 2: use 0 to 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        TextOptions(**options)


def test_a_search_finer_at_first_than_at_last_is_refused():
    with pytest.raises(ValueError, match="first_side_px is 900 and full_side_px 800"):
        Search(first_side_px=900, full_side_px=800)


def test_text_in_real_photos_is_found_and_none_where_there_is_none(engine: Counting, data: Path):
    names = ("kodak/kodim05.png", "gb82/mies.png", "gb82/night.png", "kodak/kodim20.png", "gb82/waves.png")

    found = TextDensity(engine)([Picture((data / "natural" / name).read_bytes()) for name in names])

    assert [chars > 0 for chars in found.column("ocr_chars").to_pylist()] == [True, True, True, False, False]
    assert max(found.column("ocr_chars_per_mpx").to_pylist()) < 100
