"""Ink, on fonts made so that the cmap promises more than the glyphs draw."""

from collections.abc import Callable
from pathlib import Path

from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from fonts.ink import drawn_codes, open_font

Make = Callable[..., Path]


def _drawn(path: Path) -> set[int]:
    return set(drawn_codes(open_font(str(path))).tolist())


def test_an_empty_glyph_is_not_drawn(make_boxes: Make) -> None:
    assert _drawn(make_boxes({ord("a"): 300, ord("b"): 0})) == {ord("a")}


def test_an_outline_without_area_is_not_drawn(make_boxes: Make, tmp_path: Path) -> None:
    path = make_boxes({ord("a"): 300, ord("b"): 310})
    with TTFont(path) as font:
        pen = TTGlyphPen(None)
        pen.moveTo((100, 100))
        pen.lineTo((500, 100))
        pen.lineTo((300, 100))
        pen.closePath()
        font["glyf"]["w310"] = pen.glyph()
        font.save(path)

    assert _drawn(path) == {ord("a")}


def test_a_space_is_drawn_although_it_is_empty(make_boxes: Make) -> None:
    assert _drawn(make_boxes({ord(" "): 0, 0xA0: 0, 0x3000: 0, ord("a"): 300})) == {
        0x20,
        0xA0,
        0x3000,
        ord("a"),
    }


def test_the_shape_of_notdef_is_not_drawn(make_boxes: Make) -> None:
    """Box 500 has another glyph id than .notdef and the same outline; -1 is .notdef itself."""
    assert _drawn(make_boxes({ord("a"): 300, ord("b"): 500, ord("c"): -1})) == {ord("a")}


def test_one_box_for_many_han_characters_is_a_placeholder(make_boxes: Make) -> None:
    few = {0x4E00 + i: 300 for i in range(8)}
    many = {0x5000 + i: 400 for i in range(9)}
    latin = {0xC0 + i: 350 for i in range(20)}

    assert _drawn(make_boxes({**few, **many, **latin})) == {*few, *latin}


def test_what_shaping_hides_is_not_drawn(make_boxes: Make) -> None:
    hidden = [0x00AD, 0x200B, 0x200D, 0x2028, 0xFE0F, 0xFEFF, 0x034F, 0x0009]

    assert _drawn(make_boxes({**dict.fromkeys(hidden, 300), ord("a"): 310})) == {ord("a")}


def test_code_points_come_sorted(make_boxes: Make) -> None:
    codes = drawn_codes(open_font(str(make_boxes({0x4E2D: 310, ord("a"): 320, 0x20000: 330}))))

    assert codes.dtype == "uint32"
    assert codes.tolist() == [ord("a"), 0x4E2D, 0x20000]
