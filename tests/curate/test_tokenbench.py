"""The benchmark's pure parts: annotations read warily, crops of a stated character size, one reason a crop left out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.benchchoice import (
    BLANK,
    BLURRED,
    FEW,
    LOOKALIKE,
    MANY,
    OTHER_LANGUAGE,
    OTHER_SIZE,
    SAME_IN_CATEGORY,
    SAME_ON_PAGE,
    STRUCK,
    SURPLUS,
    Rejection,
    Rules,
    Sample,
    TextIndex,
    balanced,
    choose,
    repeats,
)
from curate.benchreading import Bounds, blank_share, largest_empty, shown_char_px
from curate.omnidoc import OUTSIDE, PARTLY_OUTSIDE, AnnotationError, Part, blocks_of, read_annotations
from curate.pageblocks import columns, find_blocks, paragraphs
from curate.picture import decode, read_header
from curate.tokenbench import (
    CATEGORIES,
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

POLY = [10.0, 20.0, 110.0, 20.0, 110.0, 60.0, 10.0, 60.0]
PART = {"category_type": "text_block", "poly": POLY, "text": "some words", "ignore": False}
INFO = {"image_path": "a.jpg", "page_attribute": {"data_source": "book"}}


def page(*parts: Any, **info: Any) -> dict[str, Any]:
    return {"layout_dets": list(parts), "page_info": INFO | info, "extra": {}}


def read(*pages: Any) -> list[Any]:
    return read_annotations(json.dumps(pages).encode())


# Annotations


def test_the_demo_is_read_whole(data: Path):
    folder = data / "omnidocbench-demo"
    pages = read_annotations((folder / "OmniDocBench_demo.json").read_bytes())

    assert len(pages) == 18
    assert {one.category for one in pages} == set(CATEGORIES)
    assert not any(one.fault or one.skipped for one in pages)
    assert sum(part.is_anchor for one in pages for part in one.parts) == 201
    for one in pages:
        header = read_header((folder / "images" / one.image).read_bytes())
        blocks, left_out = blocks_of(one.parts, header.width_px, header.height_px)
        assert len(blocks) == len(one.parts)
        assert not left_out


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "no JSON"),
        (b"[{]", "no JSON"),
        (b"\xff[]", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"layout_dets": []}', "are a dict: need a list"),
        (b"3", "are a int: need a list"),
    ],
)
def test_a_file_that_is_no_list_of_pages_is_refused(data: bytes, cause: str):
    with pytest.raises(AnnotationError, match=cause):
        read_annotations(data)


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        (None, "page_info is missing in a NoneType"),
        ({"layout_dets": []}, "page_info is None: need a dict"),
        (page(image_path=5), "image_path is 5: need a str"),
        (page(image_path="../../etc/passwd"), "need a name inside the folder"),
        (page(image_path="/etc/passwd"), "need a name inside the folder"),
        (page(image_path="a\nb.jpg"), "need a name inside the folder"),
        (page(page_attribute=None), "page_attribute is None: need a dict"),
        (page(page_attribute={"data_source": ["book"]}), "data_source is ['book']: need a str"),
        (page() | {"layout_dets": {}}, "layout_dets is {}: need a list"),
    ],
)
def test_a_page_that_does_not_fit_comes_with_its_fault_beside_the_others(bad: Any, cause: str):
    first, second = read(bad, page(PART))

    assert cause in first.fault
    assert not first.parts
    assert not second.fault
    assert len(second.parts) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"poly": POLY[:6]}, "poly is not eight finite numbers"),
        ({"poly": [*POLY[:7], "60"]}, "poly is not eight finite numbers"),
        ({"poly": [*POLY[:7], True]}, "poly is not eight finite numbers"),
        ({"poly": [*POLY[:7], 1e300]}, "poly is not eight finite numbers"),
        ({"poly": [5.0] * 8}, "poly is narrower than 1 px"),
        ({"text": ["some"]}, "text block without a text"),
        ({"text": "  "}, "text block without a text"),
        ({"text": "x" * 100_001}, "text of over 100000 characters"),
    ],
)
def test_a_part_that_does_not_fit_is_counted_by_its_reason(change: dict[str, Any], reason: str):
    (found,) = read(page(PART, PART | change, "no part"))

    assert found.skipped == {reason: 1, "part is no object": 1}
    assert len(found.parts) == 1


@pytest.mark.parametrize(
    "change",
    [{"ignore": True}, {"category_type": "title"}, {"attribute": {"text_rotate": "rotate90"}}],
)
def test_what_is_no_upright_text_block_begins_no_crop_but_counts_as_text(change: dict[str, Any]):
    (found,) = read(page(PART | change))

    assert [part.is_anchor for part in found.parts] == [False]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "category_type": st.sampled_from(["text_block", "title"]) | VALUES,
        "poly": st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=8, max_size=8) | VALUES,
        "text": st.text(max_size=30) | VALUES,
        "ignore": VALUES,
        "attribute": VALUES,
    },
)
PAGES = st.fixed_dictionaries(
    {},
    optional={
        "layout_dets": st.lists(FIELDS | VALUES, max_size=4) | VALUES,
        "page_info": st.fixed_dictionaries({"image_path": st.text(max_size=9) | VALUES, "page_attribute": VALUES})
        | VALUES,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PAGES | VALUES, max_size=3) | VALUES, st.integers(1, 3000), st.integers(1, 3000))
def test_any_json_gives_pages_or_one_named_error(tree: Any, width_px: int, height_px: int):
    try:
        pages = read_annotations(json.dumps(tree).encode("utf-8", "surrogatepass"))
    except AnnotationError:
        return
    for one in pages:
        blocks, left_out = blocks_of(one.parts, width_px, height_px)
        assert len(blocks) + left_out.total() == len(one.parts)
        for crop in crops_of(blocks, width_px, height_px):
            assert crop.reason or (crop.left_px >= 0 and crop.left_px + crop.side_px <= width_px)
            assert crop.reason or (crop.top_px >= 0 and crop.top_px + crop.side_px <= height_px)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_pages_or_one_named_error(data: bytes):
    try:
        pages = read_annotations(data)
    except AnnotationError:
        pages = []

    assert isinstance(pages, list)


def test_a_block_outside_the_page_is_left_out_and_one_over_its_edge_clipped():
    parts = [
        Part(box_px=box, text="words of a block", is_anchor=True)
        for box in [(900, 0, 1300, 50), (700, 0, 1000, 50), (-10, 10, 400, 60)]
    ]

    blocks, left_out = blocks_of(parts, 800, 600)

    assert left_out == {OUTSIDE: 1, PARTLY_OUTSIDE: 1}
    assert [block.box for block in blocks] == [Box(left=0, top=10, right=400, bottom=60)]
    assert blocks[0].area_px2 == 410 * 50  # all of its characters share all of its area


# Crops


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


# What OCR finds


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


# Blank parts


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


# Choosing


def sample(number: int, **changes: Any) -> Sample:
    """A good English sample with a text like no other."""
    rng = np.random.default_rng(number)
    text = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 400))
    values: dict[str, Any] = {
        "id": f"s{number:04d}",
        "page": f"page {number}",
        "category": "book",
        "language": "en",
        "text_language": "en",
        "text": text,
        "num_chars": 400,
        "shown_char_px": 10.0,
        "clarity": 0.9,
        "blank_share": 0.05,
    }
    return Sample(**values | changes)


def decided(*samples: Sample, rules: Rules = Rules(), **more: Any) -> dict[str, str]:  # noqa: B008, RUF100
    found = choose(samples, rules, more.get("barred", {}), more.get("struck", ()))
    return {name: rejection.reason for name, rejection in found.items()}


def test_each_fault_has_its_reason():
    samples = [
        sample(0),
        sample(1, text_language="zh"),
        sample(2, num_chars=299),
        sample(3, num_chars=601),
        sample(4, clarity=0.4),
        sample(5, clarity=None),
        sample(6, blank_share=0.21),
        sample(7),
        sample(8),
        sample(9, shown_char_px=7.4),
        sample(10, shown_char_px=12.6),
        sample(11, shown_char_px=12.4),
    ]
    barred = {"s0007": Rejection(reason="seen"), "s0002": Rejection(reason="seen")}

    found = decided(*samples, barred=barred, struck=("s0008", "s0006", "nothing"))

    assert [found.get(one.id, "") for one in samples] == [
        *("", OTHER_LANGUAGE, FEW, MANY, BLURRED, BLURRED, BLANK, "seen", STRUCK, OTHER_SIZE, OTHER_SIZE, "")
    ]


def test_repeated_texts_leave_the_richest():
    one, text = sample(1), sample(1).text
    short = sample(2, text=text[:300], num_chars=300)
    partly = sample(3, text=text[:100] + sample(3).text[:300], page="page 1")
    elsewhere = sample(4, text=text[:100] + sample(4).text[:300])
    other = sample(5, text=text, category="note", num_chars=380)

    found = decided(partly, elsewhere, short, one, other)

    assert found == {"s0003": SAME_ON_PAGE, "s0002": SAME_IN_CATEGORY}


def test_a_text_inside_a_longer_one_is_whole_in_it():
    index = TextIndex()
    index.add("long", sample(1).text)

    name, share = index.fullest(sample(1).text[100:220])

    assert (name, share) == ("long", 1.0)  # of all that both hold it is less than a third


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(200, 400)), min_size=1, max_size=25), st.floats(0.05, 0.9))
def test_no_two_that_stay_overlap_and_none_goes_without_one(pieces: list[tuple[int, int]], most: float):
    stream = sample(99).text * 1 + sample(98).text
    samples = [
        sample(number, text=stream[start * 10 : start * 10 + length], num_chars=length, page="p")
        for number, (start, length) in enumerate(pieces)
    ]

    gone = repeats(samples, lambda one: one.page, most, "same")
    stay = [one for one in samples if one.id not in gone]

    def share(first: Sample, second: Sample) -> float:
        index = TextIndex()
        index.add(first.id, first.text)
        return index.fullest(second.text)[1]

    assert all(share(a, b) <= most for a in stay for b in stay if a.id < b.id)
    by_id = {one.id: one for one in samples}
    for name, rejection in gone.items():
        assert rejection.of not in gone
        assert share(by_id[rejection.of], by_id[name]) > most
        assert by_id[rejection.of].num_chars >= by_id[name].num_chars


def test_what_looks_alike_leaves_the_richest():
    fine = bytes(range(32))
    near = bytes([1, *range(1, 32)])
    samples = [
        sample(1, phash=5, phash_fine=near),
        sample(2, phash=4, phash_fine=fine, num_chars=500),
        sample(3, phash=2**64 - 2**32, phash_fine=fine),
        sample(4),
    ]

    assert decided(*samples) == {"s0001": LOOKALIKE}


def crowd(english: int, chinese: int) -> list[Sample]:
    languages = ["en"] * english + ["zh"] * chinese
    return [
        sample(number, language=language, category=("book", "note", "note")[number % 3], page=f"p{number // 4}")
        for number, language in enumerate(languages)
    ]


@pytest.mark.parametrize(
    ("english", "chinese", "target", "least_share", "counts"),
    [
        (100, 100, 60, 0.4, (30, 30)),
        (100, 20, 3000, 0.4, (30, 20)),
        (100, 20, 3000, 0.0, (100, 20)),
        (100, 20, 3000, 0.5, (20, 20)),
        (100, 20, 44, 0.4, (24, 20)),
        (30, 0, 3000, 0.4, (30, 0)),
        (20, 100, 3000, 0.4, (20, 30)),
        (0, 0, 10, 0.4, (0, 0)),
    ],
)
def test_languages_are_balanced(english: int, chinese: int, target: int, least_share: float, counts: tuple[int, int]):
    samples = crowd(english, chinese)

    taken = balanced(samples, target, least_share)
    languages = [one.language for one in samples if one.id in taken]

    assert (languages.count("en"), languages.count("zh")) == counts


def test_categories_are_taken_alike_and_pages_in_turn():
    samples = crowd(96, 96)

    taken = balanced(samples, 48, 0.4)
    kept = [one for one in samples if one.id in taken]

    for language in ("en", "zh"):
        categories = [one.category for one in kept if one.language == language]
        assert categories.count("book") == categories.count("note") == 12
    assert max(sum(one.page == page for one in kept) for page in {one.page for one in kept}) == 2
    assert taken == balanced(samples[::-1], 48, 0.4)


def test_what_the_target_does_not_take_and_what_is_struck_is_told_apart():
    samples = [sample(number, language="zh", text_language="zh", shown_char_px=16.0) for number in range(3)]

    found = decided(*samples, rules=Rules(target=2), struck=("s0000",))

    assert sorted(found.values()) == [SURPLUS, STRUCK]


@pytest.mark.parametrize(
    "changes", [{"page_overlap": 1.1}, {"min_clarity": -0.1}, {"target": 0}, {"least_share": 0.6}, {"max_blank": 2}]
)
def test_rules_are_checked(changes: dict[str, Any]):
    with pytest.raises(ValueError, match=f"{next(iter(changes))} is"):
        Rules(**changes)
