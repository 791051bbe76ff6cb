"""A web page: a bar with the site's name and its menu, links underlined, a side column, buttons, a footer."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import figure, in_row, put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import one_paragraph, phrases, title
from render.page import Draft, Page
from render.typeset import Typeset


def webpage(page: Page, rng: np.random.Generator) -> Draft:
    """Bar, menu, one main column and perhaps a side column, footer: what the height leaves room for."""
    sheet = Sheet(page, rng)
    site = _Site(sheet)
    box = Box(0, 0, page.width_px, page.height_px).inset(max(0.7 * sheet.em + 1, 0.015 * page.width_px), 0.7 * sheet.em + 1)
    box = site.bar(box)
    footed = box.height > 14 * sheet.em
    if footed:
        foot, box = box.below(box.height - 3.6 * sheet.em), box.top(box.height - 4.2 * sheet.em)
    main, side = site.split(box)
    if side and side.x < main.x:
        site.side(side)
    site.main(main)
    if side and side.x > main.x:
        site.side(side)
    if footed:
        site.foot(foot)
    return sheet.draft()


class _Site:
    """The look of one site, and its parts."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.em = sheet, sheet.em
        self.style = sheet.body(1.25, 1.6)
        self.link = replace(self.style, role="label")
        self.label_chars = 12 if self.style.language == "en" else 5
        self.radius = sheet.draws.pick((0.0, 0.2, 0.5)) * self.em
        self.underlined = sheet.draws.pick((1.0, 1.0, 0.6))

    def links(self, num: int, max_chars: int = 0) -> list[str]:
        """Texts of links or buttons."""
        return phrases(self.sheet, self.link, num, max_chars or self.label_chars)

    def underline(self, places: Sequence[Box]) -> None:
        """A line under each link."""
        for place in places:
            self.sheet.rule(place.x, place.y + 0.97 * self.em, place.width, 1.0, "accent")

    def bar(self, box: Box) -> Box:
        """The site's name, its menu, and where there is room a search field; returns what is left."""
        sheet, em = self.sheet, self.em
        name = sheet.heading(sheet.draws.pick((1.25, 1.5)))
        height = name.size_px + 0.6 * em
        sheet.plate(Box(0, 0, sheet.page.width_px, box.y + height))
        put(sheet, title(sheet, name, min(0.4 * box.width, 12 * em)), box.left(0.4 * box.width), name)
        row = box.beside(0.42 * box.width).below(name.size_px - em)
        if box.width > 58 * em:
            self.field(row.beside(row.width - 14 * em).top(1.2 * em))
            row = row.left(row.width - 15 * em)
        in_row(sheet, self.links(8), row, replace(self.link, align=sheet.draws.pick(("right", "left"))), 1.2 * em)
        sheet.rule(0, box.y + height, sheet.page.width_px, sheet.draws.pick((1.0, 1.0, 2.0)), sheet.draws.pick(("faint", "accent")))
        box = box.below(height + 0.7 * em)
        if box.height > 20 * em and sheet.draws.chance(0.5):
            mark = sheet.draws.pick((" > ", " / ", " » " if self.style.language == "en" else " > "))
            put(sheet, sheet.page.drawable(lambda: mark.join(self.links(3)), self.link.face), box, self.link)
            box = box.below(2 * em)
        return box

    def field(self, box: Box) -> None:
        """A search field with its button."""
        self.sheet.frame(box.left(0.72 * box.width), radius_px=self.radius, tone="faint")
        put(self.sheet, self.links(1)[0], box.left(0.68 * box.width).beside(0.4 * self.em).below(0.1 * self.em), self.link)
        self.buttons(box.beside(0.76 * box.width), 1)

    def split(self, box: Box) -> tuple[Box, Box | None]:
        """The main column, and the side column where both are wide enough."""
        em, draws = self.em, self.sheet.draws
        if box.width < 34 * em or draws.chance(0.2):
            return box, None
        width, gap = min(max(10 * em, 0.25 * box.width), 24 * em), 2 * em
        x = draws.pick((box.right - width - gap / 2, box.x + width + gap / 2))
        if draws.chance(0.5):
            self.sheet.rule(x, box.y, 1.0, box.height, "faint")
        left, right = box.left(x - box.x - gap / 2), box.beside(x - box.x + gap / 2)
        return (left, right) if left.width > right.width else (right, left)

    def side(self, box: Box) -> None:
        """Lists of links under headings, now and then a figure."""
        sheet, em = self.sheet, self.em
        head = replace(sheet.heading(1.25), leading=1.2)
        while box.height > 5 * em:
            if sheet.draws.chance(0.25) and box.height > 12 * em:
                figure(sheet, box.top(7 * em))
                box = box.below(8 * em)
            box = put(sheet, title(sheet, head, box.width), box, head).below(0.5 * em)
            num = min(sheet.draws.between(3, 9), self.link.num_lines(box.height))
            places = self.list(self.links(num, min(30, self.link.num_chars(box.width))), box)
            box = box.below(num * self.link.pitch_px + em)
            self.underline([place for place in places if sheet.draws.chance(self.underlined)])

    def list(self, texts: Sequence[str], box: Box) -> list[Box]:
        """Links one below another; returns where each is."""
        widths = np.minimum(widths_of(self.sheet.page, texts, self.link) + 0.02, box.width).tolist()
        y = [box.y + k * self.link.pitch_px for k in range(len(texts))]
        places = [Box(box.x, top, width, self.em + 0.01) for top, width in zip(y, widths, strict=True)]
        self.sheet.cells(texts, [place.frame for place in places], replace(self.link, wrap=False))
        return places

    def main(self, box: Box) -> None:
        """A heading, then paragraphs, cards, buttons and lists until the column is full."""
        sheet = self.sheet
        head = sheet.heading(sheet.draws.pick((1.5, 1.75, 2.0)))
        if box.height > 6 * self.em:
            box = put(sheet, title(sheet, head, box.width, 2), box, head, 2).below(0.5 * self.em)
        if box.height > 14 * self.em:
            small, page = sheet.small(), sheet.page
            line = f"{page.writer.name(sheet.rng, page.language)}  {page.writer.date(sheet.rng, page.language)}"
            box = put(sheet, page.drawable(lambda: line, small.face), box, small).below(0.7 * self.em)
        box = self.paragraph(box)
        while box.height > 6 * self.em:
            box = sheet.draws.pick((self.paragraph, self.paragraph, self.headed, self.cards, self.button_row, self.link_list))(box)
        if box.height > 2 * self.em:
            self.paragraph(box)

    def headed(self, box: Box) -> Box:
        """A smaller heading and a paragraph."""
        head = self.sheet.heading(1.25)
        box = put(self.sheet, title(self.sheet, head, box.width), box, head).below(0.4 * self.em)
        return self.paragraph(box)

    def paragraph(self, box: Box) -> Box:
        """A few lines with links among the words."""
        num = min(self.sheet.draws.between(3, 8), self.style.num_lines(box.height))
        room = box.top(self.style.height(num) + 0.01)
        done = self.sheet.text(one_paragraph(self.sheet, self.style, self.style.chars_in([room])), [room], self.style)
        if done is None:
            return box.below(box.height)
        self._inline_links(done)
        return box.below(len(done.lines) * self.style.pitch_px + 0.6 * self.em)

    def _inline_links(self, done: Typeset) -> None:
        for i in range(len(done.lines)):
            length = len(done.texts[i])
            if length > 12 and self.sheet.draws.chance(0.4):
                first = done.texts[i].find(" ", self.sheet.draws.below(length // 2)) + 1
                last = done.texts[i].find(" ", first + 6)
                last = min(first + 6, length - 1) if last < 0 else last
                x0, x1 = (float(done.char_at[int(done.lines[i, 0]) + k]) for k in (first, last))
                self.sheet.rule(x0, float(done.across[i]) + max(1.0, 0.1 * self.em), x1 - x0, 1.0, "accent")

    def cards(self, box: Box) -> Box:
        """A row of pictures, each with a link and a few words under it."""
        sheet, em = self.sheet, self.em
        num = min(sheet.draws.between(2, 4), int(box.width / (9 * em)))
        height = sheet.uniform(5, 9) * em
        text_height = self.style.height(3) + em
        if num < 2 or box.height < height + text_height:
            return self.paragraph(box)
        cards = box.top(height + text_height).columns(num, gap=1.2 * em)
        for card in cards:
            figure(sheet, card.top(height))
        style = replace(self.link, leading=1.25)
        texts = phrases(sheet, style, num, 2 * style.num_chars(cards[0].width))
        frames = [card.below(height + 0.4 * em).top(style.height(3)).frame for card in cards]
        sheet.cells(texts, frames, style)
        return box.below(height + text_height + 0.6 * em)

    def button_row(self, box: Box) -> Box:
        """A few buttons."""
        self.buttons(box, self.sheet.draws.between(1, 4))
        return box.below(2.6 * self.em)

    def buttons(self, box: Box, num: int) -> None:
        """Texts in frames side by side, as many as fit."""
        sheet, em = self.sheet, self.em
        row = box.beside(0.7 * em).below(0.1 * em)
        texts = self.links(num)
        ...

    def link_list(self, box: Box) -> Box:
        """Underlined links one below another."""
        num = min(self.sheet.draws.between(3, 7), self.link.num_lines(box.height))
        self.underline(self.list(self.links(num, min(40, self.link.num_chars(box.width))), box))
        return box.below(num * self.link.pitch_px + 0.6 * self.em)

    def foot(self, box: Box) -> None:
        """Links and a line of small print under a rule."""
        ...
