"""Labels scattered over the picture, as on a map or a diagram; some of them turned."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from render.layouts.box import Box
from render.layouts.scatter import extent, free_place, set_turned, touches
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import phrases, several
from render.page import Draft, Page

Floats = NDArray[np.float64]
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
    """Labels in loose rows, but for those that would touch what is there already."""
    style = replace(sheet.small("label"), wrap=False)
    looseness = sheet.uniform(1.0, 8.0) * sheet.em
    row_height = (1.7 if mark == "frame" else 1.3) * style.size_px + sheet.uniform(0.3, 2.5) * sheet.em
    num_rows = int(area.height / row_height)
    texts = _texts(sheet, style, min(_MOST_LABELS, int(num_rows * (area.width / (5 * sheet.em + looseness) + 1)) + 1))
    lefts = _loose_rows(sheet, area, widths_of(texts, style), looseness)
    drop = max(0.0, row_height - 1.6 * style.size_px)
    places = [
        Box(
            x,
            area.y + 0.4 * sheet.em + row * row_height + drop * sheet.draws.fraction(),
            width,
            style.size_px + 0.02,
        )
        for x, width, row in lefts
        if row < num_rows
    ]
    pad = 0.6 * sheet.em
    kept = [(text, place) for text, place in zip(texts, places, strict=False) if not touches(place, taken, pad)]
    sheet.cells([text for text, _ in kept], [place.frame for _, place in kept], style)
    if len(kept) <= _MOST_MARKS:
        _marks(sheet, [place for _, place in kept], mark)


def _loose_rows(sheet: Sheet, area: Box, widths: Floats, looseness: float) -> list[tuple[float, float, int]]:
    """For each label its left edge, width and row: one after the other at uneven distances."""
    gaps = sheet.rng.random(len(widths)).tolist()
    placed, row, em = [], -1, sheet.em
    x = area.right
    for width, gap in zip(widths.tolist(), gaps, strict=True):
        width = min(width + 0.02, area.width - 1.4 * em)
        if x + width + 0.7 * em > area.right:
            spare = area.width - width - 1.4 * em
            row, x = row + 1, area.x + 0.7 * em + min(looseness * gap, spare)
        placed.append((x, width, row))
        x += width + 1.2 * em + 2 * looseness * gap
    return placed


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
        sheet,
        style,
        num,
        lambda: f"{page.writer.phrase(rng, language, longest // 2)} {page.writer.number(rng)}",
    )
