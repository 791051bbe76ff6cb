"""Every kind of document, on pages of many shapes: all text fits, inside the page, clear of other text."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fonts.catalog import Catalog
from render.labels import geometry
from render.layouts.kinds import LAYOUTS
from render.layouts.style import ems_per_char, style_of, widths_of
from render.page import Draft, Page, coverage_of
from render.raster import Raster
from render.text import Writer
from render.typeset import fit, typeset
from tests.render.pages import LANGUAGES, make_page

Floats = NDArray[np.float64]
Drafts = list[tuple[str, Page, Draft]]
NUM_PAGES = 48


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
