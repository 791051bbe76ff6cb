"""A newspaper: a masthead, many narrow columns with rules between them, headlines across columns."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import captioned, in_row, put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import running, stock_up, title
from render.page import Draft, Page

_COLUMN_EM = {"en": 12.5, "zh": 10.5, "zh-Hant": 10.5}
_MOST_COLUMNS = 8


def newspaper(page: Page, rng: np.random.Generator) -> Draft:
    """The page is cut into bands, bands into stories of one to four columns each."""
    sheet = Sheet(page, rng)
    box = sheet.margins(0.01, 0.04)
    if box.height > 9 * sheet.em:
        box = _masthead(sheet, box)
    body = replace(sheet.body(1.05, 1.18), align="justify", indent=sheet.draws.pick((0.0, 1.0, 2.0)))
    gap = sheet.uniform(0.9, 1.5) * sheet.em
    num = int((box.width + gap) / (_COLUMN_EM[page.language] * sheet.uniform(0.9, 1.3) * sheet.em + gap))
    num = max(1, min(_MOST_COLUMNS, num))
    stock_up(sheet, body, box.columns(num, gap))
    for band in _bands(sheet, box):
        _stories(sheet, band.columns(num, gap), body, gap)
    return sheet.draft()


def _masthead(sheet: Sheet, box: Box) -> Box:
    """The paper's name between rules, with date, place and price."""
    page, em = sheet.page, sheet.em
    name = replace(sheet.heading(4.0), align=sheet.draws.pick(("centre", "centre", "left")))
    name = replace(name, tracking=sheet.draws.pick((0.0, 0.05, 0.2, 0.4)))
    width = min(box.width, 14 * name.size_px)
    capitals = sheet.draws.chance(0.4)
    box = put(sheet, title(sheet, name, width, capitals=capitals), box, name).below(0.35 * em)
    small = replace(sheet.small(), align="justify")
    sheet.rule(box.x, box.y, box.width, sheet.draws.pick((1.0, 2.0, 3.0)))
    box = box.below(0.3 * em + 3)
    issue = (
        f"No. {sheet.draws.between(100, 9999)}" if page.language == "en" else f"第{sheet.draws.between(100, 9999)}期"
    )
    makers = (
        lambda: issue,
        lambda: page.writer.date(sheet.rng, page.language),
        lambda: page.writer.place(sheet.rng, page.language),
        lambda: page.writer.price(sheet.rng, page.language),
    )
    texts = [page.drawable(make, small.face) for make in makers]
    in_row(sheet, [text for text in texts if text], box, small, 2 * em)
    box = box.below(small.size_px + 0.3 * em)
    sheet.rule(box.x, box.y, box.width, 1.0)
    return box.below(0.6 * em + 1)


def _bands(sheet: Sheet, box: Box) -> list[Box]:
    """One to four bands with rules between them."""
    num = max(1, min(4, int(box.height / (sheet.uniform(18, 36) * sheet.em))))
    bands, gap = [], 1.2 * sheet.em
    for k in range(num, 1, -1):
        height = box.height / k * sheet.uniform(0.8, 1.25)
        bands.append(box.top(height))
        box = box.below(height + gap)
        sheet.rule(box.x, box.y - 0.6 * sheet.em, box.width, sheet.draws.pick((1.0, 2.0)))
    return [*bands, box]


def _stories(sheet: Sheet, columns: list[Box], body: TextStyle, gap: float) -> None:
    """Stories side by side over the columns of a band."""
    while columns:
        span = min(len(columns), sheet.draws.pick((1, 1, 2, 2, 3, 4)))
        _story(sheet, columns[:span], body, gap)
        columns = columns[span:]
        if columns:
            sheet.rule(columns[0].x - gap / 2, columns[0].y, 1.0, columns[0].height, "ink")


def _story(sheet: Sheet, columns: list[Box], body: TextStyle, gap: float) -> None:
    """A headline across its columns, perhaps a picture, and text."""
    em, first = sheet.em, columns[0]
    whole = Box(first.x, first.y, columns[-1].right - first.x, first.height)
    head = replace(sheet.heading((1.25, 1.5, 2.0, 2.0)[len(columns) - 1]), leading=1.1)
    if whole.height > 3 * head.size_px + 4 * em:
        num_lines = 2 if len(columns) < 3 else 1
        left = put(sheet, title(sheet, head, whole.width, num_lines), whole, head, num_lines).below(0.45 * em)
        columns = [column.below(left.y - whole.y) for column in columns]
    picture = None
    if columns[0].height > 22 * em and sheet.draws.chance(0.45):
        k = sheet.draws.below(len(columns))
        height = min(0.5 * columns[k].height, columns[k].width + 3 * em)
        picture = columns[k].top(height)
        columns = [*columns[:k], columns[k].below(height + 0.8 * em), *columns[k + 1 :]]
    if len(columns) > 1 and sheet.draws.chance(0.6):
        for column in columns[1:]:
            sheet.rule(column.x - gap / 2, column.y, 1.0, column.height, "faint")
    sheet.text(running(sheet, body, columns), columns, body)
    if picture:
        captioned(sheet, picture, sheet.small("caption", 1.1))
