"""Chinese set vertically: columns from right to left, a title column at the right, perhaps rules between."""

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog, FontFace
from render.layouts.box import Box
from render.layouts.paragraph import paragraph
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import as_drawn, running
from render.outlines import outlines_of
from render.page import Draft, Page
from render.raster import Raster
from render.shape import Shaped, shaper_of

_DIGITS = str.maketrans("0123456789", "〇一二三四五六七八九")
_QUOTES = str.maketrans("“”‘’", "「」『』")
_NOT_FULL_WIDTH = re.compile("[^\u3400-\u9fff〇，。、；：？！…—（）《》〈〉【】「」『』\n]")
_EMPTY = re.compile(
    "（）|《》|〈〉|【】|「」|『』|(?<=[，。、；：？！])[，、；：]|(?m:^[，。、；：？！—…）》〉】」』]+)"
)
_LONGEST_EM = 34
_BRACKETS, _DASHES = "「（", ("——", "……")  # what turns in a column, in faces that are made for them
_LEAST_EM, _OVER_EM = 0.5, 0.12  # that a character takes of a column, and by which its ink may leave that room


def vertical(page: Page, rng: np.random.Generator) -> Draft:
    """One to three tiers of columns. Other languages are not set so: their page is one of running text."""
    if page.language == "en":
        return paragraph(page, rng)
    sheet = Sheet(_in_faces_for_columns(page, rng), rng)
    box = sheet.margins(0.02, 0.08)
    style = replace(sheet.body(1.2, 1.85), vertical=True, align=sheet.draws.pick(("justify", "left")))
    framed = sheet.draws.chance(0.4) and min(box.width, box.height) > 8 * sheet.em
    if framed:
        sheet.frame(box, line_px=sheet.draws.pick((1.0, 1.0, 2.0)))
        box = box.inset(0.6 * sheet.em + 1)
    if box.width > 7 * sheet.em and sheet.draws.chance(0.75):
        box = _title(sheet, box)
    num_tiers = int(box.height / (_LONGEST_EM * sheet.em)) + 1
    tiers = box.rows(num_tiers, gap=2 * sheet.em)
    _columns(sheet, tiers, replace(style, indent=sheet.draws.pick((0.0, 2.0))))
    if sheet.draws.chance(0.45):
        for tier in tiers:
            _rules(sheet, tier, style)
    return sheet.draft()


def _title(sheet: Sheet, box: Box) -> Box:
    """A large column at the right with the author's name at its side; returns what is left."""
    page, rng = sheet.page, sheet.rng
    head = replace(
        sheet.heading(sheet.draws.pick((1.5, 2.0))), vertical=True, tracking=sheet.draws.pick((0.0, 0.1, 0.3))
    )
    column = Box(box.right - head.size_px, box.y + 0.0, head.size_px + 0.01, box.height)
    longest = max(2, int(0.8 * head.num_chars(box.height)))
    text = page.drawable(lambda: full_width(page.writer.title(rng, page.language, longest)), head.face)
    text = upright(text, head.face, head.language)
    sheet.text(text, [_inner(column, sheet.draws.pick((0.0, 1.5)) * sheet.em)], head)
    box = box.left(box.width - head.size_px - 0.8 * sheet.em)
    if sheet.draws.chance(0.6) and box.width > 6 * sheet.em:
        small = replace(sheet.small(), vertical=True, align="right")
        name = page.drawable(lambda: full_width(page.writer.name(rng, page.language)), small.face)
        sheet.text(name, [Box(box.right - small.size_px, box.y, small.size_px + 0.01, box.height)], small)
        box = box.left(box.width - small.size_px - 0.8 * sheet.em)
    return box


def _inner(column: Box, drop: float) -> Box:
    return column.below(drop) if column.height > 6 * drop else column


def _columns(sheet: Sheet, tiers: list[Box], style: TextStyle) -> None:
    """Running text from column to column, without anything that would lie on its side."""
    text = full_width(running(sheet, style, tiers))
    sheet.text(upright(as_drawn(sheet, style, [text])[0], style.face, style.language), tiers, style)


@lru_cache(maxsize=8)
def faces_for_columns(faces: Catalog, language: str) -> tuple[FontFace, ...]:
    """The faces of a language that are made for columns."""
    return tuple(face for face in faces.for_language(language) if _stands(face, language))


def _stands(face: FontFace, language: str) -> bool:
    """Whether brackets turn in a column, and characters have a room of their own there."""
    shaped = shaper_of(face).shape(f"国永{_BRACKETS}", language, vertical=True)
    return _turns(face, _BRACKETS, language) and bool(_in_its_room(face, shaped).all())


def _turns(face: FontFace, text: str, language: str) -> bool:
    level, upright = (shaper_of(face).shape(text, language, tall).glyph_ids for tall in (False, True))
    return bool(upright.all()) and not np.isin(upright, level).any()


def _in_its_room(face: FontFace, shaped: Shaped) -> NDArray[np.bool_]:
    """Of each glyph (n,), whether its ink lies in the room it takes of a column: some faces tell that wrongly."""
    outlines = outlines_of(face)
    slots = outlines.slots(shaped.glyph_ids)  # first: this may make outlines.box anew
    em, box = outlines.units_per_em, outlines.box[slots]
    above, below = shaped.y_offsets + box[:, 3], -shaped.y_offsets - box[:, 1] - shaped.advances
    return np.asarray((shaped.advances >= _LEAST_EM * em) & (np.maximum(above, below) <= _OVER_EM * em))


def _in_faces_for_columns(page: Page, rng: np.random.Generator) -> Page:
    """The page with other faces in place of those that are not made for columns. ValueError where none is."""
    standing = faces_for_columns(page.faces, page.language)
    if not standing:
        raise ValueError(
            f"no face of {page.language} is made for columns: add --fonts, or leave vertical out of layouts"
        )
    body, display = (
        face if face in standing else standing[int(rng.integers(len(standing)))] for face in (page.body, page.display)
    )
    raster = Raster() if page.raster.kind == "strike" and body != page.body else page.raster
    return replace(page, body=body, display=display, raster=raster)


def upright(text: str, face: FontFace, language: str) -> str:
    """The text without dashes that the face draws level in a column, and without what has no room of its own there."""
    for dash in _DASHES:
        text = text if _turns(face, dash, language) else text.replace(dash, "").replace(dash[0], "")
    shaped = shaper_of(face).shape(text, language, vertical=True)
    outside = {text[at] for at in shaped.clusters[~_in_its_room(face, shaped)].tolist()} - {"\n"}
    return text.translate(dict.fromkeys(map(ord, outside)))


def full_width(text: str) -> str:
    """The text in full-width characters alone: digits become Chinese, Latin letters are left out."""
    text = _NOT_FULL_WIDTH.sub("", text.translate(_DIGITS).translate(_QUOTES))
    return _EMPTY.sub("", text)


def _rules(sheet: Sheet, tier: Box, style: TextStyle) -> None:
    """A rule between every two columns."""
    for k in range(style.num_lines(tier.width) - 1):
        x = tier.right - style.size_px / 2 - (k + 0.5) * style.pitch_px
        sheet.rule(x, tier.y, 1.0, tier.height, "faint")
