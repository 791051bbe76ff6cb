"""Fixtures of the font tests: a cache of their own, the default set, and small fonts made to order."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fontTools import subset
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph

from fonts.catalog import Catalog, load_catalog

MakeFont = Callable[..., Path]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The default set, read with the user's cache."""
    return load_catalog()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, used by everything in the test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SMALLPRINT_CACHE", str(folder))
    return folder


@pytest.fixture
def make_subset(tmp_path: Path, catalog: Catalog) -> MakeFont:
    """A function that saves a face of the default set with only these characters."""

    def make(face_id: str, text: str, name: str = "subset.ttf") -> Path:
        options = subset.Options(layout_features=[], name_IDs=["*"], notdef_outline=True)
        font = subset.load_font(catalog[face_id].path, options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=text)
        subsetter.subset(font)
        font.save(tmp_path / name)
        font.close()
        return tmp_path / name

    return make


@pytest.fixture
def make_boxes(tmp_path: Path) -> MakeFont:
    """A function that saves a font which draws a box, different for each, for every given character."""

    def make(codes: dict[int, int], family: str = "Boxes", name: str = "boxes.ttf") -> Path:
        """`codes`: code point -> the width of its box in 1/1000 em; 0 draws nothing, -1 the .notdef box."""
        widths = sorted(set(codes.values()) - {-1})
        glyphs = {".notdef": _box(500), **{f"w{width}": _box(width) for width in widths}}
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder(list(glyphs))
        builder.setupCharacterMap({code: ".notdef" if width < 0 else f"w{width}" for code, width in codes.items()})
        builder.setupGlyf(glyphs)
        builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
        builder.setupHorizontalHeader(ascent=880, descent=-120)
        builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": family.replace(" ", "")})
        builder.setupOS2()
        builder.setupPost()
        builder.save(tmp_path / name)
        return tmp_path / name

    return make


def _box(width: int) -> Glyph:
    """A box 700 high whose width, and for wide ones whose foot, tells it apart."""
    pen = TTGlyphPen(None)
    if width:
        right, bottom = 100 + width % 800, -(width // 800) * 9
        pen.moveTo((90, bottom))
        for point in ((90, 700), (right, 700), (right, bottom)):
            pen.lineTo(point)
        pen.closePath()
    return pen.glyph()


@pytest.fixture
def collect(tmp_path: Path) -> MakeFont:
    """A function that joins font files into a collection."""

    def join(*paths: Path, name: str = "all.ttc") -> Path:
        collection = TTCollection()
        collection.fonts = [TTFont(path) for path in paths]
        collection.save(tmp_path / name)
        return tmp_path / name

    return join
