"""Receipts: a narrow column of items and amounts, a total, a bar code."""

from dataclasses import replace

from render.layouts.box import Box
from render.layouts.parts import put
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import as_drawn, phrases, title

_SUMS = {
    "en": ("Subtotal", "Tax", "TOTAL", "Cash", "Change", "Card"),
    "zh": ("小计", "税额", "合计", "实收", "找零", "刷卡"),
    "zh-Hant": ("小計", "稅額", "合計", "實收", "找零", "刷卡"),
}


def receipt(sheet: Sheet, box: Box, style: TextStyle) -> None:
    """Fill a box from top to bottom."""
    box = _head(sheet, box, replace(style, align="centre"))
    tail = 6 * sheet.em if box.height > 18 * sheet.em and sheet.draws.chance(0.7) else 0.0
    left = _items(sheet, box.top(box.height - tail), style)
    if tail:
        _tail(sheet, box.below(max(left.y, box.bottom - tail) - box.y), replace(style, align="centre"))


def _head(sheet: Sheet, box: Box, style: TextStyle) -> Box:
    """The shop's name, where it is and when it was."""
    page, rng, language = sheet.page, sheet.rng, sheet.page.language
    if box.height > 9 * sheet.em:
        name = replace(sheet.heading(), align="centre")
        box = put(sheet, title(sheet, name, box.width), box, name).below(0.4 * sheet.em)
    if box.height > 12 * sheet.em:
        makers = (
            lambda: page.writer.address(rng, language)[: style.num_chars(0.9 * box.width)].strip(" ,"),
            lambda: page.writer.phone(rng),
            lambda: f"{page.writer.date(rng, language)} {page.writer.time(rng)}",
        )
        lines = [page.drawable(make, style.face) for make in makers]
        num = sheet.draws.between(1, 3)
        box = put(sheet, "\n".join(filter(None, lines[-num:])), box, style, num)
    return _rule(sheet, box.below(0.5 * sheet.em))


def _rule(sheet: Sheet, box: Box) -> Box:
    """A solid, double or dashed line across."""
    kind = sheet.draws.pick(("solid", "double", "dashed", "dashed"))
    if box.height < 3 * sheet.em:
        return box
    if kind == "dashed":
        for dash in box.top(1).columns(max(2, min(24, int(box.width / sheet.em))), gap=0.5 * sheet.em):
            sheet.rule(dash.x, dash.y, dash.width, 1.0)
    else:
        sheet.rule(box.x, box.y, box.width, 1.0)
        if kind == "double":
            sheet.rule(box.x, box.y + 3, box.width, 1.0)
    return box.below(0.5 * sheet.em + 3)


def _items(sheet: Sheet, box: Box, style: TextStyle) -> Box:
    """Rows of name and amount, then the sums; returns what is left."""
    style = replace(style, wrap=False)
    num = style.num_lines(box.height)
    num_sums = sheet.draws.between(3, 6) if num > 8 else 0  # to the total at least
    num_items = max(1, num - num_sums - 1) if num else 0
    amounts = [round(10 ** (3 * sheet.draws.fraction()), 2) for _ in range(num_items)]
    names = phrases(sheet, style, num_items, min(28, max(2, style.num_chars(box.width) - 9)))
    names = [f"{sheet.draws.between(1, 9)} x {name}" for name in names] if sheet.draws.chance(0.3) else names
    left = _rows(sheet, box, style, list(zip(names, amounts, strict=False)))
    if num_sums:
        left = _rule(sheet, left.below(0.2 * sheet.em))
        words = as_drawn(sheet, style, _SUMS[style.language][:num_sums])
        left = _rows(sheet, left, style, list(zip(words, _sums(amounts), strict=False)))
    return left.below(0.6 * sheet.em)


def _sums(amounts: list[float]) -> list[float]:
    """What the sums' words stand for: the total of the amounts, tax, and how it was paid."""
    subtotal = sum(amounts)
    total = 1.08 * subtotal
    cash = -(-total // 50) * 50.0
    return [subtotal, total - subtotal, total, cash, cash - total, 0.0]


def _rows(sheet: Sheet, box: Box, style: TextStyle, named: list[tuple[str, float]]) -> Box:
    """Names at the left, amounts at the right, with or without dots between; returns what is left."""
    rows = [(name, f"{amount:,.2f}") for name, amount in named[: style.num_lines(box.height)]]
    if not rows:
        return box
    widths = widths_of([text for row in rows for text in row], style).reshape(-1, 2)
    dot = float(widths_of(["...................."], style)[0]) / 20
    dotted = sheet.draws.chance(0.4)
    texts, frames = [], []
    for k, ((name, amount), (wide, right)) in enumerate(zip(rows, widths.tolist(), strict=True)):
        right = min(right, 0.6 * box.width)
        y, room = box.y + k * style.pitch_px, box.width - right - 0.5 * style.size_px
        num_dots = int((room - wide) / dot) - 2
        if dotted and num_dots > 2:
            name, wide = f"{name} {'.' * num_dots}", room
        texts += [name, amount]
        frames += [
            Box(box.x, y, min(wide, room), style.size_px),
            Box(box.right - right, y, right, style.size_px),
        ]
    sheet.cells(texts, [frame.inset(-0.02).frame for frame in frames], style)
    return box.below(len(rows) * style.pitch_px)


def _tail(sheet: Sheet, box: Box, style: TextStyle) -> None:
    """A word of thanks and a bar code with its number."""
    box = put(sheet, title(sheet, style, box.width), box, style).below(0.6 * sheet.em)
    height = box.height - 1.4 * sheet.em
    if height < 1.2 * sheet.em or box.width < 40:
        return
    room, x, bars = 0.76 * box.width, 0.0, []
    for _ in range(30):
        width = float(sheet.draws.between(1, 3))
        if x + width > room:
            break
        bars.append((x, width))
        x += width + sheet.draws.between(1, 3) * max(1.0, room / 150)
    left = box.x + (box.width - bars[-1][0] - bars[-1][1]) / 2
    for x, width in bars:
        sheet.rule(left + x, box.y, width, height)
    number = "".join(str(sheet.draws.below(10)) for _ in range(13))
    put(sheet, number, box.below(box.height - 1.02 * style.size_px), style)
