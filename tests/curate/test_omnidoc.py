"""Annotations in the format of OmniDocBench: read whole, and never more than one named error from any bytes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.omnidoc import OUTSIDE, PARTLY_OUTSIDE, AnnotationError, Part, blocks_of, read_annotations
from curate.picture import read_header
from curate.tokenbench import (
    CATEGORIES,
    Box,
    crops_of,
)

POLY = [10.0, 20.0, 110.0, 20.0, 110.0, 60.0, 10.0, 60.0]
PART = {"category_type": "text_block", "poly": POLY, "text": "some words", "ignore": False}
INFO = {"image_path": "a.jpg", "page_attribute": {"data_source": "book"}}


def page(*parts: Any, **info: Any) -> dict[str, Any]:
    return {"layout_dets": list(parts), "page_info": INFO | info, "extra": {}}


def read(*pages: Any) -> list[Any]:
    return read_annotations(json.dumps(pages).encode())


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
