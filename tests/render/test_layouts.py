"""Every kind of document, on pages of many shapes: all text fits, inside the page, clear of other text."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fonts.catalog import Catalog, FontFace
from render.labels import geometry
from render.layouts.box import Box
from render.layouts.items import set_items
from render.layouts.kinds import LAYOUTS
from render.layouts.sheet import Sheet
from render.layouts.style import ems_per_char, style_of, widths_of
from render.layouts.vertical import full_width
from render.layouts.widgets import underline_words
from render.page import Draft, Page, coverage_of
from render.raster import Raster
from render.recipe import BANDS
from render.text import Writer, open_writer
from render.typeset import fit, typeset

Floats = NDArray[np.float64]
Drafts = list[tuple[str, Page, Draft]]
LANGUAGES = ("en", "zh", "zh-Hant")
SHAPES = ((256, 256), (512, 512), (128, 128), (768, 256), (192, 640), (64, 64), (512, 128), (128, 512))
NUM_PAGES = 48


@pytest.fixture(scope="module")
def writer() -> Writer:
    return open_writer(())


@pytest.fixture(scope="module", params=LAYOUTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def drafts(kind: str, faces: Catalog, writer: Writer) -> Drafts:
    """Pages of one kind, each with a name for messages."""
    made = []
    for number in range(NUM_PAGES):
        page = make_page(faces, writer, number)
        name = f"{kind} {number}: {page.language} {page.width_px}x{page.height_px} at {page.size_px} px"
        made.append((name, page, LAYOUTS[kind](page, np.random.default_rng([number, 1]))))
    return made


def make_page(faces: Catalog, writer: Writer, number: int, **options: Any) -> Page:
    """Page `number` of an endless row of pages: all languages, shapes and bands in turn, faces by chance."""
    rng = np.random.default_rng(number)
    language = LANGUAGES[number % 3]
    low, high = list(BANDS.values())[number % 4]
    page = Page(
        width_px=SHAPES[number % len(SHAPES)][0],
        height_px=SHAPES[number % len(SHAPES)][1],
        language=language,
        size_px=round(float(rng.uniform(low, high)), 4),
        min_size_px=low,
        body=pick(faces.for_language(language), rng),
        display=pick(faces.for_language(language), rng),
        mono=pick(faces.for_language(language, "mono"), rng),
        raster=Raster(),
        writer=writer,
        faces=faces,
        plates=bool(rng.random() < 0.3),
    )
    return replace(page, **options)


def pick(candidates: tuple[FontFace, ...], rng: np.random.Generator) -> FontFace:
    return candidates[int(rng.integers(len(candidates)))]


def test_every_text_is_drawn_whole(drafts: Drafts, faces: Catalog):
    for name, _, draft in drafts:
        for block in draft.blocks:
            fitted, done = fit(block, faces)

            assert fitted.text == block.text, name
            assert len(block.frames) >= block.text.count("\n") + 1 or block.flow == "through", name
            assert coverage_of(faces[block.face]).missing(block.text) == "", name
            assert done.texts, name
            assert all(text.strip() for text in done.texts), name


def test_text_lies_inside_the_page_and_apart(drafts: Drafts, faces: Catalog):
    for name, page, draft in drafts:
        quads = []
        for block in draft.blocks:
            placed = geometry(block, typeset(block, faces), faces)
            margin = 0.3 * page.size_px
            quads.append(shrunk(placed.quads, 0.12 * block.size_px))

            assert placed.bounds[:, :2].min() >= margin, name
            assert (placed.bounds[:, 2:] <= np.array([page.width_px, page.height_px]) - margin).all(), name
        overlapping = overlaps(np.concatenate(quads))

        assert not overlapping, f"{name}: lines {overlapping[:3]} overlap"


def shrunk(quads: Floats, by_px: float) -> Floats:
    """Quads (m, 4, 2) drawn in on every side: lines set solid may touch, and accents reach into them."""
    right, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    right *= np.minimum(by_px / np.hypot(*right.T), 0.3)[:, None]
    down *= np.minimum(by_px / np.hypot(*down.T), 0.3)[:, None]
    return quads + np.stack([right + down, down - right, -right - down, right - down], axis=1)


def overlaps(quads: Floats) -> list[tuple[int, int]]:
    """Pairs of rectangles that meet: none of their sides' directions separates them."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    near = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=-1)
    pairs = np.argwhere(np.triu(near, 1)).tolist()
    return [(i, j) for i, j in pairs if not any(separates(side, quads[i], quads[j]) for side in sides(quads, i, j))]


def sides(quads: Floats, *numbers: int) -> list[Floats]:
    return [quads[i, k] - quads[i, 0] for i in numbers for k in (1, 3)]


