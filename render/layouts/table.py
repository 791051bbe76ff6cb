"""A table: a title, a header row, rules, columns aligned by what they hold."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from render.layouts.box import Box
from render.layouts.parts import put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import as_drawn, one_paragraph, title
from render.page import Draft, Page
from render.scene import Frame

Floats = NDArray[np.float64]
Content = tuple[list[str], list[str], NDArray[np.bool_]]
_RULINGS = ("three", "three", "rows", "grid", "grid", "columns", "header")
_MOST_RULES = 60


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a table lies, px: its box, left edges and widths (columns,) of the columns' text, the gap between
    columns, the pitch of the rows."""

    box: Box
    lefts: Floats
    widths: Floats
    gap: float
    pitch: float
    num_rows: int

    @property
    def edges(self) -> Floats:
        """Where vertical rules stand: (columns + 1,)."""
        return np.append(self.lefts - self.gap / 2, self.lefts[-1] + self.widths[-1] + self.gap / 2)


def table(page: Page, rng: np.random.Generator) -> Draft:
    """Columns as wide as their widest cell, spread over the page or kept together."""
    sheet = Sheet(page, rng)
    box = sheet.margins(0.02, 0.08)
    if box.height > 7 * sheet.em and sheet.draws.chance(0.7):
        style = replace(sheet.heading(1.25), align=sheet.draws.pick(("left", "centre")))
        box = put(sheet, title(sheet, style, box.width), box, style).below(0.7 * sheet.em)
    note = box.height > 20 * sheet.em and sheet.draws.chance(0.35)
    _set_grid(sheet, box.top(box.height - 3.2 * sheet.em * note))
    if note:
        small = replace(sheet.small(leading=1.15), align="justify")
        left = box.below(box.height - small.height(2) - 0.01)
        sheet.text(one_paragraph(sheet, small, small.chars_in([left])), [left], small)
    return sheet.draft()


def _set_grid(sheet: Sheet, box: Box) -> None:
    body = replace(sheet.body(), wrap=False)
    head = replace(sheet.style(sheet.draws.pick((sheet.page.display, body.face)), 1.0, "heading", 1.3), wrap=False)
    pitch = sheet.uniform(1.25, 2.0) * sheet.em
    num_rows, num_columns = (
        int(box.height / pitch + 1e-6) - 1,
        max(1, min(12, int(box.width / (4.5 * sheet.em)))),
    )
    if num_rows < 1:
        pitch, num_rows = box.height / 2, int(box.height >= 2 * sheet.em)
    header, cells, numeric = _content(sheet, (head, body), num_rows, num_columns)
    header_widths, widths = widths_of(header, head), widths_of(cells, body)
    widths = widths.reshape(num_rows, num_columns)
    grid = _fitted(sheet, box, np.maximum(header_widths, widths.max(axis=0, initial=0)), (pitch, num_rows))
    shift = np.where(numeric, 1.0, sheet.draws.pick((0.0, 0.0, 0.0, 0.5)))
    sheet.cells(header, _frames(grid, header_widths[None], shift, head.size_px, 0), head)
    kept = np.array(cells, object).reshape(num_rows, num_columns)[:, : len(grid.widths)]
    sheet.cells(kept.reshape(-1).tolist(), _frames(grid, widths, shift, body.size_px, 1), body)
    _rules(sheet, grid)


def _content(sheet: Sheet, styles: tuple[TextStyle, TextStyle], num_rows: int, num_columns: int) -> Content:
    """Header cells, body cells row by row, and which columns are numeric; no cell is blank."""
    page = sheet.page
    made = page.writer.table(sheet.rng, page.language, num_rows, num_columns)
    cells = [cell for row in made.rows for cell in row]
    return as_drawn(sheet, styles[0], made.header), as_drawn(sheet, styles[1], cells), np.array(made.numeric)


def _fitted(sheet: Sheet, box: Box, widths: Floats, rows: tuple[float, int]) -> Grid:
    """As many columns as the box holds, spread over it or kept together."""
    gap = sheet.uniform(0.9, 1.8) * sheet.em
    num = max(1, int(np.searchsorted(np.cumsum(widths + gap), box.width + 1e-6, side="right")))
    widths = np.minimum(widths[:num], box.width - gap)
    slack = (box.width - widths.sum() - num * gap) / num
    gap += slack if sheet.draws.chance(0.75) else min(slack, sheet.em)
    total = float(widths.sum() + num * gap)
    start = box.x + sheet.draws.pick((0.0, 0.5)) * (box.width - total)
    lefts = start + gap / 2 + np.cumsum(widths + gap) - widths - gap
    return Grid(Box(start, box.y, total, rows[0] * (rows[1] + 1)), lefts, widths, gap, *rows)


def _frames(grid: Grid, widths: Floats, shift: Floats, size_px: float, first_row: int) -> list[Frame]:
    """Frames of the cells, row by row, for text widths (rows, columns): shift 0 is left, 1 right."""
    num = len(grid.widths)
    widths = np.minimum(widths[:, :num], grid.widths)
    x = grid.lefts + shift[:num] * (grid.widths - widths)
    rows = np.arange(first_row, first_row + len(widths))[:, None]
    y = grid.box.y + grid.pitch * rows + (grid.pitch - size_px) / 2 + 0 * x
    frames = np.stack([np.round(x, 2), np.round(y, 2), np.round(widths + 0.02, 2), np.full_like(x, size_px + 0.01)], -1)
    return [(x, y, w, h) for x, y, w, h in frames.reshape(-1, 4).tolist()]


def _rules(sheet: Sheet, grid: Grid) -> None:
    box, ruling, thick = grid.box, sheet.draws.pick(_RULINGS), sheet.draws.pick((1.0, 1.0, 2.0))
    every = max(1, -(-grid.num_rows // _MOST_RULES))
    levels = {0, 1, grid.num_rows + 1} if ruling != "header" else {1}
    for row in sorted(levels | set(range(1, grid.num_rows + 1, every) if ruling in ("rows", "grid") else ())):
        y = min(box.y + row * grid.pitch, sheet.page.height_px - 1)
        sheet.rule(box.x, y, box.width, thick if row in levels else 1.0, "ink" if row in levels else "faint")
    for x in grid.edges.tolist() if ruling in ("grid", "columns") else ():
        sheet.rule(x, box.y, 1.0, box.height, "ink" if ruling == "grid" else "faint")
