"""A poster: a few large centred lines, much picture, and many small lines."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import one_paragraph, several, title
from render.page import Draft, Page


def poster(page: Page, rng: np.random.Generator) -> Draft:
    """Title at the top or in the middle, facts under it, credits at the foot; all of it centred."""
    sheet = Sheet(page, rng)
    box = _border(sheet, sheet.margins(0.03, 0.09))
    small = replace(sheet.body(1.1, 1.4), align="centre")
    credits_height = min(small.height(sheet.draws.between(3, 9)), 0.35 * box.height)
    box = box.below(box.height * sheet.draws.pick((0.0, 0.03, 0.08, 0.2)) * (box.height > 16 * sheet.em))
    box = _title(sheet, box)
    room = box.top(box.height - credits_height - sheet.em)
    _facts(sheet, room, small)
    _credits(sheet, box.below(box.height - credits_height), small)
    return sheet.draft()


def _border(sheet: Sheet, box: Box) -> Box:
    """Perhaps a single or double frame; returns the room in it."""
    kind = sheet.draws.pick(("none", "none", "single", "double", "lines"))
    if kind == "none" or min(box.width, box.height) < 12 * sheet.em:
        return box
    if kind == "lines":
        for y in (box.y, box.bottom - 2):
            sheet.rule(box.x, y, box.width, 2.0, "accent")
        return box.inset(0, 1.2 * sheet.em)
    sheet.frame(box, line_px=sheet.draws.pick((1.0, 2.0, 3.0)))
    if kind == "double":
        sheet.frame(box.inset(4))
    return box.inset(1.2 * sheet.em + 4)


def _title(sheet: Sheet, box: Box) -> Box:
    """A line or two small, the large lines, and a line under them."""
    large = sheet.style(sheet.page.display, sheet.page_factor, "heading", sheet.uniform(1.15, 1.5))
    ...
