"""Labels scattered over the picture, as on a map or a diagram; some of them turned."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.scatter import extent, free_place, set_turned, touches
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import phrases, several
from render.page import Draft, Page

_MOST_LABELS, _MOST_MARKS = 400, 60


def labels(page: Page, rng: np.random.Generator) -> Draft:
    """Turned labels first, each at a free place; then upright ones in loose rows around them."""
    sheet = Sheet(page, rng)
    area = sheet.margins(0.01, 0.05)
    taken: list[Box] = []
    if sheet.draws.chance(0.8):
        _turned_labels(sheet, area, taken)
    mark = sheet.draws.pick(("none", "none", "dot", "frame"))
    if sheet.draws.chance(0.5):
        _large_labels(sheet, area, taken)
    _upright_labels(sheet, area, taken, mark)
    return sheet.draft()


def _turned_labels(sheet: Sheet, area: Box, taken: list[Box]) -> None:
    style = sheet.style(sheet.draws.pick((sheet.page.body, sheet.page.display)), 1.0, "label", 1.3)
    texts = _texts(sheet, style, sheet.draws.between(2, 10))
    for text, width in zip(texts, widths_of(texts, style).tolist(), strict=True):
        angle = sheet.draws.pick((sheet.uniform(-30, 30), sheet.uniform(-30, 30), 90.0, -90.0))
        size = (width, style.size_px)
        wide, high = extent(*size, angle)
        place = free_place(sheet, area, (wide + 0.6 * sheet.em, high + 0.6 * sheet.em), taken)
        if place:
            taken.append(place)
            set_turned(sheet, text, place, size, style.turned(angle))


def _large_labels(sheet: Sheet, area: Box, taken: list[Box]) -> None:
    style = replace(sheet.heading(), role="label", wrap=False, tracking=sheet.draws.pick((0.0, 0.0, 0.15, 0.4)))
    texts = _texts(sheet, style, sheet.draws.between(2, 7))
    places, kept = [], []
    for text, width in zip(texts, widths_of(texts, style).tolist(), strict=True):
        pad = 0.4 * style.size_px
        place = free_place(sheet, area, (width + 2 * pad, style.size_px + 2 * pad), taken)
        if place:
            taken.append(place)
            places.append(Box(place.x + pad, place.y + pad, width + 0.02, style.size_px + 0.02).frame)
            kept.append(text)
    sheet.cells(kept, places, style)


def _upright_labels(sheet: Sheet, area: Box, taken: list[Box], mark: str) -> None:
    """Rows of uneven height; labels in a row stand at uneven distances and heights."""
    em, draws = sheet.em, sheet.draws
    style = replace(sheet.small("label"), wrap=False)
    looseness = sheet.uniform(1.0, 8.0)
    row_height = (1.7 if mark == "frame" else 1.3) * style.size_px + sheet.uniform(0.3, 2.5) * em
    num = min(_MOST_LABELS, int(area.height / row_height * (area.width / ((5 + looseness) * em) + 1)) + 1)
    texts = _texts(sheet, style, num)
    kept, places = [], []
    x, y = area.x + looseness * em * draws.fraction(), area.y + 0.4 * em
    for text, width in zip(texts, widths_of(texts, style).tolist(), strict=True):
        if x + width + em > area.right:
            x, y = area.x + looseness * em * draws.fraction() + 0.5 * em, y + row_height
        room = row_height - 1.6 * style.size_px
        place = Box(x, y + max(0.0, room * draws.fraction()), width + 0.02, style.size_px + 0.02)
        x += width + (1.2 + 2 * looseness * draws.fraction()) * em
        if place.bottom + 0.4 * em > area.bottom:
            break
        if place.right < area.right and not touches(place.inset(-0.6 * em, -0.4 * em), taken):
            kept.append(text)
            places.append(place)
    sheet.cells(kept, [place.frame for place in places], style)
    if len(places) <= _MOST_MARKS:
        _marks(sheet, places, mark)


def _marks(sheet: Sheet, places: list[Box], mark: str) -> None:
    """A dot before each label, or a frame around it."""
    em = sheet.em
    radius = sheet.draws.pick((0.0, 0.3)) * em
    for place in places:
        if mark == "frame":
            outer = place.inset(-0.4 * em, -0.25 * em)
            sheet.plate(outer, radius)
            sheet.frame(outer, radius_px=radius, tone="faint")
        elif mark == "dot":
            side = max(2.0, 0.35 * em)
            sheet.rule(place.x - 0.65 * em, place.y + (place.height - side) / 2, side, side, "accent")


def _texts(sheet: Sheet, style: TextStyle, num: int) -> list[str]:
    """Places, names, numbers or phrases."""
    page, rng, language = sheet.page, sheet.rng, sheet.page.language
    longest = 22 if language == "en" else 8
    kind = sheet.draws.pick(("phrase", "phrase", "place", "number"))
    if kind == "phrase":
        return phrases(sheet, style, num, longest)
    if kind == "place":
        return several(sheet, style, num, lambda: page.writer.place(rng, language))
    return several(
        sheet, style, num, lambda: f"{page.writer.phrase(rng, language, longest // 2)} {page.writer.number(rng)}"
    )
