"""Texts for a sheet: as much as a measure holds, and only what the style's face draws."""

import re
from collections.abc import Callable, Sequence

from render.layouts.box import Box
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle
from render.page import coverage_of

_SENTENCE_END = re.compile(r"[.!?…]+[\"”’)\]]* |[。！？…]+[”’」』）】》]*")


def running(sheet: Sheet, style: TextStyle, boxes: Sequence[Box]) -> str:
    """Paragraphs that fill the boxes: one long text, parted at ends of sentences."""
    mean = sheet.draws.between(150, 700) // (1 if style.language == "en" else 2)
    text = one_paragraph(sheet, style, style.chars_in(boxes))
    parts, start = [], 0
    while len(text) - start > mean:
        end = _SENTENCE_END.search(text, start + int(mean * sheet.uniform(0.3, 1.5)))
        if end is None or len(text) - end.end() < 20:
            break
        parts.append(text[start : end.end()].rstrip())
        start = end.end()
    return "\n".join([*parts, text[start:]])


def stock_up(sheet: Sheet, style: TextStyle, boxes: Sequence[Box]) -> None:
    """Write at once what the boxes will need: one long text costs much less than many short ones."""
    sheet.stock[style.face.id] = _written(sheet, style, style.chars_in(boxes))


def one_paragraph(sheet: Sheet, style: TextStyle, num_chars: int) -> str:
    """A paragraph of about num_chars characters, from the stock where that is enough."""
    stock = sheet.stock.get(style.face.id, "")
    if len(stock) < num_chars:
        return _written(sheet, style, num_chars)
    end = _SENTENCE_END.search(stock, num_chars)
    cut = end.end() if end else len(stock)
    sheet.stock[style.face.id] = stock[cut:]
    return stock[:cut].rstrip()


def _written(sheet: Sheet, style: TextStyle, num_chars: int) -> str:
    page = sheet.page
    return page.drawable(lambda: page.writer.paragraph(sheet.rng, page.language, num_chars), style.face)


def sentences(sheet: Sheet, style: TextStyle, num_chars: int) -> list[str]:
    """The sentences of a paragraph, one by one."""
    text = one_paragraph(sheet, style, num_chars)
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    parts = [text[i:j].strip() for i, j in zip([0, *ends], [*ends, len(text)], strict=True)]
    return [part for part in parts if len(part) > 5] or [text]


def title(sheet: Sheet, style: TextStyle, width_px: float, num_lines: int = 1, capitals: bool = False) -> str:
    """A title for a width, of at most num_lines lines; in English perhaps in capitals."""
    page, per_line = sheet.page, style.num_chars(width_px) * (0.75 if capitals else 0.9)
    num_chars = max(2, int(per_line * (1 if num_lines == 1 else num_lines - 0.5)))

    def make() -> str:
        text = page.writer.title(sheet.rng, page.language, num_chars)
        return text.upper() if capitals else text

    return page.drawable(make, style.face)


def phrases(sheet: Sheet, style: TextStyle, num: int, max_chars: int) -> list[str]:
    """Short texts of at most max_chars characters, as menus, labels and lists hold."""
    page = sheet.page
    return several(sheet, style, num, lambda: page.writer.phrase(sheet.rng, page.language, max(2, max_chars)))


def several(sheet: Sheet, style: TextStyle, num: int, make: Callable[[], str]) -> list[str]:
    """`num` texts of make(), without what the face does not draw; none is blank."""
    text = sheet.page.drawable(lambda: "\n".join(make() for _ in range(num)), style.face)
    return [line for line in text.split("\n") if line.strip()]


def as_drawn(sheet: Sheet, style: TextStyle, texts: Sequence[str]) -> list[str]:
    """The same number of texts without what the face does not draw; "-" where nothing is left."""
    missing = coverage_of(style.face).missing("".join(texts))
    if missing:
        sheet.page.counts["reject/text/not drawn by its face"] += 1
        texts = [text.translate(dict.fromkeys(map(ord, missing))).strip() for text in texts]
    return [text or "-" for text in texts]
