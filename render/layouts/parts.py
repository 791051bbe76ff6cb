"""What several kinds of document share: a text at the top of a box, stacked items, figures, footers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, line_counts, widths_of
from render.layouts.wording import as_drawn, phrases, title
from render.writers.words import in_script


def put(sheet: Sheet, text: str, box: Box, style: TextStyle, num_lines: int = 1) -> Box:
    """Set a text of at most num_lines at the top of a box; returns what is left of it, without any gap."""
    done = sheet.text(text, [box.top(style.height(num_lines) + 0.01)], style)
    return box.below(style.height(len(done.lines))) if done else box


def heading(sheet: Sheet, box: Box, align: str = "left", factor: float = 0.0) -> Box:
    """A title at the top of a box, one or two lines; returns what is left under it."""
    style = replace(sheet.heading(factor), align=align)
    num_lines = sheet.draws.pick((1, 1, 2)) if box.height > 10 * style.size_px else 1
    left = put(sheet, title(sheet, style, box.width, num_lines), box, style, num_lines)
    return left.below(sheet.uniform(0.5, 1.2) * style.size_px)


def stack(
    sheet: Sheet, items: Sequence[tuple[str, float]], boxes: Sequence[Box], style: TextStyle, gap_px: float
) -> list[Box]:
    """Set items (text, inset from the left in px) one below another, in box after box, as many as fit.

    Returns where each was set; the last may be cut. The boxes are equally wide.
    """
    texts = [text for text, _ in items]
    counts = line_counts(sheet.page, texts, [boxes[0].beside(inset) for _, inset in items], style)
    placed: list[Box] = []
    k, y = 0, boxes[0].y
    for (_, inset), num_lines in zip(items, counts.tolist(), strict=True):
        height = style.height(num_lines) + 0.01
        if y + height > boxes[k].bottom and y > boxes[k].y and k + 1 < len(boxes):
            k, y = k + 1, boxes[k + 1].y
        if y + style.size_px > boxes[k].bottom:
            break
        placed.append(Box(boxes[k].x, y, boxes[k].width, min(height, boxes[k].bottom - y)).beside(inset))
        y += num_lines * style.pitch_px + gap_px
    sheet.cells(texts, [box.frame for box in placed], style)
    return placed


def in_row(sheet: Sheet, texts: Sequence[str], box: Box, style: TextStyle, gap_px: float) -> list[Box]:
    """Set texts side by side on the first line of a box, as many as fit; returns where each was set.

    The style's align says where the row stands; "justify" spreads it from edge to edge.
    """
    widths = widths_of(texts, style) + 0.02
    num = int(np.searchsorted(np.cumsum(widths + gap_px) - gap_px, box.width, side="right"))
    if not num:
        return []
    slack = box.width - float(widths[:num].sum()) - (num - 1) * gap_px
    if style.align == "justify":
        gap_px, slack = gap_px + (slack / (num - 1) if num > 1 else 0), 0.0
    start = box.x + slack * {"centre": 0.5, "right": 1.0}.get(style.align, 0.0)
    lefts = start + np.cumsum(widths[:num] + gap_px) - widths[:num] - gap_px
    placed = [Box(x, box.y, w, style.size_px + 0.01) for x, w in zip(lefts.tolist(), widths.tolist(), strict=False)]
    sheet.cells(texts, [place.frame for place in placed], replace(style, align="left", wrap=False))
    return placed


def figure(sheet: Sheet, box: Box) -> None:
    """A frame through which the photo shows, or a bar chart."""
    if sheet.draws.chance(0.7) or box.width < 30:
        sheet.frame(box, line_px=sheet.draws.pick((1.0, 1.0, 2.0)), tone=sheet.draws.pick(("ink", "faint", "accent")))
        return
    sheet.rule(box.x, box.y, 1.0, box.height)
    sheet.rule(box.x, box.bottom - 1, box.width, 1.0)
    num, tone = sheet.draws.between(3, 9), sheet.draws.pick(("accent", "faint", "ink"))
    columns = box.inset(3, 0).columns(num, gap=max(2.0, 0.3 * box.width / num))
    sheet.bars([column.below(column.height * (1 - sheet.uniform(0.15, 0.95))) for column in columns], tone)


def captioned(sheet: Sheet, box: Box, style: TextStyle) -> float:
    """A figure and its caption in a box; returns how much of its height the figure itself takes."""
    room = style.height(2) + 0.5 * style.size_px
    figure(sheet, box.top(box.height - room))
    number = sheet.draws.between(1, 12)
    label = f"Figure {number}. " if style.language == "en" else in_script(f"图{number}　", style.language)
    [label] = as_drawn(sheet, style, [label])
    text = label + title(sheet, style, box.width, 2)
    put(sheet, text, box.below(box.height - room + 0.5 * style.size_px), style, 2)
    return box.height - room


def page_numbers(sheet: Sheet, num: int) -> list[str]:
    """The numbers of as many pages side by side, written alike."""
    first = sheet.draws.between(1, 480)
    form = sheet.draws.pick(("{0}", "{0}", "- {0} -", "{0} / {1}", "p. {0}"))
    return [form.format(first + k, first + 12) for k in range(num)]


def foot(sheet: Sheet, box: Box, text: str = "", number: str = "") -> None:
    """A page number, by chance unless given, on the last line of a box, and a short text where there is room for
    both."""
    style = sheet.small()
    line = box.below(box.height - style.size_px - 0.01)
    number = number or page_numbers(sheet, 1)[0]
    if not text and line.width > 20 * style.size_px and sheet.draws.chance(0.6):
        text = next(iter(phrases(sheet, style, 1, style.num_chars(line.width / 2))), "")
    align = "justify" if text else sheet.draws.pick(("centre", "right", "left"))
    texts = [text, number] if sheet.draws.chance(0.7) else [number, text]
    in_row(sheet, [text for text in texts if text], line, replace(style, align=align), style.size_px)
