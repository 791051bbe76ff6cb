"""Which languages a face can write, judged by the code points that it really draws."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_ENOUGH_HAN = 0.99  # of the first level: a face may lack a few, a text that needs them goes elsewhere

# The regional forms of Han characters that a reader of each language takes for right.
_REGION_LANGUAGES = {"SC": ("zh", "zh-Hant"), "TC": ("zh-Hant",), "JP": (), "KR": (), "": ("zh", "zh-Hant")}


def languages_of(codes: NDArray[np.uint32], region: str, has_tc: bool = False) -> tuple[str, ...]:
    """The subset of ("en", "zh", "zh-Hant") that these code points write, in the Han forms of this region.

    `has_tc`: the collection has another face for Traditional text, which is left to it.
    """
    allowed = [name for name in _REGION_LANGUAGES[region] if not (has_tc and region == "SC" and name == "zh-Hant")]
    english = ("en",) if np.isin(ascii_codes(), codes).all() else ()
    return english + tuple(name for name in allowed if np.isin(first_level(name), codes).mean() >= _ENOUGH_HAN)


@cache
def ascii_codes() -> NDArray[np.uint32]:
    """Letters, digits and punctuation of ASCII."""
    return np.arange(0x21, 0x7F, dtype=np.uint32)


@cache
def first_level(language: str) -> NDArray[np.uint32]:
    """The commoner half of a national standard: 3,755 of GB2312 ("zh"), 5,401 of Big5 ("zh-Hant").

    Rows 16 to 55 of GB2312-80; lead bytes A4 to C6 of Big5 (its level 1 ends at C67E).
    """
    if language == "zh":
        table = bytes(b for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF) for b in (lead, trail))
        text = table.decode("gb2312", "ignore")
    else:
        trails = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
        pairs = ((lead, trail) for lead in range(0xA4, 0xC7) for trail in trails if (lead, trail) <= (0xC6, 0x7E))
        text = bytes(b for pair in pairs for b in pair).decode("big5", "ignore")
    return np.array(sorted({ord(c) for c in text}), np.uint32)
