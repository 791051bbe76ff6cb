"""List items with hanging markers, nested or not."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from render.layouts.box import Box
from render.layouts.parts import stack
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle, line_counts, widths_of
from render.page import coverage_of

_DIGITS: tuple[str, ...] = ("", *"一二三四五六七八九")
_BULLETS = "••••●–-▪■◆*○►→✓·"
_ENGLISH: tuple[Callable[[int], str], ...] = (
    lambda n: f"{n}. ",
    lambda n: f"{n}. ",
    lambda n: f"{n}) ",
    lambda n: f"({n}) ",
    lambda n: f"{_letters(n)}) ",
)
_CHINESE: tuple[Callable[[int], str], ...] = (
    lambda n: f"{n}. ",
    lambda n: f"{n}、",
    lambda n: f"（{_han(n)}）",
    lambda n: f"{_han(n)}、",
    lambda n: f"{chr(0x2460 + n - 1) if n <= 20 else n} ",  # circled, as far as ordinary faces go
)


def _han(n: int) -> str:
    """1 to 99 in Chinese, and the figures of a larger number."""
    if n > 99:
        return str(n)
    tens, ones = divmod(n, 10)
    head = f"{_DIGITS[tens] if tens > 1 else ''}十" if tens else ""
    return head + _DIGITS[ones]


def _letters(n: int) -> str:
    """a to z, then aa, ab and so on."""
    before, last = divmod(n - 1, 26)
    return (_letters(before) if before else "") + chr(97 + last)


def set_items(sheet: Sheet, texts: Sequence[str], columns: Sequence[Box], style: TextStyle, gap_px: float) -> None:
    """Set items in columns, each behind its marker.

    A negative gap stands for as much as fills the first column, up to 3.5 em.
    """
    levels = _levels(sheet, len(texts), columns[0].width > 14 * sheet.em)
    markers = _markers(sheet, style, levels)
    hang = float(widths_of(sorted(set(markers[:9])), style).max())
    step = hang + sheet.uniform(0.3, 1.5) * sheet.em
    style = replace(style, indent=-round(hang / style.size_px, 3))
    items = [(m + text, hang + n * step) for m, text, n in zip(markers, texts, levels, strict=True)]
    if gap_px < 0:
        boxes = [columns[0].beside(inset) for _, inset in items]
        taken = int(line_counts(sheet.page, [text for text, _ in items], boxes, style).sum()) * style.pitch_px
        gap_px = min(3.5 * sheet.em, max(0.0, (columns[0].height - taken) / len(items)))
    stack(sheet, items, columns, style, gap_px)


def _levels(sheet: Sheet, num: int, nested: bool) -> list[int]:
    """Depth of each item: 0, with runs of 1 and now and then 2."""
    share = sheet.draws.pick((0.0, 0.4, 0.6)) if nested else 0.0
    levels = [0]
    while len(levels) < num:
        deeper = sheet.draws.chance(share * (0.3, 0.9, 0.4)[levels[-1]])
        levels.append(min(levels[-1] + 1, 2) if deeper else sheet.draws.below(levels[-1] + 1))
    return levels


def _markers(sheet: Sheet, style: TextStyle, levels: Sequence[int]) -> list[str]:
    """A marker for each item, with its space: by depth a bullet, or a number that starts anew."""
    kinds = [_kind(sheet, style) for _ in range(3)]
    counts, markers = [0, 0, 0], []
    for level in levels:
        counts[level] += 1
        counts[level + 1 :] = [0] * (2 - level)
        markers.append(kinds[level](counts[level]))
    return markers


def _kind(sheet: Sheet, style: TextStyle) -> Callable[[int], str]:
    numbers = _ENGLISH if style.language == "en" else _CHINESE
    kind: Callable[[int], str] = sheet.draws.pick(numbers)
    missing = coverage_of(style.face).missing
    if sheet.draws.chance(0.45) and not missing("".join(map(kind, range(1, 21)))):
        return kind
    bullet = sheet.draws.pick(_BULLETS)
    bullet = "- " if missing(bullet) else f"{bullet} "
    return lambda _: bullet
