"""Titles and short labels from a grammar's content words, never longer than asked."""

from bisect import bisect_right

from render.writers.draws import Draws
from render.writers.sentences import Grammar

_LINKED_SHARE = 0.25
_LABEL_SHARE = 0.5
_MAX_TRIES = 8


def title(draws: Draws, grammar: Grammar, max_chars: int) -> str:
    """Two to eight content words, in English with capitals: at most `max_chars` (at least 1) characters."""
    text = _word(draws, grammar, max_chars)
    for _ in range(draws.between(1, 7)):
        link = draws.pick(grammar.links) if draws.chance(_LINKED_SHARE) else grammar.gap
        longer = f"{text}{link}{_capital(grammar.content.pick(draws), grammar)}"
        if len(longer) > max_chars:
            break
        text = longer
    return text


def phrase(draws: Draws, grammar: Grammar, max_chars: int) -> str:
    """A menu item, a button's label or a few words: at most `max_chars` (at least 1) characters."""
    if draws.chance(_LABEL_SHARE):
        return _label(draws, grammar, max_chars)
    text = _word(draws, grammar, max_chars)
    for _ in range(draws.below(4)):
        longer = f"{text}{grammar.gap}{grammar.content.pick(draws)}"
        text = longer if len(longer) <= max_chars else text
    return text


def _word(draws: Draws, grammar: Grammar, max_chars: int) -> str:
    """One content word that fits; after a few tries a label, which may be cut."""
    for _ in range(_MAX_TRIES):
        word = grammar.content.pick(draws)
        if len(word) <= max_chars:
            return _capital(word, grammar)
    return _label(draws, grammar, max_chars)


def _label(draws: Draws, grammar: Grammar, max_chars: int) -> str:
    num_fitting = bisect_right(grammar.labels, max_chars, key=len)
    return draws.pick(grammar.labels[:num_fitting]) if num_fitting else grammar.labels[0][:max_chars]


def _capital(word: str, grammar: Grammar) -> str:
    return word[:1].upper() + word[1:] if grammar.capitals else word
