"""Coverage against what FreeType and Pillow really draw."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fonts.catalog import Catalog, load_catalog
from fonts.coverage import Coverage, drawn

Make = Callable[..., Path]
ASCII = "".join(map(chr, range(0x20, 0x7F)))


@pytest.mark.usefixtures("own_cache")
def test_a_hole_in_the_cmap_is_missing(make_subset: Make, catalog: Catalog) -> None:
    path = make_subset("NotoSansCJKsc-Regular", ASCII + "的一是不", "holes.otf")
    face = load_catalog((str(path),)).faces[0]

    assert Coverage(face).missing("the 的了是了\nnot") == "了"
    assert Coverage(catalog["NotoSansCJKsc-Regular"]).missing("the 的了是了\nnot") == ""


def test_each_missing_character_is_named_once_in_order(catalog: Catalog) -> None:
    coverage = Coverage(catalog["DejaVuSans"])

    assert coverage.missing("b的a永的𠀀 永") == "的永𠀀"
    assert coverage.missing("") == ""
    assert coverage.missing("\n\n") == ""
    assert coverage.missing("\ud800") == "\ud800"


@pytest.mark.parametrize("face_id", ["DejaVuSans", "SourceSerifPro-It", "NotoSerifCJKsc-Regular"])
def test_every_drawn_character_leaves_ink_of_its_own_in_pillow(catalog: Catalog, face_id: str) -> None:
    face = catalog[face_id]
    font = ImageFont.truetype(face.path, 20, face.index, layout_engine=ImageFont.Layout.BASIC)
    absent = _pixels(font, chr(0xFFFF0))
    codes = drawn(face)

    for letter in map(chr, codes[:: max(1, len(codes) // 200)].tolist()):
        pixels = _pixels(font, letter)
        if not letter.isspace():
            assert pixels.any(), f"U+{ord(letter):04X}"
            assert not np.array_equal(pixels, absent), f"U+{ord(letter):04X}"


def _pixels(font: ImageFont.FreeTypeFont, text: str) -> NDArray[np.uint8]:
    image = Image.new("L", (80, 80))
    ImageDraw.Draw(image).text((25, 25), text, fill=255, font=font)
    return np.asarray(image)


@pytest.fixture(scope="module")
def letters(catalog: Catalog) -> tuple[Coverage, frozenset[str]]:
    face = catalog["SourceHanSerifSC-Regular"]
    return Coverage(face), frozenset(map(chr, drawn(face).tolist()))


@given(text=st.text(st.characters(max_codepoint=0x4FFF), max_size=40))
def test_missing_agrees_with_the_set_of_drawn_characters(letters: tuple[Coverage, frozenset[str]], text: str) -> None:
    coverage, held = letters

    assert coverage.missing(text) == "".join(
        dict.fromkeys(letter for letter in text if letter != "\n" and letter not in held)
    )


@pytest.mark.usefixtures("own_cache")
def test_instances_of_a_variable_face_are_kept_apart(own_cache: Path, catalog: Catalog) -> None:
    drawn(catalog["Manrope@wght=300"])
    drawn(catalog["Manrope@wght=700"])

    assert len(list(own_cache.rglob("*.npz"))) == 2
