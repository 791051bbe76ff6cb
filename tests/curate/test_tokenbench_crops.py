"""Where crops of pages begin, how large they are, and what is read in them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.benchreading import Bounds, blank_share, largest_empty, shown_char_px
from curate.tokenbench import (
    COVERED_REASON,
    LARGE,
    NO_LANGUAGE,
    OFF_PAGE,
    SMALL,
    SPARSE,
    TOO_SHORT,
    Block,
    Box,
    Crop,
    crops_of,
    cut,
    language_of,
    read_in_turn,
    size_chars,
)


def block(**changes: Any) -> Block:
    """A paragraph of 100 Chinese characters of 20 px, 20 in a line, unless told otherwise."""
    values: dict[str, Any] = {
        "box": Box(left=100, top=50, right=500, bottom=150),
        "area_px2": 40_000.0,
        "num_chars": 100,
        "visible_chars": 100,
        "language": "zh",
    }
    return Block(**values | changes)


@pytest.mark.parametrize(("language", "side_px"), [("zh", 320), ("en", 512)])
def test_a_crop_begins_at_its_block_and_makes_characters_the_stated_size(language: str, side_px: int):
    (crop,) = crops_of([block(language=language)], 1000, 1000)

    assert (crop.left_px, crop.top_px, crop.side_px, crop.char_px) == (100, 50, side_px, 20.0)
    assert crop.char_px * 256 / crop.side_px == (16 if language == "zh" else 10)
    assert crop.expected_chars == pytest.approx(100 * min(1, (side_px / 400)))
    assert crop.reason == ""


def test_a_crop_is_moved_a_little_onto_the_page_but_no_further():
    here = Box(left=690, top=50, right=1090, bottom=150)

    (moved,) = crops_of([block(box=here)], 1000, 1000)
    (refused,) = crops_of([block(box=here)], 970, 1000)

    assert (moved.left_px, moved.reason) == (680, "")
    assert refused.reason == OFF_PAGE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_chars": 9}, TOO_SHORT),
        ({"language": ""}, NO_LANGUAGE),
        ({"area_px2": 100 * 7.9**2}, SMALL),
        ({"area_px2": 100 * 70.0**2}, LARGE),
    ],
)
def test_a_crop_that_cannot_be_cut_says_why(changes: dict[str, Any], reason: str):
    (crop,) = crops_of([block(**changes)], 1000, 1000)

    assert crop.reason == reason


def test_only_anchors_begin_crops_and_the_fullest_comes_first():
    below = block(box=Box(left=100, top=200, right=500, bottom=300), is_anchor=False)
    other = block(box=Box(left=100, top=210, right=500, bottom=310))

    crops = crops_of([other, block(), below], 1000, 1000)

    assert [crop.top_px for crop in crops] == [50, 210]
    assert crops[0].expected_chars > crops[1].expected_chars > 100


def test_crops_are_read_in_turn_unless_covered_or_hopeless():
    boxes = [(0, 0), (100, 0), (170, 0), (600, 600)]
    crops = [
        Crop(left_px=left, top_px=top, side_px=300, char_px=20, language="zh", expected_chars=chars)
        for (left, top), chars in zip(boxes, (300, 250, 240, 70), strict=True)
    ]
    read_ones: list[Crop] = []

    def enough(crop: Crop) -> bool:
        read_ones.append(crop)
        return True

    reasons = [reason for _, reason in read_in_turn(crops, {"zh": 80.0}, enough)]
    without = [reason for _, reason in read_in_turn(crops, {"zh": 80.0}, lambda crop: False)]

    assert reasons == ["", COVERED_REASON, "", SPARSE]  # the third has 130 of 300 px in common with the first
    assert read_ones == [crops[0], crops[2]]
    assert without == ["", "", "", SPARSE]  # what held too little text covers nothing


def test_a_cut_shows_the_part_of_the_page_at_the_benchmarks_size():
    page_px = np.zeros((900, 900, 3), np.uint8)
    page_px[100:420, 200:520] = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((20, 20)))[..., None] * 255
    crop = Crop(left_px=200, top_px=100, side_px=320, char_px=20, language="zh", expected_chars=0)

    found = cut(page_px, crop)
    cells = found[8::16, 8::16, 0]

    assert found.shape == (256, 256, 3)
    assert np.array_equal(cells > 127, np.indices((16, 16)).sum(axis=0) % 2 == 1)


def test_languages_and_counts():
    assert [language_of(text) for text in ("深度 learn 模型训练方法", "a 字 word", "12 + 3", "дом")] == [
        "zh",
        "en",
        "",
        "",
    ]
    assert size_chars("一 二三。", "zh") == 4
    assert size_chars("two  words\nmore", "en") == len("two words more")
    assert size_chars(r"mass $\alpha_{2}$", "en") == len("mass x2")


@pytest.mark.parametrize(("name", "count"), [("chars_zh", (300, 200)), ("chars_en", (0, 5))])
def test_bounds_are_checked(name: str, count: tuple[int, int]):
    with pytest.raises(ValueError, match=f"{name} is"):
        Bounds(**{name: count})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=6))
def test_the_largest_empty_rectangle_is_found(rows: list[list[bool]]):
    grid = np.array(rows, np.uint8)
    height, width = grid.shape
    every = (
        (bottom - top) * (right - left)
        for top in range(height)
        for bottom in range(top + 1, height + 1)
        for left in range(width)
        for right in range(left + 1, width + 1)
        if not grid[top:bottom, left:right].any()
    )

    assert largest_empty(grid) == max(every, default=0)


def test_what_no_line_reaches_is_blank():
    line = np.array([[(0, y), (255, y), (255, y + 14), (0, y + 14)] for y in range(0, 192, 18)], np.float32)

    assert blank_share(line, 256, 256) == pytest.approx(0.23, abs=0.03)
    assert blank_share(line[:0], 256, 256) == 1


def test_lines_show_the_size_of_their_characters():
    lines = np.array([[(0, y), (200, y), (200, y + 14), (0, y + 14)] for y in range(0, 190, 20)], np.float32)

    assert shown_char_px(lines, ["十个字" * 5] * 10, "zh") == pytest.approx((200 * 20 / 15) ** 0.5)
    assert shown_char_px(lines, ["ten words " * 3] * 10, "en") == pytest.approx((200 * 20 / 29) ** 0.5)
    assert shown_char_px(lines[:1], ["字" * 10], "zh") == pytest.approx((200 * 14 / 10) ** 0.5)
    assert shown_char_px(lines[:0], [], "zh") == 0