def separates(direction: Floats, one: Floats, other: Floats) -> bool:
    a, b = one @ direction, other @ direction
    return bool(a.max() <= b.min() or b.max() <= a.min())


def test_rectangles_that_cross_are_found():
    upright = np.array([[0.0, 0], [10, 0], [10, 2], [0, 2]])
    crossing = np.array([[4.0, -4], [6, -4], [6, 6], [4, 6]])
    corner = np.array([[9.0, 4], [13, 0], [14, 1], [10, 5]])  # its upright bounds meet the first, it does not

    assert overlaps(np.stack([upright, crossing])) == [(0, 1)]
    assert overlaps(np.stack([upright, corner])) == []


def test_sizes_keep_the_band_and_20_px(kind: str, drafts: Drafts):
    for name, page, draft in drafts:
        sizes = {block.size_px for block in draft.blocks}

        assert min(sizes) >= page.min_size_px, name
        assert max(sizes) <= 20, name
        if kind not in ("labels", "poster"):
            assert page.size_px in sizes, name


def test_shapes_lie_on_the_page_and_plates_only_where_allowed(drafts: Drafts):
    for name, page, draft in drafts:
        for shape in draft.shapes:
            assert shape.x < page.width_px, name
            assert shape.y < page.height_px, name
            assert min(shape.x + shape.width, shape.y + shape.height) > 0, name
            assert shape.kind != "plate" or page.plates, name


def test_same_generator_same_page(kind: str, faces: Catalog, writer: Writer):
    page = make_page(faces, writer, 1)
    one, again, other = (LAYOUTS[kind](page, np.random.default_rng(seed)) for seed in (5, 5, 6))

    assert one == again
    assert one != other


def test_hinted_styles_ask_for_sizes_they_have(kind: str, faces: Catalog, writer: Writer):
    for seed in range(4):
        raster = Raster(kind="full", phases=1)
        page = make_page(faces, writer, 1, raster=raster, size_px=9.0, width_px=400, height_px=400)
        for block in LAYOUTS[kind](page, np.random.default_rng(seed)).blocks:
            assert block.size_px == round(block.size_px)
            assert not block.angle_deg or block.raster.kind == "grey"


def test_strikes_are_for_the_body_alone(faces: Catalog, writer: Writer):
    page = make_page(faces, writer, 1, raster=Raster(kind="strike", phases=1), size_px=12.0)

    assert style_of(page, page.body, 1.0, "body", 1.2).raster.kind == "strike"
    assert style_of(page, page.body, 1.5, "heading", 1.2).raster.kind == "full"


@pytest.mark.parametrize("language", LANGUAGES)
def test_dense_kinds_fill_the_page(language: str, faces: Catalog, writer: Writer):
    for dense in ("paragraph", "article", "bullets", "table", "code", "newspaper"):
        page = make_page(faces, writer, LANGUAGES.index(language), width_px=512, height_px=512, size_px=9.0)
        for seed in range(6):
            blocks = LAYOUTS[dense](page, np.random.default_rng(seed)).blocks
            bounds = [geometry(block, typeset(block, faces), faces).bounds for block in blocks]
            lowest = max(float(b[:, 3].max()) for b in bounds)

            assert lowest > 0.82 * page.height_px, f"{dense} {seed} ends at {lowest:.0f} px"


def test_a_large_page_of_small_text(kind: str, faces: Catalog, writer: Writer):
    page = make_page(faces, writer, 0, width_px=2048, height_px=1536, size_px=5.5, min_size_px=5.0)
    draft = LAYOUTS[kind](page, np.random.default_rng(3))

    assert len(draft.blocks) <= 120
    assert all(fit(block, faces)[0] == block for block in draft.blocks)


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


@pytest.mark.parametrize("raster", [Raster(), Raster(kind="full", phases=1)])
def test_measured_widths_are_those_of_set_lines(faces: Catalog, writer: Writer, raster: Raster):
    page = make_page(faces, writer, 0, raster=raster)
    style = style_of(page, faces["DejaVuSans"], 1.0, "body", 1.2)
    texts = ["AV", "office", "a b  c"]
    done = typeset(style.block("\n".join(texts), [(0.0, 0.0, 500.0, 50.0)] * 3, "each"), faces)

    np.testing.assert_allclose(widths_of(texts, style), done.ends - done.starts)
    assert 0.4 < ems_per_char(faces["DejaVuSans"], "en") < 0.7
    assert ems_per_char(faces["DejaVuSans"], "zh") == 1.0


def test_traditional_pages_hold_no_simplified_words_of_the_layouts_own(drafts: Drafts) -> None:
    text = "".join(block.text for _, page, draft in drafts if page.language == "zh-Hant" for block in draft.blocks)

    assert text
    assert not set("图签") & set(text)
