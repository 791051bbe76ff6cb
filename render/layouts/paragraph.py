"""A page of running text: one column of paragraphs, or facing pages where the picture is wide."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import foot, heading, page_numbers, stack
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import running
from render.page import Draft, Page

_WIDEST_EM = 95  # a longer line is not read with ease, and books do not have it


def paragraph(page: Page, rng: np.random.Generator) -> Draft:
    """Justified or ragged, paragraphs indented or set apart, with or without a heading and a page number."""
    sheet = Sheet(page, rng)
    box = sheet.margins(0.02, 0.1)
    style = replace(sheet.body(), align=sheet.draws.pick(("justify", "justify", "left")))
    numbered = box.height > 12 * sheet.em and sheet.draws.chance(0.35)
    leaves = box.columns(int(box.width / (_WIDEST_EM * sheet.em)) + 1, gap=max(4 * sheet.em, 0.06 * box.width))
    boxes = [leaf.top(leaf.height - 2.2 * sheet.em) for leaf in leaves] if numbered else leaves
    if box.height > 10 * sheet.em and sheet.draws.chance(0.4):
        boxes[0] = heading(sheet, boxes[0], sheet.draws.pick(("left", "centre")))
    _fill(sheet, boxes, style)
    if numbered:
        for leaf, number in zip(leaves, page_numbers(sheet, len(leaves)), strict=True):
            foot(sheet, leaf, number=number)
    return sheet.draft()


def _fill(sheet: Sheet, boxes: list[Box], style: TextStyle) -> None:
    if sheet.draws.chance(0.3) and boxes[0].height > 20 * sheet.em:
        texts = running(sheet, style, boxes).split("\n")
        stack(sheet, [(text, 0.0) for text in texts], boxes, style, sheet.uniform(0.3, 1.0) * sheet.em)
        return
    indents = (0.0, 2.0, 2.0) if style.language != "en" else (0.0, 1.0, 1.5, 2.0)
    style = replace(style, indent=sheet.draws.pick(indents))
    sheet.text(running(sheet, style, boxes), boxes, style)
