"""A poster: a few large centred lines, much picture, and many small lines."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import one_paragraph, phrases, several, title
from render.page import Draft, Page


def poster(page: Page, rng: np.random.Generator) -> Draft:
    """Title at the top or lower down, a programme under it, credits at the foot; all of it centred."""
    sheet = Sheet(page, rng)
    box = _border(sheet, sheet.margins(0.03, 0.09))
    small = replace(sheet.body(1.1, 1.5), align="centre")
    credits = box.below(box.height - min(small.height(sheet.draws.between(4, 12)) + 0.01, 0.35 * box.height))
    box = box.top(box.height - credits.height - sheet.em)
    if box.height > 14 * sheet.em:
        box = box.below(box.height * sheet.draws.pick((0.0, 0.02, 0.06, 0.2)))
    box = _title(sheet, box, small)
    if sheet.draws.chance(0.75):
        _programme(sheet, box.below(box.height * sheet.draws.pick((0.05, 0.15, 0.4))), small)
    _credits(sheet, credits, small)
    return sheet.draft()


def _border(sheet: Sheet, box: Box) -> Box:
    """Perhaps a single or double frame, or two bars; returns the room in it."""
    kind = sheet.draws.pick(("none", "none", "single", "double", "bars"))
    if kind == "none" or min(box.width, box.height) < 14 * sheet.em:
        return box
    if kind == "bars":
        for y in (box.y, box.bottom - 3):
            sheet.rule(box.x, y, box.width, 3.0, "accent")
        return box.inset(0, 0.8 * sheet.em + 3)
    sheet.frame(box, line_px=sheet.draws.pick((1.0, 2.0, 3.0)))
    if kind == "double":
        sheet.frame(box.inset(5))
    return box.inset(0.8 * sheet.em + 5)


def _title(sheet: Sheet, box: Box, small: TextStyle) -> Box:
    """Large lines between a small one above and one below."""
    tracking = sheet.draws.pick((0.0, 0.05, 0.1, 0.25))
    large = replace(sheet.heading(4.0), align="centre", tracking=tracking, leading=sheet.uniform(1.15, 1.5))
    num_lines = max(1, min(sheet.draws.between(1, 3), large.num_lines(0.5 * box.height)))
    if box.height > large.height(num_lines) + 6 * sheet.em:
        box = put(sheet, title(sheet, small, min(box.width, 24 * sheet.em)), box, small).below(0.4 * large.size_px)
    capitals = sheet.draws.chance(0.45)
    text = "\n".join(title(sheet, large, 0.95 * box.width, capitals=capitals) for _ in range(num_lines))
    box = put(sheet, text, box, large, num_lines).below(0.5 * large.size_px)
    if box.height > 4 * sheet.em:
        if sheet.draws.chance(0.4):
            length = sheet.draws.pick((0.2, 0.4, 0.8)) * box.width
            sheet.rule(box.x + (box.width - length) / 2, box.y, length, sheet.draws.pick((1.0, 2.0)), "accent")
            box = box.below(0.6 * sheet.em)
        box = put(sheet, _where_and_when(sheet, small), box, small)
    return box


def _where_and_when(sheet: Sheet, style: TextStyle) -> str:
    page, rng, language = sheet.page, sheet.rng, sheet.page.language
    mark = sheet.draws.pick((" | ", " - ", ", ") if language == "en" else ("　", " | ", "，"))
    return page.drawable(
        lambda: f"{page.writer.date(rng, language)}{mark}{page.writer.place(rng, language)}", style.face
    )


def _programme(sheet: Sheet, box: Box, style: TextStyle) -> None:
    """Centred lines of uneven length in the middle of the picture."""
    style = replace(style, leading=sheet.uniform(1.3, 1.9), wrap=False)
    num = round(style.num_lines(box.height) * sheet.uniform(0.5, 1.0))
    page, rng = sheet.page, sheet.rng
    longest = max(2, min(style.num_chars(0.9 * box.width), 36))
    if sheet.draws.chance(0.5):
        texts = phrases(sheet, style, num, longest)
    else:
        texts = several(
            sheet,
            style,
            num,
            lambda: f"{page.writer.time(rng)}  {page.writer.phrase(rng, page.language, longest)}",
        )
    sheet.text("\n".join(texts), [box], style)


def _credits(sheet: Sheet, box: Box, style: TextStyle) -> None:
    """Small print: a centred paragraph, or columns of centred lines."""
    num_columns = min(sheet.draws.pick((1, 1, 2, 3)), int(box.width / (14 * sheet.em)))
    if num_columns < 2:
        sheet.text(one_paragraph(sheet, style, style.chars_in([box])), [box], style)
        return
    columns = box.columns(num_columns, gap=1.5 * sheet.em)
    num = style.num_lines(box.height) * num_columns
    style = replace(style, wrap=False)
    sheet.text("\n".join(phrases(sheet, style, num, style.num_chars(0.9 * columns[0].width))), columns, style)
