"""A single line, or two, anywhere on the picture."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.scatter import extent, free_place, set_turned
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import several
from render.page import Draft, Page


def line(page: Page, rng: np.random.Generator) -> Draft:
    """A title, a name, a date, a formula: as wide as the picture holds, level or slightly turned."""
    sheet = Sheet(page, rng)
    area = sheet.margins(0.0, 0.01)
    face = sheet.draws.pick((page.body, page.body, page.display))
    style = replace(sheet.style(face, 1.0, "body", 1.3), wrap=False)
    style = replace(style, tracking=sheet.draws.pick((0.0, 0.0, 0.0, 0.05, 0.2)))
    taken: list[Box] = []
    for _ in range(sheet.draws.pick((1, 1, 2))):
        _set_line(sheet, area, style, taken)
    return sheet.draft()


def _set_line(sheet: Sheet, area: Box, style: TextStyle, taken: list[Box]) -> None:
    em = sheet.em
    texts = several(sheet, style, 1, _maker(sheet, style, area.width)) or ["1"]
    width = min(float(widths_of(texts, style)[0]), area.width)
    angle = sheet.uniform(-15, 15) if sheet.draws.chance(0.25) else 0.0
    wide, high = extent(width, style.size_px, angle)
    if wide > area.width - em or high > area.height - em:
        angle, wide, high = 0.0, width, style.size_px
    place = free_place(sheet, area, (wide, high), taken)
    if place is None:
        return
    taken.append(place.inset(-0.5 * em))
    set_turned(sheet, texts[0], place, (width, style.size_px), style.turned(angle) if angle else style)
    kind = "none" if angle else sheet.draws.pick(("none", "none", "none", "under", "frame"))
    if kind == "under" and place.bottom + 3 < area.bottom:
        sheet.rule(place.x, place.bottom + 1, place.width, 1.0, "accent")
    elif kind == "frame":
        sheet.frame(place.inset(-0.4 * em, -0.3 * em))


def _maker(sheet: Sheet, style: TextStyle, width_px: float) -> Callable[[], str]:
    """One way to write a line of at most a width."""
    writer, rng, language = sheet.page.writer, sheet.rng, style.language
    longest = max(2, int(0.8 * style.num_chars(width_px) * sheet.uniform(0.2, 1.0)))
    makers = (
        lambda: writer.title(rng, language, longest),
        lambda: writer.title(rng, language, longest),
        lambda: writer.phrase(rng, language, longest),
        lambda: writer.paragraph(rng, language, longest)[:longest],
        lambda: writer.name(rng, language),
        lambda: writer.date(rng, language),
        lambda: writer.address(rng, language),
        lambda: writer.email_or_url(rng),
        lambda: writer.formula(rng),
        lambda: writer.phone(rng),
        lambda: writer.price(rng, language),
    )
    return sheet.draws.pick(makers)
