"""Embedded bitmaps are drawn as they are, and labelled by their own ink."""

import struct
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from fontTools.subset import Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.DefaultTable import DefaultTable

from fonts.catalog import Catalog, FontFace
from render.draw import draw
from render.hinting import sized_face
from render.raster import Raster
from render.scene import Block
from tests.render.test_draw import page_of

PPEM, WIDTH_PX, HEIGHT_PX, X_HEIGHT_PX = 12, 6, 11, 4


def bitmap_tables(heights: list[int]) -> dict[str, bytes]:
    """EBLC and EBDT of one strike, in which each glyph is a full block so many px high."""
    version, last = struct.pack(">HH", 2, 0), len(heights) - 1
    images = [struct.pack(">BBbbB", h, WIDTH_PX, 0, h, WIDTH_PX + 1) + b"\xfc" * h for h in heights]
    ends = np.cumsum([0, *map(len, images)]).astype(">u4").tobytes()
    size = struct.pack(">4I", 56, 16 + len(ends), 1, 0) + bytes(24) + struct.pack(">HHBBBb", 0, last, PPEM, PPEM, 1, 1)
    index = struct.pack(">HHIHHI", 0, last, 8, 1, 1, 4) + ends
    return {"EBLC": version + struct.pack(">I", 1) + size + index, "EBDT": version + b"".join(images)}


@pytest.fixture(scope="module")
def struck(faces: Catalog, tmp_path_factory: pytest.TempPathFactory) -> FontFace:
    """A few letters of a face with a strike of 12 px, whose blocks are higher than the letters, and for x lower."""
    face, path = faces["DejaVuSans"], tmp_path_factory.mktemp("faces") / "struck.ttf"
    font: Any = TTFont(face.path)
    subsetter = Subsetter()
    subsetter.populate(text="Word x")
    subsetter.subset(font)
    heights = [X_HEIGHT_PX if name == "x" else HEIGHT_PX for name in font.getGlyphOrder()]
    for tag, data in bitmap_tables(heights).items():
        font[tag] = DefaultTable(tag)
        font[tag].data = data
    font.save(path)
    return replace(face, id="struck", path=str(path), sha256=sha256(path.read_bytes()).hexdigest(), strikes=(PPEM,))


def test_heights_are_those_of_the_bitmaps(struck: FontFace):
    faces = Catalog([struck])
    raster = Raster(kind="strike", phases=1)
    frame = (20, 20, 150, 60)
    block = Block(text="Word\nxx", frames=(frame,), face="struck", size_px=PPEM, language="en", raster=raster)
    made = draw(page_of(block, faces), None, faces, mask=True)
    rows = [np.flatnonzero(part.any(axis=1)) for part in np.split(made.mask, [36])]

    assert made.lines.text == ["Word", "xx"]
    assert np.concatenate(made.lines.ink_px).tolist() == [HEIGHT_PX, X_HEIGHT_PX] == [len(inked) for inked in rows]
    assert made.lines.x_height_px == [X_HEIGHT_PX] * 2


def test_a_strike_of_another_size_is_refused(struck: FontFace):
    with pytest.raises(ValueError, match=r"struck has no strike of 12.3 px: it has \[12\]"):
        sized_face(struck, 12.3, "strike")
