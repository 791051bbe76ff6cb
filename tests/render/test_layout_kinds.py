"""Kinds of documents one by one: lists are numbered, code ends as its language does, amounts line up."""

import re
from dataclasses import replace

import numpy as np
import pytest

from fonts.catalog import Catalog
from render.layouts.box import Box
from render.layouts.items import set_items
from render.layouts.kinds import LAYOUTS
from render.layouts.sheet import Sheet
from render.layouts.vertical import full_width
from render.layouts.widgets import underline_words
from render.text import Writer
from render.typeset import typeset
from tests.render.pages import LANGUAGES, make_page


def test_amounts_end_at_one_edge(faces: Catalog, writer: Writer):
    page = make_page(faces, writer, 0, width_px=512, height_px=512, size_px=10.0, min_size_px=7.0)
    for seed in range(8):
        cells = LAYOUTS["table"](page, np.random.default_rng(seed)).blocks
        body = next(block for block in cells if block.role == "body" and block.flow == "each")
        right = {round(x + width) for x, _, width, _ in body.frames}
        left = {round(x) for x, *_ in body.frames}

        assert min(len(left), len(right)) < len(body.frames) / 4


def test_code_is_set_in_the_mono_face(faces: Catalog, writer: Writer):
    for number in range(6):
        page = make_page(faces, writer, number, width_px=512, height_px=512)
        blocks = LAYOUTS["code"](page, np.random.default_rng(number)).blocks

        assert {block.face for block in blocks} == {page.mono.id}


def test_the_file_of_a_program_ends_as_its_language_does(faces: Catalog, writer: Writer):
    signs = {
        "py": r"^(def|async def|class \w+\(|@property)",
        "c": r"^(int|static|struct|double|#include)",
        "js": r"^(function|export|class \w+ extends|app\.get|const)",
        "sh": r"^(done|fi|while read|\w+\(\) \{|#!/bin/bash)",
    }
    endings = set()
    for number in range(40):
        page = make_page(faces, writer, 0, width_px=512, height_px=512, size_px=9.0)
        blocks = LAYOUTS["code"](page, np.random.default_rng(number)).blocks
        if name := re.fullmatch(r"[\w']+\.(\w+)", blocks[0].text):
            listing = next(block.text for block in blocks[1:] if block.role == "code")
            endings.add(name[1])
            assert re.search(signs[name[1]], listing, re.MULTILINE), f"{name[0]}: {listing}"

    assert endings == set(signs)


def test_numbers_of_code_lines_rise_in_every_mono_face(faces: Catalog, writer: Writer):
    for mono in faces.for_language("en", "mono"):
        for number in range(12):
            page = replace(make_page(faces, writer, number, width_px=512, height_px=512), mono=mono)
            for block in LAYOUTS["code"](page, np.random.default_rng(number)).blocks:
                if block.role == "label":
                    texts = typeset(block, faces).texts
                    first = int(texts[0])
                    assert list(map(int, texts)) == list(range(first, first + len(texts))), mono.id


def test_a_bar_beside_a_slide_s_title_is_as_high_as_its_lines(faces: Catalog, writer: Writer):
    heights = []
    for seed in range(60):
        page = make_page(faces, writer, 0, width_px=400, height_px=400, size_px=9.0)
        draft = LAYOUTS["slide"](page, np.random.default_rng(seed))
        for block in draft.blocks:
            x, y, _, _ = block.frames[0]
            rules = [rule for rule in draft.shapes if rule.kind == "rule" and rule.height < 100]
            bars = [rule for rule in rules if rule.y == y and 0 < x - rule.x < 12]
            for bar in bars if block.role == "heading" else ():
                num_lines = len(typeset(block, faces).lines)
                heights.append(bar.height / (block.size_px * (1 + (num_lines - 1) * block.leading)))
                assert block.align == "left"

    assert len(heights) > 5
    assert heights == pytest.approx([1.0] * len(heights), abs=0.01)


def test_facing_pages_have_numbers_that_follow(faces: Catalog, writer: Writer):
    steps = []
    for seed in range(40):
        page = make_page(faces, writer, 0, width_px=1024, height_px=256, size_px=8.0, min_size_px=7.0)
        blocks = LAYOUTS["paragraph"](page, np.random.default_rng(seed)).blocks
        feet = [line for block in blocks if block.frames[0][1] > 230 for line in block.text.split("\n")]
        numbers = [int(found[2]) for foot in feet if (found := re.fullmatch(r"(p\. |- )?(\d+)( -| / \d+)?", foot))]
        steps += np.diff(numbers).tolist()

    assert len(steps) > 5
    assert set(steps) == {1}


@pytest.mark.parametrize("language", LANGUAGES[:2])
def test_numbers_of_a_long_list_are_all_different(faces: Catalog, writer: Writer, language: str):
    page = make_page(faces, writer, LANGUAGES.index(language), width_px=128, height_px=640, size_px=9.0)
    found = set()
    for seed in range(40):
        sheet = Sheet(page, np.random.default_rng(seed))
        set_items(sheet, ["x"] * 40, [Box(4.0, 4.0, 100.0, 630.0)], sheet.style(page.body, 1.0, "body", 1.2), 0.0)
        markers = [line.split("x")[0].strip() for line in sheet.blocks[0].text.split("\n")]
        found.add(markers[1])
        assert len(set(markers)) in (1, 40), markers

    assert found >= ({"2.", "b)"} if language == "en" else {"二、", "②"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_begin_anywhere_in_a_line(faces: Catalog, writer: Writer, language: str):
    page = make_page(faces, writer, LANGUAGES.index(language), width_px=512, height_px=512, size_px=10.0)
    sheet = Sheet(page, np.random.default_rng(0))
    text = writer.paragraph(sheet.rng, language, 1200)
    done = sheet.text(text, [sheet.margins()], sheet.body())
    assert done is not None
    underline_words(sheet, done, 1.0)
    at_start = [rule.x - done.starts.min() < 1 for rule in sheet.shapes]

    assert len(at_start) > 10
    assert np.mean(at_start) < 0.3


def test_labels_turn_and_lines_stay_few(faces: Catalog, writer: Writer):
    angles, num_lines = set(), set()
    for seed in range(30):
        page = make_page(faces, writer, seed, width_px=512, height_px=512)
        angles |= {block.angle_deg for block in LAYOUTS["labels"](page, np.random.default_rng(seed)).blocks}
        blocks = LAYOUTS["line"](page, np.random.default_rng(seed)).blocks
        num_lines.add(sum(len(typeset(block, faces).lines) for block in blocks))

    assert {0.0, 90.0, -90.0} < angles
    assert all(abs(angle) <= 30 or abs(angle) == 90 for angle in angles)
    assert num_lines == {1, 2}


def test_vertical_holds_full_width_text_alone(faces: Catalog, writer: Writer):
    for seed in range(8):
        page = make_page(faces, writer, 1 + seed % 2, width_px=400, height_px=400)
        for block in LAYOUTS["vertical"](page, np.random.default_rng(seed)).blocks:
            assert block.vertical
            assert not re.search("[ -~]", block.text)


def test_full_width_text_keeps_its_numbers():
    assert full_width("2024年（USB）的 API，“好”。") == "二〇二四年的，「好」。"


def test_vertical_english_falls_back_to_running_text(faces: Catalog, writer: Writer):
    blocks = LAYOUTS["vertical"](make_page(faces, writer, 0), np.random.default_rng(0)).blocks

    assert blocks
    assert not any(block.vertical for block in blocks)
