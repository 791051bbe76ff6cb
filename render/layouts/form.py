"""A form: labels with boxes or lines to fill in, check boxes, a signature; or a few receipts side by side."""

from dataclasses import replace

import numpy as np

from render.layouts.box import Box
from render.layouts.fields import check_row, field_rows
from render.layouts.parts import heading, put
from render.layouts.receipt import receipt
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.layouts.wording import as_drawn, title
from render.page import Draft, Page
from render.writers.words import in_script

_RECEIPT_EM = 24


def form(page: Page, rng: np.random.Generator) -> Draft:
    """Receipts in half of the cases, else a form."""
    sheet = Sheet(page, rng)
    if sheet.draws.chance(0.5):
        _receipts(sheet)
    else:
        _form(sheet)
    return sheet.draft()


def _receipts(sheet: Sheet) -> None:
    face = sheet.draws.pick((sheet.page.mono, sheet.page.body, sheet.page.body))
    if sheet.page.language not in face.languages:
        face = sheet.page.body
    style = sheet.style(face, 1.0, "body", sheet.uniform(1.15, 1.5))
    box = sheet.margins(0.02, 0.08)
    num = max(1, min(4, round(box.width / (_RECEIPT_EM * sheet.uniform(0.9, 1.5) * sheet.em))))
    width = min(box.width / num, 40 * sheet.em)
    box = box.inset((box.width - width * num) / 2, 0)
    bordered = sheet.draws.chance(0.4) and width > 14 * sheet.em
    for column in box.columns(num, gap=1.5 * sheet.em):
        if bordered:
            sheet.frame(column, tone="faint")
            column = column.inset(0.8 * sheet.em)
        receipt(sheet, column, style)


def _form(sheet: Sheet) -> None:
    """Sections of fields in one to three columns, under headings."""
    box = sheet.margins(0.03, 0.08)
    if box.height > 8 * sheet.em:
        box = heading(sheet, box, sheet.draws.pick(("centre", "left")))
    signed = box.height > 16 * sheet.em and sheet.draws.chance(0.6)
    room = box.top(box.height - 3.2 * sheet.em * signed)
    kind = sheet.draws.pick(("boxed", "lined", "grid"))
    style = replace(sheet.body(1.3, 1.5), wrap=False)
    most = max(1, min(3, int(room.width / (15 * sheet.em))))
    while room.height > 2.2 * sheet.em:
        if room.height > 7 * sheet.em and sheet.draws.chance(0.6):
            head = sheet.heading(1.25)
            room = put(sheet, title(sheet, head, 0.7 * room.width), room, head).below(0.5 * sheet.em)
        room = field_rows(sheet, room, style, kind, sheet.draws.between(1, most)).below(0.5 * sheet.em)
        if sheet.draws.chance(0.35):
            room = check_row(sheet, room, style)
        room = room.below(0.5 * sheet.em)
    if signed:
        _signature(sheet, box.below(box.height - 1.6 * sheet.em), style)


def _signature(sheet: Sheet, box: Box, style: TextStyle) -> None:
    """Lines to sign on, with what each is for under it."""
    words = ("Signature", "Date") if style.language == "en" else (in_script("签名", style.language), "日期")
    columns = box.columns(2, gap=3 * sheet.em)
    texts = as_drawn(sheet, style, words)
    for column in columns:
        sheet.rule(column.x, column.y, column.width, 1.0)
    sheet.cells(texts, [column.below(0.4 * sheet.em).frame for column in columns], style)
