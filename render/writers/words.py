"""Words by frequency and characters by standard, English and Chinese, each table built once per process."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import opencc
import wordfreq
from numpy.typing import NDArray

from render.writers import lexicon
from render.writers.draws import Draws

_PLAIN_WORD = re.compile(r"[a-z]{3,}(?:'[a-z]+)?|[a-z]{1,2}'[a-z]+")
_UNFIT = re.compile(
    # Anywhere in a word, then whole words and beginnings: Essex, heroine, Montenegro, Milford and basement are kept.
    r"fuck|shit|bitch|slut|whore|porn|nigg|fagg?ot|titt(y|ies)|penis|vagina|dildo|hentai|orgasm|blowjob|foreplay|"
    r"retard|(?<!es|us|le)sex|nazi|hitler|suicid|jihad|terroris|erotic|masturbat|hooker|jerk|drunk|cocaine|heroin$|"
    r"asshole|arsehole|jackass|dumbass|bastard|pa?edophil|incest|bdsm|prostitut|brothel|testic(le|ular)|"
    r"stripper|douche|goddamn|dickhead|molest|lesbian|threesome|"
    r"^(cunt|naked|nud(e|ity|ist)|piss|damn|crap|wank|turd|twat|horny|orgy|orgies)|"
    r"^(ass(es)?|badass|rap(e[ds]?|ing|ists?)|fart(s|ed|ing)?|boobs?|tits?|nipples?|gays?|hells?|anal|anus|cum|semen|sperm|milfs?|"
    r"negro(es)?|islam|islamic|islamists?|muslims?|jews?|jewish|trump|obama|putin|clinton|biden|"
    r"cocks?|dicks?|pricks?|clits?|puss(y|ies)?)('s)?$|"
    r"鸡巴|他妈(?!妈)|你妈(?!妈)|操你|色情|[强轮鸡通诱]奸|奸污|妓|嫖|傻逼|裸体|性交|口交|做爱|自慰|淫|屌|婊|约炮|处女|"
    r"性爱|性侵|性虐|乱伦|强暴|龟头|阴[茎道部毛唇蒂囊]|乳头|睾丸|精液|射精|肛[门交]|屁眼|黑鬼|支那|王八蛋|"
    r"自杀|恐怖|法西斯|纳粹|习近平|毛泽东|邓小平|江泽民|胡锦涛|温家宝|蒋介石|台独|六四|法轮"
)
_NUM_FUNCTION_WORDS = {"en": 150, "zh": 80}  # the commonest, which titles and labels do without


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighted:
    """Strings with weights, drawn by the hundred in one call."""

    items: NDArray[np.object_]
    lengths: NDArray[np.int64]  # characters in each
    tickets: NDArray[np.uint16]  # positions in `items`, each as many times as its weight says, at least once
    mean_chars: float  # in an item, over the draws

    def indices(self, rng: np.random.Generator, num: int) -> NDArray[np.uint16]:
        """`num` independent positions in `items`."""
        return self.tickets[rng.integers(len(self.tickets), size=num)]

    def draw(self, rng: np.random.Generator, num: int) -> NDArray[np.object_]:
        """`num` independent items."""
        return self.items[self.indices(rng, num)]

    def pick(self, draws: Draws) -> str:
        """One item."""
        return str(self.items[self.tickets[draws.below(len(self.tickets))]])


def weighted(weights: Mapping[str, float], num_tickets: int = 1 << 19) -> Weighted:
    """A table of at most 65,536 strings; a share is exact to 1 / num_tickets."""
    shares = np.fromiter(weights.values(), np.float64, len(weights))
    counts = np.maximum(1, np.rint(shares / shares.sum() * num_tickets)).astype(np.int64)
    lengths = np.fromiter(map(len, weights), np.int64, len(weights))
    return Weighted(
        items=np.array(list(weights), dtype=object),
        lengths=lengths,
        tickets=np.repeat(np.arange(len(weights), dtype=np.uint16), counts),
        mean_chars=float(lengths @ counts / counts.sum()),
    )


def _capitalised() -> dict[str, str]:
    """Words that are never written small: names of people, cities, months, days, and acronyms."""
    names = [
        *lexicon.GIVEN_NAMES,
        *lexicon.SURNAMES,
        *lexicon.CITIES,
        *lexicon.COUNTRIES,
        *lexicon.DAYS_AND_MONTHS,
    ]
    proper = {name.lower(): name for name in [*names, *lexicon.ACRONYMS] if len(name) > 2}
    pronouns = {small: small.capitalize() for small in ("i", "i'm", "i've", "i'd", "i'll")}
    return {small: big for small, big in {**proper, **pronouns}.items() if small not in lexicon.COMMON_NOUNS}


@cache
def english_frequencies() -> dict[str, float]:
    """Plain English words, the commonest first."""
    capitals = _capitalised()
    known = wordfreq.get_frequency_dict("en", wordlist="small")
    return {
        capitals.get(word, word): share
        for word, share in known.items()
        if (word in lexicon.SHORT_WORDS or _PLAIN_WORD.fullmatch(word)) and not _UNFIT.search(word)
    }


@cache
def chinese_frequencies(language: str) -> dict[str, float]:
    """Han words of Simplified ("zh", within GB2312) or Traditional Chinese ("zh-Hant", within Big5)."""
    known = wordfreq.get_frequency_dict("zh", wordlist="small")
    simplified = frozenset(standard_characters("zh"))
    words = {word: share for word, share in known.items() if simplified.issuperset(word) and not _UNFIT.search(word)}
    if language == "zh":
        return words
    traditional_forms = to_traditional("\n".join(words)).split("\n")
    big5 = frozenset(big5_characters())
    return _summed(
        (form, share) for form, share in zip(traditional_forms, words.values(), strict=True) if big5.issuperset(form)
    )


def _summed(shares: Iterable[tuple[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for word, share in shares:
        total[word] = total.get(word, 0.0) + share
    return total


@cache
def frequencies(language: str) -> dict[str, float]:
    """Words of "en", "zh" or "zh-Hant" with their shares, the commonest first."""
    return english_frequencies() if language == "en" else chinese_frequencies(language)


@cache
def common_words(language: str) -> Weighted:
    """All words of the language by frequency."""
    return weighted(frequencies(language))


@cache
def content_words(language: str) -> Weighted:
    """Words by frequency without the commonest, which are mostly articles, pronouns and particles."""
    skipped = _NUM_FUNCTION_WORDS["en" if language == "en" else "zh"]
    tail = list(frequencies(language).items())[skipped:]
    return weighted({word: share for word, share in tail if len(word) > (2 if language == "en" else 1)})


@cache
def standard_characters(language: str) -> str:
    """All 6,763 Han characters of GB2312 for "zh", the 5,401 common ones of Big5 for "zh-Hant".

    The first 3,755 of GB2312 are its level 1.
    """
    if language == "zh":
        return _codec_characters("gb2312", range(0xB0, 0xF8))
    return _codec_characters("big5", range(0xA4, 0xC7))


def big5_characters() -> str:
    """All Han characters of Big5, common and rare."""
    return _codec_characters("big5", range(0xA4, 0xFA))


@cache
def _codec_characters(codec: str, first_bytes: range) -> str:
    """The Han characters of a two-byte encoding, in its order."""
    pairs = (bytes((high, low)).decode(codec, "ignore") for high in first_bytes for low in range(0x40, 0xFF))
    return "".join(pair for pair in pairs if len(pair) == 1 and "\u4e00" <= pair <= "\u9fff")


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("s2tw")


def to_traditional(text: str) -> str:
    """Simplified to Traditional Chinese as written in Taiwan."""
    return str(_converter().convert(text))


def in_script(text: str, language: str) -> str:
    """Simplified Chinese as the language writes it."""
    return to_traditional(text) if language == "zh-Hant" else text
