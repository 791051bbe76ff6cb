"""A bulleted or numbered list, often nested, under a heading."""

import numpy as np

from render.layouts.box import Box
from render.layouts.items import set_items
from render.layouts.parts import foot, heading, put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import one_paragraph, phrases, sentences
from render.page import Draft, Page


def bullets(page: Page, rng: np.random.Generator) -> Draft:
    """One to three columns of items with hanging markers; the items are phrases or sentences."""
    sheet = Sheet(page, rng)
    whole = box = sheet.margins(0.02, 0.1)
    if box.height > 6 * sheet.em:
        box = heading(sheet, box)
    numbered = whole.height > 25 * sheet.em and sheet.draws.chance(0.3)
    box = box.top(box.height - 2 * sheet.em * numbered)
    style = sheet.body(1.1, 1.6)
    if box.height > 20 * sheet.em and sheet.draws.chance(0.35):
        num_chars = style.num_chars(box.width) * sheet.draws.between(1, 3)
        box = put(sheet, one_paragraph(sheet, style, num_chars), box, style, 3).below(0.8 * sheet.em)
    most = int(box.width / (22 * sheet.em))
    columns = box.columns(max(1, min(most, sheet.draws.pick((1, 1, 2, 3)))), gap=2.5 * sheet.em)
    gap = sheet.draws.pick((0.0, 0.2, 0.5, 0.9)) * sheet.em
    set_items(sheet, _texts(sheet, columns, style, gap), columns, style, gap)
    if numbered:
        foot(sheet, whole)
    return sheet.draft()


def _texts(sheet: Sheet, columns: list[Box], style: TextStyle, gap: float) -> list[str]:
    """Items for the columns: phrases of one line, or sentences."""
    if sheet.draws.chance(0.4):
        num = int(sum(column.height for column in columns) / (style.pitch_px + gap)) + 1
        longest = min(style.num_chars(columns[0].width - 3 * sheet.em), 40)
        return phrases(sheet, style, num, longest)
    return sentences(sheet, style, style.chars_in(columns))
