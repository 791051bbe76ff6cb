"""Parts of user interfaces: links, buttons, fields."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import in_row, put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import phrases
from render.page import Page
from render.typeset import Typeset


def label_chars(page: Page) -> int:
    """How long the text on a button or in a menu may be."""
    return 12 if page.language == "en" else 5


def underline(sheet: Sheet, places: Sequence[Box]) -> None:
    """A line under each text."""
    for place in places:
        sheet.rule(place.x, place.y + 0.97 * place.height, place.width, 1.0, "accent")


def underline_words(sheet: Sheet, done: Typeset, share: float) -> None:
    """A line under a few words of some of a text's lines, as links among running text have."""
    for i, text in enumerate(done.texts):
        if len(text) < 12 or not sheet.draws.chance(share):
            continue
        start = sheet.draws.below(len(text) // 2)
        first = text.find(" ", start) + 1
        if not first and sheet.page.language != "en":  # without spaces a link begins at any character
            first = start
        last = text.find(" ", first + 6)
        last = min(first + 6, len(text) - 1) if last < 0 else last
        x0, x1 = (float(done.char_at[int(done.lines[i, 0]) + k]) for k in (first, last))
        sheet.rule(x0, float(done.across[i]) + max(1.0, 0.1 * sheet.em), x1 - x0, 1.0, "accent")


def link_list(sheet: Sheet, box: Box, style: TextStyle, num: int, share: float = 1.0) -> Box:
    """Links one below another, a share of them underlined; returns what is left under them."""
    style = replace(style, wrap=False)
    num = min(num, style.num_lines(box.height))
    texts = phrases(sheet, style, num, min(40, style.num_chars(0.9 * box.width)))
    widths = np.minimum(widths_of(texts, style) + 0.02, box.width).tolist()
    places = [Box(box.x, box.y + k * style.pitch_px, w, style.size_px + 0.01) for k, w in enumerate(widths)]
    sheet.cells(texts, [place.frame for place in places], style)
    underline(sheet, [place for place in places if sheet.draws.chance(share)])
    return box.below(num * style.pitch_px)


def buttons(sheet: Sheet, box: Box, style: TextStyle, num: int, radius_px: float) -> Box:
    """Texts in frames side by side, as many as fit; returns what is left under them."""
    pad, drop = 0.7 * style.size_px, 0.35 * style.size_px
    row = box.inset(pad, 0).below(drop)
    tone = sheet.draws.pick(("accent", "ink", "faint"))
    places = in_row(sheet, phrases(sheet, style, num, label_chars(sheet.page)), row, style, 2.2 * pad)
    for place in places:
        outer = Box(place.x - pad, place.y - drop, place.width + 2 * pad, place.height + 2 * drop)
        sheet.plate(outer, radius_px)
        sheet.frame(outer, radius_px=radius_px, tone=tone)
    return box.below(style.size_px + 2 * drop)


def field(sheet: Sheet, box: Box, style: TextStyle, text: str, radius_px: float = 0.0) -> Box:
    """A text in a frame as wide as the box; returns what is left under it."""
    height = 1.7 * style.size_px
    sheet.frame(box.top(height), radius_px=radius_px, tone=sheet.draws.pick(("faint", "faint", "ink")))
    put(sheet, text, box.inset(0.4 * style.size_px, 0).below(0.35 * style.size_px), replace(style, wrap=False))
    return box.below(height)
