"""Chinese, Simplified and Traditional: what running text and titles are made of.

Most words come by frequency; they hold 4,149 of the 6,763 characters of GB2312. RARE_SHARE of the words
are two characters of the standard set, each character as likely, so that every one is seen in the end:
a page of 900 characters has about 104 such draws, and by the coupon collector's rule the other 2,614
characters have all been drawn after 6,763 (ln 2,614 + 0.58) / 104 = 550 pages on average.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from render.writers import lexicon, snippets
from render.writers.draws import Draws
from render.writers.sentences import Grammar
from render.writers.words import common_words, content_words, in_script, standard_characters, weighted

RARE_SHARE = 0.12
_MARK_TICKETS = 4096
_INNER = {"": 840, "，": 110, "、": 18, "；": 7, "：": 7, "——": 3, "……": 2}
_FINAL = {"。": 85, "？": 7, "！": 6, "……": 2}
_BRACKETS = (("（", "）"), ("《", "》"), ("（", "）"), ("【", "】"), ("〈", "〉"))
_PAIRS = {
    "zh": (("“", "”"), ("“", "”"), ("‘", "’"), *_BRACKETS),
    "zh-Hant": (("「", "」"), ("「", "」"), ("『", "』"), *_BRACKETS),
}
_LINKS = ("与", "的", "和", "：", "·", "、", "及", " ", "——")
_FULL_WIDTH = tuple((str(digit), chr(0xFF10 + digit)) for digit in range(10))
_VARIANTS = ((),) * 24 + (_FULL_WIDTH,)  # one paragraph in 25 has full-width digits
_MIXED = ("A4", "C++", "5G", "3D", "B站", "T恤", "GPT-4", "No.1", "24h", "π", "±5℃", "×2", "Ⅲ", "①")


@cache
def grammar(language: str) -> Grammar:
    """Running Chinese with full-width marks, English words and half-width digits in between."""
    return Grammar(
        words=common_words(language),
        content=content_words(language),
        labels=tuple(sorted((in_script(label, language) for label in lexicon.ZH_UI), key=len)),
        gap="",
        links=tuple(in_script(link, language) for link in _LINKS),
        inner=weighted(_INNER, _MARK_TICKETS),
        final=weighted(_FINAL, _MARK_TICKETS),
        pairs=_PAIRS[language],
        special=partial(special, language),
        mean_words=15,
        special_share=0.035,
        rare_share=RARE_SHARE,
        rare=np.array(list(standard_characters(language)), dtype=object),
        variants=_VARIANTS,
    )


def special(language: str, draws: Draws) -> str:
    """A number with its measure, an English word, a name, a date: what stands between Han words."""
    kind = draws.fraction()
    if kind < 0.35:
        return f"{draws.between(1, 999)}{in_script(draws.pick(lexicon.ZH_MEASURES), language)}"
    if kind < 0.6:
        word = content_words("en").pick(draws)
        return draws.pick((word, word.capitalize(), f"{word} {content_words('en').pick(draws)}"))
    if kind < 0.7:
        return draws.pick(lexicon.ACRONYMS)
    return draws.pick(_LONGER)(draws, language)


_LONGER: tuple[Callable[[Draws, str], str], ...] = (
    snippets.name,
    snippets.place,
    snippets.date,
    snippets.date,
    snippets.price,
    lambda draws, _: snippets.percent(draws),
    lambda draws, _: snippets.time(draws),
    lambda draws, _: snippets.number(draws),
    lambda draws, _: draws.pick(_MIXED),
)
