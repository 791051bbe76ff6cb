"""Text made fit to print: one line, composed characters, nothing invisible; and which language it is in."""

import re
import unicodedata
from functools import cache

from render.writers.words import big5_characters, standard_characters

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_HAN_RUN = re.compile(f"{HAN.pattern}+")
_MIN_HAN_SHARE = 0.3  # of the characters of a Chinese paragraph
_MAX_OTHER_SHARE = 0.4  # marks and digits in anything that is text
# Never printed: controls, what is invisible or changes direction, private and unpaired code points,
# pictographs, marks of a missing character (replacement, white square), all beyond the basic plane.
_UNFIT = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u2300-\u23ff\u25a1\u2600-\u27bf\u2b00-\u2bff\u3164\ud800-\uf8ff"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U00010000-\U0010ffff]+"
)
# Anything but Latin and Greek letters, Han characters and the marks and signs set with them.
_FOREIGN = re.compile(
    r"[^\x20-\u024f\u0391-\u03c9\u2010-\u2027\u2030-\u203a\u20ac\u2100-\u22ff\u2460-\u24ff\u25a0-\u25ff"
    r"\u3001-\u301f\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e\uffe5]"
)
_NOT_LETTERS = re.compile(r"[^\w ]+|[\d_]+")
_WIDE_MARK_SPACE = re.compile(r" +(?=[，。、；：？！”’」』）》】…．])|(?<=[，。、；：？！“‘「『（《【．]) +")


def clean(text: str) -> str:
    """The text as one printable line: NFC, white space as single spaces, none beside full-width marks."""
    line = " ".join(text.split())
    if line.isascii() and line.isprintable():
        return line
    composed = _composed(_UNFIT.sub("", _composed(line)))  # what is removed may have stood between letter and accent
    return _WIDE_MARK_SPACE.sub("", " ".join(composed.split()))


def _composed(line: str) -> str:
    return line if unicodedata.is_normalized("NFC", line) else unicodedata.normalize("NFC", line)


@cache
def _only(language: str) -> re.Pattern[str]:
    """The characters of GB2312 that Big5 lacks ("zh"), or those of Big5 that GB2312 lacks."""
    simplified, traditional = frozenset(standard_characters("zh")), frozenset(big5_characters())
    chosen = simplified - traditional if language == "zh" else traditional - simplified
    return re.compile(f"[{''.join(sorted(chosen))}]")


def text_kind(text: str) -> str:
    """ "en" or "zh" (in either script) where a paragraph is made of such text alone, "" for anything else."""
    num_other = sum(map(len, _NOT_LETTERS.findall(text)))
    if not text or num_other > _MAX_OTHER_SHARE * len(text) or _FOREIGN.search(text):
        return ""
    num_han = sum(map(len, _HAN_RUN.findall(text)))
    if num_han < _MIN_HAN_SHARE * len(text):
        return "" if num_han else "en"
    return "zh"


def chinese_script(text: str, otherwise: str) -> str:
    """ "zh" or "zh-Hant" by the characters that only one of them has, `otherwise` where there are none."""
    balance = len(_only("zh").findall(text)) - len(_only("zh-Hant").findall(text))
    return otherwise if balance == 0 else "zh" if balance > 0 else "zh-Hant"
