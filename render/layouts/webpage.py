"""A web page: a bar with the site's name and its menu, links underlined, a side column, buttons, a footer."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import figure, in_row, put
from render.layouts.sheet import Sheet
from render.layouts.widgets import buttons, field, label_chars, link_list, underline, underline_words
from render.layouts.wording import as_drawn, one_paragraph, phrases, stock_up, title
from render.page import Draft, Page


def webpage(page: Page, rng: np.random.Generator) -> Draft:
    """Bar, menu, one main column and perhaps a side column, footer: what the height leaves room for."""
    sheet = Sheet(page, rng)
    site = _Site(sheet)
    least = 0.6 * sheet.em + 1
    box = Box(0, 0, page.width_px, page.height_px).inset(max(least, 0.02 * page.width_px), least)
    box = site.bar(box)
    foot = box.below(box.height - 3.2 * sheet.em) if box.height > 16 * sheet.em else None
    main, side = site.split(box.top(box.height - 4.4 * sheet.em) if foot else box)
    if side and side.x < main.x:
        site.side(side)
    site.main(main)
    if side and side.x > main.x:
        site.side(side)
    if foot:
        site.foot(foot)
    return sheet.draft()


class _Site:
    """The look of one site, and its parts; a part returns what is left under it."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.em = sheet, sheet.em
        self.style = sheet.body(1.25, 1.6)
        self.link = replace(self.style, role="label")
        self.radius = sheet.draws.pick((0.0, 0.2, 0.5)) * self.em

    def bar(self, box: Box) -> Box:
        """The site's name, its menu and a search field, and under them perhaps where one is."""
        sheet, em, draws = self.sheet, self.em, self.sheet.draws
        name = sheet.heading(draws.pick((1.25, 1.5)))
        height = name.size_px + 0.6 * em
        sheet.plate(Box(0, 0, sheet.page.width_px, box.y + height))
        left = box.left(min(0.4 * box.width, 14 * em))
        put(sheet, title(sheet, name, left.width), left, name)
        row = box.beside(left.width + em).below(name.size_px - em).top(2 * em)
        if row.width > 45 * em:
            find = row.beside(row.width - 12 * em).below(-0.3 * em)
            field(sheet, find, self.link, self._label(), self.radius)
            row = row.left(row.width - 13 * em)
        in_row(sheet, self._labels(8), row, replace(self.link, align=draws.pick(("right", "left"))), 1.2 * em)
        thick, tone = draws.pick((1.0, 1.0, 2.0)), draws.pick(("faint", "accent"))
        sheet.rule(0, box.y + height, sheet.page.width_px, thick, tone)
        box = box.below(height + 0.8 * em)
        if box.height > 20 * em and draws.chance(0.5):
            put(sheet, draws.pick((" > ", " / ")).join(self._labels(3)), box, self.link)
            box = box.below(1.8 * em)
        return box

    def split(self, box: Box) -> tuple[Box, Box | None]:
        """The main column, and the side column where both are wide enough."""
        em, draws = self.em, self.sheet.draws
        if box.width < 32 * em or draws.chance(0.15):
            return box, None
        narrow, gap = min(max(10 * em, 0.25 * box.width), 26 * em), 2 * em
        cut = draws.pick((box.width - narrow, narrow))
        if draws.chance(0.5):
            self.sheet.rule(box.x + cut, box.y, 1.0, box.height, "faint")
        parts = box.left(cut - gap / 2), box.beside(cut + gap / 2)
        return parts if cut > narrow else (parts[1], parts[0])

    def side(self, box: Box) -> None:
        """Lists of links under headings, now and then a figure."""
        sheet, em = self.sheet, self.em
        head, share = sheet.heading(1.25), sheet.draws.pick((1.0, 0.5, 0.0))
        while box.height > 5 * em:
            if box.height > 14 * em and sheet.draws.chance(0.3):
                figure(sheet, box.top(7 * em))
                box = box.below(8 * em)
            box = put(sheet, title(sheet, head, box.width), box, head).below(0.5 * em)
            box = link_list(sheet, box, self.link, sheet.draws.between(3, 10), share).below(em)

    def main(self, box: Box) -> None:
        """A heading, then paragraphs, cards, buttons and lists until the column is full."""
        sheet, em, page = self.sheet, self.em, self.sheet.page
        head = sheet.heading(sheet.draws.pick((1.5, 1.75, 2.0)))
        if box.height > 6 * em:
            box = put(sheet, title(sheet, head, box.width), box, head).below(0.5 * em)
        if box.height > 14 * em:
            small = sheet.small()
            line = f"{page.writer.name(sheet.rng, page.language)}  {page.writer.date(sheet.rng, page.language)}"
            box = put(sheet, as_drawn(sheet, small, [line])[0], box, small).below(0.8 * em)
        stock_up(sheet, self.style, [box.top(0.5 * box.height)])
        box = self.paragraph(box)
        parts = (
            self.paragraph,
            self.paragraph,
            self.headed,
            self.cards,
            self.cards,
            self.button_row,
            self.links,
        )
        while box.height > 6 * em:
            box = sheet.draws.pick(parts)(box)
        self.paragraph(box)

    def paragraph(self, box: Box) -> Box:
        """A few lines with links among the words."""
        sheet, style = self.sheet, self.style
        room = box.top(style.height(sheet.draws.between(3, 8)) + 0.01)
        done = (
            sheet.text(one_paragraph(sheet, style, style.chars_in([room])), [room], style)
            if room.height > self.em
            else None
        )
        if done is None:
            return box.below(box.height)
        underline_words(sheet, done, 0.4)
        return box.below(len(done.lines) * style.pitch_px + 0.6 * self.em)

    def headed(self, box: Box) -> Box:
        """A smaller heading and a paragraph."""
        head = self.sheet.heading(1.25)
        return self.paragraph(put(self.sheet, title(self.sheet, head, box.width), box, head).below(0.5 * self.em))

    def cards(self, box: Box) -> Box:
        """A row of pictures, each with a few words under it."""
        sheet, em, style = self.sheet, self.em, replace(self.link, leading=1.25)
        num = min(sheet.draws.between(2, 4), int(box.width / (9 * em)))
        picture, words = sheet.uniform(5, 10) * em, style.height(3) + 0.5 * em
        if num < 2 or box.height < picture + words:
            return self.paragraph(box)
        cards = box.top(picture + words).columns(num, gap=1.5 * em)
        for card in cards:
            figure(sheet, card.top(picture))
        texts = phrases(sheet, style, num, 2 * style.num_chars(cards[0].width))
        done = sheet.cells(texts, [card.below(picture + 0.5 * em).frame for card in cards], style)
        num_lines = int(np.bincount(done.lines[:, 3]).max()) if done else 0
        return box.below(picture + 1.3 * em + style.height(num_lines))

    def button_row(self, box: Box) -> Box:
        """A few buttons."""
        return buttons(self.sheet, box, self.link, self.sheet.draws.between(1, 4), self.radius).below(self.em)

    def links(self, box: Box) -> Box:
        """Underlined links one below another."""
        return link_list(self.sheet, box, self.link, self.sheet.draws.between(3, 7)).below(0.6 * self.em)

    def foot(self, box: Box) -> None:
        """Links and a line of small print under a rule."""
        sheet, em = self.sheet, self.em
        sheet.rule(0, box.y, sheet.page.width_px, 1.0, "faint")
        box = box.below(0.8 * em)
        style = replace(self.link, align=sheet.draws.pick(("centre", "left", "justify")))
        places = in_row(sheet, self._labels(9), box, style, 1.5 * em)
        if sheet.draws.chance(0.5):
            underline(sheet, places)
        small = replace(sheet.small(), align="centre" if style.align == "justify" else style.align)
        mark = sheet.page.drawable(lambda: "©", small.face) or "(c)"
        put(
            sheet,
            f"{mark} 20{sheet.draws.between(10, 29)} {self._label()}",
            box.below(box.height - 1.01 * em),
            small,
        )

    def _labels(self, num: int) -> list[str]:
        return phrases(self.sheet, self.link, num, label_chars(self.sheet.page))

    def _label(self) -> str:
        return next(iter(self._labels(1)), "1")
