"""A program listing: line numbers, indentation, one width for every character."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.parts import put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.page import Draft, Page

_PANE_EM = 44  # about 73 characters


def code(page: Page, rng: np.random.Generator) -> Draft:
    """One listing, or up to four panes side by side where the picture is wide; plain, framed, or a window."""
    sheet = Sheet(page, rng)
    mono = replace(sheet.style(page.mono, 1.0, "code", sheet.uniform(1.1, 1.5)), wrap=False)
    box = sheet.margins(0.01, 0.05)
    panes = max(1, min(4, round(box.width / (_PANE_EM * sheet.uniform(0.8, 1.2) * sheet.em))))
    window = sheet.draws.pick(("none", "frame", "window"))
    for pane in box.columns(panes, gap=1.2 * sheet.em):
        framed = window != "none" and min(pane.width, pane.height) > 12 * sheet.em
        titled = framed and window == "window"
        room = _framed(sheet, pane, titled) if framed else pane
        lines, ending = _lines(sheet, mono, mono.num_lines(room.height))
        if titled:
            _file_name(sheet, pane, mono, ending)
        _listing(sheet, room, mono, lines)
    return sheet.draft()


def _framed(sheet: Sheet, pane: Box, titled: bool) -> Box:
    """A frame, perhaps with a bar of three dots; returns the room in it."""
    em = sheet.em
    radius = sheet.draws.pick((0.0, 0.5)) * em
    sheet.plate(pane, radius)
    sheet.frame(pane, radius_px=radius, tone=sheet.draws.pick(("ink", "faint", "accent")))
    inner = pane.inset(0.6 * em)
    if not titled:
        return inner
    for k in range(3):
        side = 0.6 * em
        sheet.frame(Box(inner.x + k * em, inner.y + 0.2 * em, side, side), radius_px=side / 2)
    sheet.rule(pane.x, inner.y + 1.4 * em, pane.width, 1.0, "faint")
    return inner.below(2.0 * em)


def _file_name(sheet: Sheet, pane: Box, mono: TextStyle, ending: str) -> None:
    """The name of a program's file, behind the dots of the bar."""
    words = sheet.page.writer.words(sheet.rng, "en", 2)
    name = sheet.page.drawable(lambda: f"{'_'.join(words)}.{ending}".lower(), mono.face)
    put(sheet, name, pane.inset(0.6 * sheet.em).beside(3.5 * sheet.em), mono)


def _listing(sheet: Sheet, pane: Box, mono: TextStyle, lines: list[str]) -> None:
    tops = [pane.y + k * mono.pitch_px for k in range(len(lines))]
    if sheet.draws.chance(0.75) and pane.width > 12 * sheet.em:
        pane = _numbers(sheet, pane, mono, tops)
    texts, frames = [], []
    for line, top in zip(lines, tops, strict=True):
        inset = (len(line) - len(line.lstrip())) * _advance_px(mono)
        if line.strip() and pane.width - inset > 3 * mono.size_px:
            texts.append(line.lstrip())
            frames.append(Box(pane.x + inset, top, pane.width - inset, mono.size_px + 0.01).frame)
    sheet.cells(texts, frames, mono)


def _lines(sheet: Sheet, mono: TextStyle, num: int) -> tuple[list[str], str]:
    """Lines of a program, and the ending of its file; on Chinese pages its remarks are Chinese, where the face
    writes it."""
    page = sheet.page
    endings = []

    def make() -> str:
        listing = page.writer.code(sheet.rng, max(num, 1))
        endings.append(listing.ending)
        lines = list(listing.lines)
        if page.language in mono.face.languages and page.language != "en":
            lines = [_in_chinese(sheet, line) for line in lines]
        return "\n".join(lines)

    return page.drawable(make, mono.face).split("\n")[:num], endings[-1]


def _in_chinese(sheet: Sheet, line: str) -> str:
    mark = line.lstrip()[:2]
    if mark not in ("# ", "//"):
        return line
    words = sheet.page.writer.phrase(sheet.rng, sheet.page.language, 16)
    return f"{line[: len(line) - len(line.lstrip())]}{mark.strip()} {words}"


def _advance_px(mono: TextStyle) -> float:
    """The width of a character."""
    return float(widths_of(["0"], mono)[0])


def _numbers(sheet: Sheet, pane: Box, mono: TextStyle, tops: list[float]) -> Box:
    """Line numbers at the left, right-aligned; returns the pane without them."""
    first = sheet.draws.pick((1, 1, 1, sheet.draws.between(2, 950)))
    numbers = [str(first + k) for k in range(len(tops))]
    width = len(numbers[-1]) * _advance_px(mono)
    style = replace(mono, role="label", align="right")
    sheet.cells(numbers, [Box(pane.x, top, width + 0.1, mono.size_px + 0.01).frame for top in tops], style)
    gap = sheet.uniform(0.6, 1.4) * sheet.em
    if sheet.draws.chance(0.4):
        sheet.rule(pane.x + width + gap / 2, pane.y, 1.0, pane.height, "faint")
    return pane.beside(width + gap)
