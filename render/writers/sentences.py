"""Running text from a grammar: words drawn by the hundred, marks between them, a few special things."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from render.writers.draws import Draws
from render.writers.words import Weighted

Texts: TypeAlias = NDArray[np.object_]  # one string a place

_SHORTEST_SENTENCE = 3
_ENCLOSED_SHARE = 0.13  # sentences in which a few words stand in brackets or quotation marks
_GROWTH = 1.03  # of the text by special things, brackets and quotation marks, on average
_QUOTED_SHARE = 0.05  # sentences in quotation marks as a whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grammar:
    """How one language strings words together."""

    words: Weighted
    content: Weighted  # the words without the commonest: for titles and labels
    labels: tuple[str, ...]  # what stands on buttons and in menus, shortest first
    gap: str  # between the words of a title
    links: tuple[str, ...]  # also between the words of a title: " of ", " and "
    inner: Weighted  # what stands between two words of a sentence
    final: Weighted  # what closes a sentence
    pairs: tuple[tuple[str, str], ...]  # around a few words; the first is the quotation mark
    special: Callable[[Draws], str]  # a number, a date, an abbreviation ...
    mean_words: int  # in a sentence
    special_share: float  # of the words
    rare_share: float = 0.0  # of the words: made of two characters of `rare`, each as likely
    rare: Texts | None = None
    capitals: bool = False  # at the start of a sentence
    variants: tuple[tuple[tuple[str, str], ...], ...] = ((),)  # replacements, one set for a whole paragraph


def paragraph(rng: np.random.Generator, grammar: Grammar, num_chars: int) -> str:
    """Whole sentences, closed by a final mark: `num_chars` characters within a fifth, from 100 up."""
    draws = Draws(rng)
    drawn_words, drawn_gaps = _words_and_gaps(rng, grammar, num_chars)
    ends = _sentence_ends(rng, grammar, len(drawn_words))
    drawn_gaps[ends] = grammar.final.draw(rng, len(ends))
    drawn_words[ends] = grammar.content.draw(rng, len(ends))
    words, gaps, last = drawn_words.tolist(), drawn_gaps.tolist(), ends.tolist()
    _insert_specials(draws, grammar, words, gaps, num_chars // 15)
    first = [0, *(end + 1 for end in last[:-1])]
    if grammar.capitals:
        for start in first:
            words[start] = words[start][:1].upper() + words[start][1:]
    _enclose(draws, grammar, words, gaps, zip(first, last, strict=True))
    text = "".join(chain.from_iterable(zip(words, gaps, strict=True))).rstrip()
    for old, new in draws.pick(grammar.variants):
        text = text.replace(old, new)
    return text


def _words_and_gaps(rng: np.random.Generator, grammar: Grammar, num_chars: int) -> tuple[Texts, Texts]:
    """As many words, each with what follows it, as come nearest to `num_chars` once sentences are closed."""
    table, inner = grammar.words, grammar.inner
    guess = int(1.2 * num_chars / (table.mean_chars + inner.mean_chars)) + 20
    drawn = table.indices(rng, guess)
    lengths = table.lengths[drawn]
    rare = np.flatnonzero(rng.random(guess) < grammar.rare_share)
    lengths[rare] = 2
    closing = grammar.final.mean_chars + grammar.content.mean_chars - inner.mean_chars - table.mean_chars
    middles = np.cumsum(lengths + inner.mean_chars + closing / grammar.mean_words) - lengths / 2
    num = max(1, int(np.searchsorted(middles, num_chars / _GROWTH)))
    words = table.items[drawn[:num]]
    if grammar.rare is not None:
        rare = rare[rare < num]
        first, second = rng.integers(len(grammar.rare), size=(2, len(rare)))
        words[rare] = grammar.rare[first] + grammar.rare[second]
    return words, inner.draw(rng, num)


def _sentence_ends(rng: np.random.Generator, grammar: Grammar, num_words: int) -> NDArray[np.int64]:
    """The position of each sentence's last word; the last one closes the paragraph."""
    lengths = rng.gamma(3.0, grammar.mean_words / 3.0, size=num_words // _SHORTEST_SENTENCE + 1)
    ends = np.cumsum(np.maximum(lengths, _SHORTEST_SENTENCE).astype(np.int64)) - 1
    return np.append(ends[ends < num_words - _SHORTEST_SENTENCE], num_words - 1)


def _insert_specials(draws: Draws, grammar: Grammar, words: list[str], gaps: list[str], spare_chars: int) -> None:
    """Put something special in place of some words, while the text grows by no more than `spare_chars`."""
    spaced = draws.chance(0.5)  # Latin letters between Han with or without a space: both are common
    spot = draws.misses(grammar.special_share)
    while spot < len(words):
        text = grammar.special(draws)
        spare_chars -= len(text) - len(words[spot])
        if spare_chars < 0:
            return
        words[spot] = text.rstrip(".") if gaps[spot].startswith(".") else text
        if spaced and text.isascii():
            gaps[spot] = gaps[spot] or " "
            gaps[max(spot - 1, 0)] = gaps[max(spot - 1, 0)] or " "
        spot += 1 + draws.misses(grammar.special_share)


def _enclose(
    draws: Draws, grammar: Grammar, words: list[str], gaps: list[str], spans: Iterable[tuple[int, int]]
) -> None:
    """Put quotation marks around some sentences, brackets or quotation marks around words of others."""
    for start, end in spans:
        choice = draws.fraction()
        if choice > _ENCLOSED_SHARE + _QUOTED_SHARE or end - start < 4:
            continue
        opening, closing = grammar.pairs[0]
        if choice < _QUOTED_SHARE:
            words[start] = opening + words[start]
            mark = gaps[end].rstrip()
            gaps[end] = mark + closing + gaps[end][len(mark) :]
            continue
        opening, closing = draws.pick(grammar.pairs)
        first = draws.between(start + 1, end - 3)
        last = first + draws.below(3)
        words[first] = opening + words[first]
        words[last] = words[last] + closing
