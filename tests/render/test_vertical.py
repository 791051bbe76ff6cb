"""Columns in faces not made for them: other faces are taken, and what lies level or has no room is left out."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import uharfbuzz as hb
from fontTools.ttLib import TTFont

from fonts.catalog import Catalog, FontFace
from render.layouts.kinds import LAYOUTS
from render.layouts.vertical import faces_for_columns, upright
from render.page import Page
from render.raster import Raster
from render.recipe import Recipe
from render.sample import Cell, Sampler, sample_style
from render.text import open_writer

GOOD = "NotoSansCJKsc-Regular"


def variant(face: FontFace, path: Path, data: bytes) -> FontFace:
    path.write_bytes(data)
    return replace(face, id=path.stem, path=str(path), sha256=sha256(data).hexdigest())


def without_room(face: FontFace, chars: str = "") -> bytes:
    """The file with vertical advances of 0: of these characters, or of all."""
    data = bytearray(Path(face.path).read_bytes())
    with TTFont(face.path, lazy=True) as font:
        start, num = font.reader.tables["vmtx"].offset, font["vhea"].numberOfVMetrics
    found = hb.Font(hb.Face(bytes(data)))
    for glyph in [found.get_nominal_glyph(ord(char)) for char in chars] or range(num):
        data[start + 4 * glyph : start + 4 * glyph + 2] = b"\0\0"
    return bytes(data)


def out_of_its_room(face: FontFace) -> bytes:
    """The file with all characters nearly an em away from where they belong in a column."""
    data = bytearray(Path(face.path).read_bytes())
    with TTFont(face.path, lazy=True) as font:
        origin = font.reader.tables["VORG"].offset + 4
    data[origin : origin + 2] = b"\0\0"
    return bytes(data)


def without_forms(face: FontFace) -> bytes:
    """The file without other forms for columns."""
    wanted = hb.SubsetInput()
    for first, last in (
        (0x20, 0x3020),
        (0x4E00, 0x9FFF),
        (0xFF00, 0xFF60),
    ):  # not the forms at FE30, used as a fallback
        wanted.unicode_set.add_range(first, last)
    for tag in ("vert", "vrt2"):
        wanted.layout_feature_tag_set.discard(int.from_bytes(tag.encode(), "big"))
    return bytes(hb.subset(hb.Face(Path(face.path).read_bytes()), wanted).blob.data)


@pytest.fixture(scope="module")
def some(faces: Catalog, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FontFace]:
    """A good face, and four that are at fault."""
    folder, good = tmp_path_factory.mktemp("faces"), faces[GOOD]
    files = {
        "flat": without_room(good),
        "odd": without_room(good, "晕"),
        "unturned": without_forms(good),
        "away": out_of_its_room(good),
    }
    return {"good": good} | {name: variant(good, folder / f"{name}.otf", data) for name, data in files.items()}


def page_in(face: FontFace, catalog: Catalog) -> Page:
    return Page(
        width_px=400,
        height_px=400,
        language="zh",
        size_px=14.0,
        min_size_px=10.0,
        body=face,
        display=face,
        mono=face,
        raster=Raster(),
        writer=open_writer(()),
        faces=catalog,
    )


def test_faces_made_for_columns_turn_brackets_and_give_room(some: dict[str, FontFace]):
    assert {face.id for face in faces_for_columns(Catalog(list(some.values())), "zh")} == {GOOD, "odd"}


@pytest.mark.parametrize("name", ["flat", "unturned", "away"])
def test_another_face_sets_the_columns(some: dict[str, FontFace], name: str):
    catalog = Catalog([some["good"], some[name]])
    blocks = LAYOUTS["vertical"](page_in(some[name], catalog), np.random.default_rng(0)).blocks

    assert blocks
    assert {(block.face, block.vertical) for block in blocks} == {(GOOD, True)}


def test_what_would_lie_level_or_have_no_room_is_left_out(some: dict[str, FontFace]):
    text = "永和九年——岁在\n晕「癸丑」……"

    assert upright(text, some["good"], "zh") == text
    assert upright(text, some["odd"], "zh") == text.replace("晕", "")
    assert upright(text, some["unturned"], "zh") == "永和九年岁在\n晕「癸丑」"


def test_without_a_face_for_columns_the_page_is_a_paragraph_and_says_so(some: dict[str, FontFace]):
    catalog, recipe, counts = Catalog([some["unturned"]]), Recipe(), Counter[str]()
    cell = Cell(language="zh", band="10-14", layout="vertical", ground="paper", width_px=256, height_px=256)
    rng = np.random.default_rng(3)
    style = sample_style(recipe, catalog, cell.band, cell.language, rng)
    scene, _ = Sampler(recipe, catalog, open_writer(())).scene(cell, style, None, rng, counts)

    assert scene.layout == "paragraph"
    assert not any(block.vertical for block in scene.blocks)
    assert counts["reject/layout/vertical: no face is made for columns"] == 1
