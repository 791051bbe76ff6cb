"""Typesetting: fitting is stable, alignment is exact, a face with holes is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fontTools import subset
from fontTools.ttLib import TTFont

from fonts.catalog import Catalog
from fonts.coverage import Coverage
from render.raster import Raster
from render.scene import Block
from render.typeset import NotDrawnError, _break, _placed, fit, typeset

ENGLISH = "It is a truth universally acknowledged, that a single man in possession of a good fortune. " * 8
CHINESE = "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。（闰余成岁），律吕调阳。" * 6


def block_of(text: str, language: str, **options) -> Block:
    face = "DejaVuSerif" if language == "en" else "NotoSerifCJKsc-Regular"
    defaults = {"frames": ((10, 10, 140, 60), (160, 10, 120, 60)), "size_px": 9.3}
    return Block(text=text, face=face, language=language, **(defaults | options))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("align", ["left", "centre", "right", "justify"])
def test_what_was_fitted_fits_again(faces: Catalog, language: str, align: str) -> None:
    block, done = fit(block_of(ENGLISH if language == "en" else CHINESE, language, align=align), faces)
    again = _placed(block, faces[block.face], _break(block, faces[block.face]))

    assert len(block.text) < len(ENGLISH)
    assert done.texts == again.texts
    assert np.array_equal(done.x, again.x)
    assert np.array_equal(done.y, again.y)
    assert "".join(done.texts).replace(" ", "") == block.text.replace(" ", "")


@pytest.mark.parametrize(("language", "text"), [("en", ENGLISH), ("zh", CHINESE)])
def test_justified_lines_end_at_the_edge(faces: Catalog, language: str, text: str) -> None:
    _, done = fit(block_of(text, language, align="justify", frames=((10, 10, 300, 80),)), faces)

    assert (done.ends <= 310 + 1e-6).all()
    assert np.isclose(done.ends[:-1], 310).mean() >= 0.75  # a line whose gaps would grow too wide stays ragged


def test_columns_of_vertical_text_run_from_the_right(faces: Catalog) -> None:
    block, done = fit(block_of(CHINESE, "zh", vertical=True, frames=((10, 10, 100, 150),)), faces)

    assert (np.diff(done.across) < 0).all()
    assert done.y.max() <= 160
    assert len(block.text) > 40


def test_a_face_with_holes_is_refused_by_name(faces: Catalog, tmp_path: Path) -> None:
    font = subset.load_font(faces["DejaVuSans"].path, subset.Options(notdef_outline=True, name_IDs=["*"]))
    subsetter = subset.Subsetter(subset.Options(notdef_outline=True, name_IDs=["*"]))
    subsetter.populate(text="".join(map(chr, range(32, 127))).replace("q", ""))
    subsetter.subset(font)
    font.save(tmp_path / "holes.ttf")
    font.close()
    holes = replace(faces["DejaVuSans"], id="Holes", path=str(tmp_path / "holes.ttf"), sha256="0" * 64)
    block = Block(text="quite", frames=((0, 0, 90, 20),), face=holes.id, size_px=12, language="en")

    assert Coverage(holes).missing("quite") == "q"
    with pytest.raises(NotDrawnError, match="q"):
        typeset(block, Catalog([holes]))


def test_faces_of_one_name_in_two_catalogues_are_told_apart(faces: Catalog) -> None:
    block = replace(block_of("Hamburg", "en"), face="X")
    first, second = (
        typeset(block, Catalog(faces=(replace(faces[name], id="X"),))) for name in ("DejaVuSerif", "DejaVuSans")
    )

    assert not np.array_equal(first.x, second.x)


def test_a_glyph_beyond_those_that_a_font_says_it_has_is_not_drawn(faces: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "short.ttf"
    data = bytearray(Path(faces["DejaVuSans"].path).read_bytes())
    with TTFont(faces["DejaVuSans"].path) as font:
        at = font.reader.tables["maxp"].offset
    data[at + 4 : at + 6] = (60).to_bytes(2, "big")  # the number of glyphs
    path.write_bytes(data)
    short = replace(faces["DejaVuSans"], id="short", path=str(path), sha256="short")

    with pytest.raises(NotDrawnError, match="does not draw"):
        typeset(replace(block_of("Zebra ~ | office", "en"), face="short"), Catalog(faces=(short,)))


@pytest.mark.parametrize("align", ["left", "centre", "right", "justify"])
def test_hinted_letters_are_whole_pixels_apart(faces: Catalog, align: str) -> None:
    hinted = Raster(kind="full", phases=1)
    _, done = fit(block_of(ENGLISH, "en", size_px=9.0, align=align, raster=hinted, tracking=0.1), faces)
    within = (np.diff(done.clusters) == 1) & (np.diff(done.line_of) == 0)  # spaces have no glyph of their own
    after_space = np.array([ENGLISH[at] == " " for at in done.clusters])
    steps = np.diff(done.x)[within & ~after_space[:-1]]

    assert np.allclose(steps, np.round(steps), atol=1e-6)
    assert set(np.round(steps)) >= {4.0, 6.0, 7.0}
