"""An article: a heading, a byline, two or three columns, a figure with its caption."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import captioned, foot, heading, put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import one_paragraph, running, several, stock_up, title
from render.page import Draft, Page

_NARROWEST_EM = {"en": 13, "zh": 9, "zh-Hant": 9}


def article(page: Page, rng: np.random.Generator) -> Draft:
    """As in a journal: everything above the columns runs across the page."""
    sheet = Sheet(page, rng)
    whole = sheet.margins(0.02, 0.07)
    footed = whole.height > 20 * sheet.em
    box = whole.top(whole.height - 2 * sheet.em * footed)
    align = sheet.draws.pick(("left", "centre", "centre"))
    box = _opening(sheet, heading(sheet, box, align), align)
    style = replace(sheet.body(1.05, 1.35), align="justify", indent=sheet.draws.pick((0.0, 1.0, 2.0)))
    gap = sheet.uniform(1.2, 2.5) * sheet.em
    most = int((box.width + gap) / (_NARROWEST_EM[page.language] * sheet.em + gap))
    num = max(1, min(most, sheet.draws.pick((2, 2, 3))))
    columns = box.columns(num, gap)
    if num > 1 and sheet.draws.chance(0.25):
        for column in columns[1:]:
            sheet.rule(column.x - gap / 2, column.y, 1.0, column.height, "faint")
    stock_up(sheet, style, columns)
    _columns(sheet, columns, style)
    if footed:
        foot(sheet, whole, title(sheet, sheet.small(), 0.5 * whole.width))
    return sheet.draft()


def _opening(sheet: Sheet, box: Box, align: str) -> Box:
    """Byline, perhaps an abstract, perhaps a rule; returns what is left under them."""
    if box.height < 16 * sheet.em:
        return box
    page, rng = sheet.page, sheet.rng
    small = replace(sheet.small(), align=align)
    names = several(sheet, small, sheet.draws.between(1, 4), lambda: page.writer.name(rng, page.language))
    box = put(sheet, (", " if page.language == "en" else "　").join(names), box, small).below(0.3 * sheet.em)
    if sheet.draws.chance(0.5):
        box = put(sheet, page.drawable(lambda: page.writer.date(rng, page.language)), box, small)
    box = box.below(0.8 * sheet.em)
    if sheet.draws.chance(0.4) and box.height > 24 * sheet.em:
        inner = replace(small, align="justify")
        wide = box.inset(0.1 * box.width, 0)
        num_lines = sheet.draws.between(3, 6)
        put(
            sheet,
            one_paragraph(sheet, inner, inner.chars_in([wide.top(inner.height(num_lines))])),
            wide,
            inner,
            num_lines,
        )
        box = box.below(inner.height(num_lines) + sheet.em)
    if sheet.draws.chance(0.4):
        sheet.rule(box.x, box.y, box.width, sheet.draws.pick((1.0, 1.0, 2.0)))
        box = box.below(0.8 * sheet.em)
    return box


def _columns(sheet: Sheet, columns: list[Box], style: TextStyle) -> None:
    """Text from column to column around a figure, with a heading between two parts of it."""
    frames, room = columns, None
    if columns[0].height > 18 * sheet.em:
        frames, room = _around_figure(sheet, columns, style)
    k = sheet.draws.below(len(frames))
    at = frames[k].height * sheet.uniform(0.3, 0.6)
    if frames[k].height < 14 * sheet.em:
        sheet.text(running(sheet, style, frames), frames, style)
    else:
        upper = style.height(max(1, style.num_lines(at)))
        first, lower = [*frames[:k], frames[k].top(upper + 0.01)], frames[k].below(upper + 0.9 * sheet.em)
        sheet.text(running(sheet, style, first), first, style)
        head = replace(sheet.heading(1.25), leading=1.2)
        lower = put(sheet, _numbered(sheet, head, lower), lower, head).below(0.5 * sheet.em)
        sheet.text(running(sheet, style, [lower, *frames[k + 1 :]]), [lower, *frames[k + 1 :]], style)
    if room:
        captioned(sheet, room, sheet.small("caption"))


def _numbered(sheet: Sheet, style: TextStyle, box: Box) -> str:
    number = sheet.draws.pick(("", f"{sheet.draws.between(1, 6)} ", f"{sheet.draws.between(1, 6)}. "))
    return number + title(sheet, style, box.width - 2 * style.size_px)


def _around_figure(sheet: Sheet, columns: list[Box], style: TextStyle) -> tuple[list[Box], Box]:
    """The columns without the room of a figure, and that room: at the top, foot or middle of one column."""
    k = sheet.draws.below(len(columns))
    column = columns[k]
    height = min(sheet.uniform(0.25, 0.5) * column.height, 1.3 * column.width + 4 * sheet.em)
    gap = sheet.em
    start = sheet.draws.pick((0.0, 1.0, sheet.uniform(0.2, 0.6))) * (column.height - height)
    above, below = column.top(start - gap), column.below(start + height + gap)
    parts = [box for box in (above, below) if box.height >= style.height(2)]
    return [*columns[:k], *parts, *columns[k + 1 :]], column.below(start).top(height)
