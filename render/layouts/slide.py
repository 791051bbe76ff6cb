"""A slide: a large title, a few bullets, a footer; on a large picture a handout of several slides."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.items import set_items
from render.layouts.parts import figure, in_row, put
from render.layouts.sheet import Sheet
from render.layouts.wording import sentences, stock_up, title
from render.page import Draft, Page

_WIDEST_EM = 55


def slide(page: Page, rng: np.random.Generator) -> Draft:
    """One slide as large as the picture, or up to six on a sheet where that would be too wide."""
    sheet = Sheet(page, rng)
    least = 0.6 * sheet.em + 1
    whole = Box(0, 0, page.width_px, page.height_px).inset(least)
    across = max(1, min(3, round(whole.width / (_WIDEST_EM * sheet.em))))
    height = max(12 * sheet.em, sheet.draws.pick((0.56, 0.62, 0.75, 1.0)) * whole.width / across)
    down = max(1, min(6 // across, round(whole.height / height)))
    look = _Look(sheet, num_slides=across * down)
    if across * down > 1:
        stock_up(sheet, look.body, [whole.top(0.3 * whole.height)])
    for row in whole.rows(down, gap=sheet.em):
        for box in row.columns(across, gap=sheet.em):
            look.slide(box)
    return sheet.draft()


class _Look:
    """What the slides of one sheet have in common."""

    def __init__(self, sheet: Sheet, num_slides: int) -> None:
        draws = sheet.draws
        self.sheet, self.em = sheet, sheet.em
        self.framed = num_slides > 1 or draws.chance(0.3)
        self.band = draws.pick(("none", "top", "left", "bottom"))
        self.title = replace(sheet.heading(draws.pick((1.5, 1.75, 2.0))), align=draws.pick(("left", "left", "centre")))
        self.body = sheet.body(1.15, 1.5)
        self.ruling = draws.pick(("under", "bar", "side", "none"))
        if self.ruling == "side":  # a bar stands beside what begins there
            self.title = replace(self.title, align="left")
        self.tone = draws.pick(("accent", "accent", "ink"))
        self.number = draws.between(2, 40)
        if self.band == self.ruling == "none":  # else it looks like a page of a list, even in a frame
            self.band = "top"

    def slide(self, box: Box) -> None:
        """Fill one slide."""
        sheet, em = self.sheet, self.em
        if self.framed:
            sheet.frame(box)
            box = box.inset(min(1.2 * em, 0.06 * box.width), min(em, 0.06 * box.height))
        box = self._banded(box)
        footed = box.height > 9 * em
        if footed:
            foot, box = box.below(box.height - 1.01 * em), box.top(box.height - 2.2 * em)
        self._content(self._title(box))
        if footed:
            self._foot(foot)

    def _banded(self, box: Box) -> Box:
        """A coloured band along one side; returns the room beside it."""
        thick = max(2.0, 0.4 * self.em)
        if self.band == "none" or min(box.width, box.height) < 9 * self.em:
            return box
        if self.band == "left":
            self.sheet.rule(box.x, box.y, thick, box.height, self.tone)
            return box.beside(thick + 0.8 * self.em)
        self.sheet.rule(box.x, box.y if self.band == "top" else box.bottom - thick, box.width, thick, self.tone)
        return box.below(thick + 0.6 * self.em) if self.band == "top" else box.top(box.height - thick - 0.5 * self.em)

    def _content(self, box: Box) -> None:
        """Bullets, alone or beside or above a figure, or in two parts."""
        em = self.em
        kind = self.sheet.draws.pick(("alone", "alone", "beside", "above", "two"))
        if kind == "above" and box.height > 0.5 * box.width and box.height > 18 * em:
            figure(self.sheet, box.below(0.6 * box.height))
            box = box.top(0.55 * box.height)
        elif kind == "beside" and box.width > 30 * em and box.height > 10 * em:
            figure(self.sheet, box.beside(0.62 * box.width).inset(0, 0.08 * box.height))
            box = box.left(0.57 * box.width)
        two = kind == "two" and box.width > 34 * em
        for part in box.columns(1 + two, gap=2 * em):
            self._bullets(part)

    def _title(self, box: Box) -> Box:
        sheet, style, em = self.sheet, self.title, self.em
        num_lines = 2 if box.height > 14 * style.size_px and sheet.draws.chance(0.3) else 1
        width = box.width
        room = box.beside(0.8 * em) if self.ruling == "side" else box
        left = put(sheet, title(sheet, style, room.width, num_lines), room, style, num_lines)
        left = box.below(left.y - box.y)
        if self.ruling == "side" and left.y > box.y:  # as high as the lines that were set
            sheet.rule(box.x, box.y, max(2.0, 0.25 * em), left.y - box.y, self.tone)
        if self.ruling in ("under", "bar") and left.height > 4 * em:
            thick = sheet.draws.pick((1.0, 2.0, 3.0))
            length = width if self.ruling == "under" else min(width, 6 * em)
            x = left.x + (width - length) / 2 * (style.align == "centre")
            sheet.rule(x, left.y + 0.4 * em, length, thick, self.tone)
            left = left.below(0.4 * em + thick)
        return left.below(sheet.draws.pick((0.8, 1.2)) * em)

    def _bullets(self, box: Box) -> None:
        sheet, style = self.sheet, self.body
        num = min(sheet.draws.between(3, 6), style.num_lines(box.height))
        if num < 1:
            return
        if box.height > 30 * sheet.em:
            num += 3
        if sheet.draws.chance(0.3):
            texts = [title(sheet, style, box.width - 4 * sheet.em) for _ in range(num)]
        else:
            texts = sentences(sheet, style, max(60, min(style.chars_in([box]), 90 * num)))[:num]
        set_items(sheet, texts, [box], style, gap_px=-1)

    def _foot(self, line: Box) -> None:
        sheet, page = self.sheet, self.sheet.page
        style = replace(sheet.small(), align="justify")
        middle = title(sheet, style, 0.3 * line.width)
        date = page.drawable(lambda: page.writer.date(sheet.rng, page.language), style.face)
        number = str(self.number)
        texts = sheet.draws.pick(([date, middle, number], [middle, number], [date, number]))
        in_row(sheet, [text for text in texts if text], line, style, style.size_px)
        self.number += 1
