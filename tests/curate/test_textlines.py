"""Sizes of lines, the area they cover, reading order, what is counted, and languages by script."""

import cv2
import numpy as np
import pytest

from curate.textlines import area_share, ink_height, languages, line_sizes, num_chars, reading_order, stands


def box(left: float, top: float, width: float, height: float) -> list[list[float]]:
    right, bottom = left + width, top + height
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def quads(*boxes: list[list[float]]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 4, 2)


def test_lying_standing_and_slanted_lines_have_a_length_and_a_height():
    turned = cv2.boxPoints(((100, 100), (80, 20), 30)).tolist()

    lengths, heights = line_sizes(quads(box(0, 0, 60, 12), box(5, 5, 10, 90), turned))

    assert lengths == pytest.approx([60, 90, 80], rel=1e-4)
    assert heights == pytest.approx([12, 10, 20], rel=1e-4)
    assert [stands(quad) for quad in quads(box(0, 0, 60, 12), box(5, 5, 10, 90))] == [False, True]
    assert line_sizes(quads())[0].shape == (0,)


def test_overlapping_lines_cover_their_area_once():
    lines = quads(box(0, 0, 100, 50), box(50, 0, 100, 50), box(0, 0, 20, 20))

    assert area_share(lines, 200, 100) == pytest.approx(150 * 50 / 20_000, rel=0.03)
    assert area_share(lines * 20, 4000, 2000) == pytest.approx(150 * 50 / 20_000, rel=0.03)
    assert area_share(quads(), 200, 100) == 0


def test_columns_are_read_one_after_the_other_between_title_and_footer():
    lines = {
        "footer": box(100, 300, 300, 12),
        "right 1": box(260, 62, 190, 12),
        "title": box(50, 10, 400, 20),
        "left 2": box(20, 80, 200, 12),
        "left 1": box(20, 60, 200, 12),
        "right 2": box(260, 82, 190, 12),
    }

    order = reading_order(quads(*lines.values()))

    assert [list(lines)[i] for i in order] == ["title", "left 1", "left 2", "right 1", "right 2", "footer"]
    assert reading_order(quads()) == []


def test_the_cells_of_a_narrow_table_are_read_row_by_row():
    cells = [box(10 + 40 * column, 10 + 20 * row, 20, 10) for row in range(3) for column in range(3)]

    assert reading_order(quads(*cells)) == list(range(9))


@pytest.mark.parametrize(
    ("text", "count"),
    [("two words", 8), ("漢字 kanji", 7), ("é", 1), ("1.2 Title . . . . . . . 17", 10), ("wait... now", 10), ("", 0)],
)
def test_spaces_leaders_and_joining_marks_are_not_counted(text: str, count: int):
    assert num_chars(text) == count


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("Plain English, 1984.", {"en": 1.0}),
        ("汉字资料库与后来的开发", {"zh": 1.0}),
        ("漢字資料庫與後來的開發", {"zh-Hant": 1.0}),
        ("中文字符 four", {"zh": 0.5, "en": 0.5}),
        ("一二三四五六七八九十一 a", {"zh": 11 / 12}),
        ("カタカナ", {"ja": 1.0}),
        ("Привет", {"other": 1.0}),
        ("1234 !?", {}),
    ],
)
def test_languages_are_told_by_script(text: str, shares: dict[str, float]):
    assert languages(text) == pytest.approx(shares)


def capitals(scale: float, margin: int) -> np.ndarray:
    (width, above), below = cv2.getTextSize("HUT", cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    line = np.full((above + below + 2 * margin, width + 20, 3), 240, np.uint8)
    origin = (10, margin + above)
    cv2.putText(line, "HUT", origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (30, 30, 30), 2, cv2.LINE_AA)
    return line


def test_the_height_of_the_ink_grows_with_the_letters_and_not_with_the_box():
    close, wide = ([ink_height(capitals(scale, margin)) for scale in (0.7, 1.4, 2.8)] for margin in (3, 30))

    assert close == pytest.approx(wide, abs=2)
    assert close[1] == pytest.approx(2 * close[0], rel=0.15)
    assert close[2] == pytest.approx(2 * close[1], rel=0.15)
    assert close[1] == pytest.approx(31, abs=3)  # from top to foot


def test_a_neighbouring_line_in_the_box_does_not_count():
    line = np.full((60, 200, 3), 255, np.uint8)
    line[20:40, ::4] = 0
    line[:6, ::4] = 0

    assert ink_height(line) == 20


def test_pieces_of_one_row_are_read_from_left_to_right_though_they_dance():
    rng = np.random.default_rng(0)
    for _ in range(200):
        middles = rng.uniform(0, 40) + np.repeat([0.0, 14.0], 3) + rng.uniform(-0.6, 0.6, 6)
        lefts = np.tile([0.0, 45.0, 90.0], 2)
        corners = np.array([(0, -5), (44, -5), (44, 5), (0, 5)])
        quads = np.stack([lefts, middles], axis=1)[:, None] + corners

        assert reading_order(quads.astype(np.float32)) == [0, 1, 2, 3, 4, 5]
