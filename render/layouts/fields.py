"""Rows of a form: labels with what is filled in, in boxes, on lines or in a grid; and rows of check boxes."""

from collections.abc import Callable
from dataclasses import replace

from render.layouts.box import Box
from render.layouts.parts import in_row
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, widths_of
from render.layouts.wording import as_drawn, phrases
from render.scene import Frame

_ENGLISH = ("Name", "Date", "Address", "Phone", "Email", "Amount", "No.", "City", "Department", "Remarks")
_CHINESE = ("姓名", "日期", "地址", "电话", "邮箱", "金额", "编号", "城市", "部门", "备注")
_TRADITIONAL = ("姓名", "日期", "地址", "電話", "郵箱", "金額", "編號", "城市", "部門", "備註")
_LABELS = {"en": _ENGLISH, "zh": _CHINESE, "zh-Hant": _TRADITIONAL}


def field_rows(sheet: Sheet, box: Box, style: TextStyle, kind: str, num_columns: int) -> Box:
    """Two to eight rows of fields; returns what is left. kind: "boxed", "lined" or "grid"."""
    pitch = {"boxed": 2.2, "lined": 1.9, "grid": 1.8}[kind] * style.size_px
    num_rows = min(sheet.draws.between(2, 8), int(box.height / pitch))
    if num_rows < 1:
        return box.below(box.height)
    gap = 0.0 if kind == "grid" else 1.5 * sheet.em
    places = [cell for row in box.top(num_rows * pitch).rows(num_rows, 0.0) for cell in row.columns(num_columns, gap)]
    labels, values = _fields(sheet, style, len(places))
    wide = min(float(widths_of(labels, style).max()), 0.45 * places[0].width)
    values = _fitting(sheet, style, values, _parts(places[0], wide, style)[1].width - 0.8 * style.size_px)
    texts: list[str] = []
    frames: list[Frame] = []
    for place, *field in zip(places, labels, values, strict=True):
        label, value = _parts(place, wide, style)
        _outline(sheet, kind, value)
        texts += field
        frames += [label.frame, value.inset(0.4 * style.size_px, 0).frame]
    if kind == "grid":
        _grid(sheet, box.top(num_rows * pitch), num_rows, num_columns)
    sheet.cells(texts, frames, style)
    return box.below(num_rows * pitch)


def _parts(place: Box, wide: float, style: TextStyle) -> tuple[Box, Box]:
    """Where the label and where the value of a field stands."""
    middle = place.inset(0.3 * style.size_px, (place.height - style.size_px) / 2)
    line = middle.top(style.size_px + 0.02)
    return line.left(wide + 0.02), line.beside(wide + 0.5 * style.size_px)


def _outline(sheet: Sheet, kind: str, value: Box) -> None:
    if kind == "boxed":
        sheet.frame(value.inset(0, -0.35 * sheet.em), tone="faint")
    elif kind == "lined":
        sheet.rule(value.x, value.bottom + 0.1 * sheet.em, value.width, 1.0)


def _grid(sheet: Sheet, box: Box, num_rows: int, num_columns: int) -> None:
    for row in range(num_rows + 1):
        sheet.rule(box.x, box.y + row * box.height / num_rows, box.width + 1, 1.0)
    for column in range(num_columns + 1):
        sheet.rule(box.x + column * box.width / num_columns, box.y, 1.0, box.height)


def _fitting(sheet: Sheet, style: TextStyle, values: list[str], room_px: float) -> list[str]:
    """The values, with a short number for each that is wider than the room: nobody writes half a date."""
    wide = widths_of(values, style) > room_px
    return [str(sheet.draws.below(100)) if is_wide else value for value, is_wide in zip(values, wide, strict=True)]


def _fields(sheet: Sheet, style: TextStyle, num: int) -> tuple[list[str], list[str]]:
    """Labels, and values of the same kinds."""
    writer, rng, language = sheet.page.writer, sheet.rng, sheet.page.language
    makers: tuple[Callable[[], str], ...] = (
        lambda: writer.name(rng, language),
        lambda: writer.date(rng, language),
        lambda: writer.address(rng, language),
        lambda: writer.phone(rng),
        lambda: writer.email_or_url(rng),
        lambda: writer.price(rng, language),
        lambda: str(sheet.draws.below(10**6)),
        lambda: writer.place(rng, language),
        lambda: writer.phrase(rng, language, 12),
        lambda: writer.title(rng, language, 24),
    )
    labels, colon = (
        _LABELS[language],
        sheet.draws.pick(("", ":")) if language == "en" else sheet.draws.pick(("", "：")),
    )
    order = sheet.rng.permutation(len(makers)).tolist()
    kinds = [order[k % len(order)] for k in range(num)]
    values = as_drawn(sheet, style, [makers[k]() for k in kinds])
    return as_drawn(sheet, style, [f"{labels[k]}{colon}" for k in kinds]), values


def check_row(sheet: Sheet, box: Box, style: TextStyle) -> Box:
    """Choices behind small squares, side by side; returns what is left."""
    if box.height < 2 * style.size_px:
        return box.below(box.height)
    side = 0.8 * style.size_px
    row = box.beside(1.3 * style.size_px).below(0.4 * style.size_px)
    texts = phrases(sheet, style, sheet.draws.between(2, 6), 14 if style.language == "en" else 6)
    for place in in_row(sheet, texts, row, replace(style, align="left"), 2.5 * style.size_px):
        x, y = place.x - 1.2 * style.size_px, place.y + 0.1 * style.size_px
        sheet.frame(Box(x, y, side, side))
        if sheet.draws.chance(0.45):
            sheet.rule(x + 0.25 * side, y + 0.25 * side, 0.5 * side, 0.5 * side, "accent")
    return box.below(1.9 * style.size_px)
