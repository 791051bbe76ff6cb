"""Lines of a file to paragraphs: no frame of Project Gutenberg, no Markdown, wrapped lines joined."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from render.writers.cleaning import HAN, clean

_GUTENBERG_START = re.compile(r"\*\*\* ?START OF.*GUTENBERG", re.IGNORECASE)
_GUTENBERG_END = re.compile(r"\*\*\* ?END OF.*GUTENBERG|End of (the )?Project Gutenberg", re.IGNORECASE)
_NUM_HEADER_LINES = 600  # within which the start is marked, if anywhere

_FENCE = re.compile(r"\s*(```|~~~)")
# Tables, includes, link definitions, admonitions, rules, what is left of tags and comments, formulas.
_NOT_PROSE = re.compile(r"\s*(\||\{\{|\[[^\]]+\]: |!!!|\?\?\?|[-=*_]{3,}\s*$|<!--(?!.*-->)|.*-->)|.*(\$|\\[a-zA-Z(\[])")
_LINE_MARKS = re.compile(r"^\s*(#{1,6}\s+|>\s?|[-*+]\s+|\d+[.)]\s+)*")
_TAG = re.compile(r"!\[[^\]]*\]\([^)]*\)|<!--.*?-->|</?[a-zA-Z][^>]*>")  # images too
_LINK = re.compile(r"\[([^\]]+)\](\([^)]*\)|\[[^\]]*\])")
_EMPHASIS = re.compile(r"\*+|~~|`+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)")

_EMPTY_BRACKETS = re.compile(r"[（(【《\[][，；、,;\s]*[）)】》\]]")
_ENDS = frozenset('.!?…。！？．"”’」』)）')
_FULL_LINE_CHARS, _FULL_HAN_LINE_CHARS = 40, 18  # a line as long that ends no sentence goes on in the next
_MAX_CHARS = 20_000
_FIRST_WIDE = "\u2e80"  # from here on characters are full width and joined without a space


def paragraphs(lines: Iterable[str], is_markdown: bool = False) -> Iterator[str]:
    """Cleaned paragraphs, headings among them, each one line."""
    body = _without_frame(lines)
    return _joined(_without_markdown(body) if is_markdown else body)


def ends_sentence(text: str) -> bool:
    """Whether the last character closes a sentence or a quotation."""
    return text[-1:] in _ENDS


def _without_frame(lines: Iterable[str]) -> Iterator[str]:
    """The book alone, where the file is one of Project Gutenberg."""
    rest = iter(lines)
    head = list(islice(rest, _NUM_HEADER_LINES))
    starts = [number + 1 for number, line in enumerate(head) if _GUTENBERG_START.search(line)]
    for line in chain(head[starts[0] if starts else 0 :], rest):
        if _GUTENBERG_END.search(line):
            return
        yield line


def _without_markdown(lines: Iterable[str]) -> Iterator[str]:
    """Prose lines without marks; a blank line in place of code, tables and formulas."""
    fenced = False
    for line in lines:
        border = bool(_FENCE.match(line))
        fenced ^= border
        if fenced or border or _NOT_PROSE.match(line):
            yield ""
        else:
            yield _EMPHASIS.sub("", _LINK.sub(r"\1", _TAG.sub("", _LINE_MARKS.sub("", line))))


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Cleaned lines, joined where a full one ends no sentence, be it followed by blank lines or not."""
    text = last = ""
    for raw in lines:
        line = clean(_EMPTY_BRACKETS.sub("", raw))
        if line:
            text += ("" if not text or max(text[-1], line[0]) >= _FIRST_WIDE else " ") + line
            last = line
        if text and (not _goes_on(last) or len(text) > _MAX_CHARS):
            yield text
            text = ""
    if text:
        yield text


def _goes_on(line: str) -> bool:
    full = _FULL_HAN_LINE_CHARS if HAN.search(line) else _FULL_LINE_CHARS
    return len(line) >= full and not ends_sentence(line)
