"""English: what running text and titles are made of."""

from functools import cache

from render.writers import lexicon, snippets
from render.writers.draws import Draws
from render.writers.sentences import Grammar
from render.writers.words import common_words, content_words, weighted

_MARK_TICKETS = 4096
_INNER = {" ": 880, ", ": 80, "; ": 5, ": ": 5, " – ": 3, " — ": 3, "—": 1, "-": 8, "/": 1, " & ": 2}
_FINAL = {". ": 86, "? ": 7, "! ": 5, "… ": 2}
_PAIRS = (("“", "”"), ("(", ")"), ("(", ")"), ("“", "”"), ("‘", "’"), ("[", "]"), ("*", "*"))
_LINKS = (" of ", " and ", " in ", " for the ", ": ", " with ", " on ", " vs. ", " & ", ", ", " – ")
_CURLY = (("'", "’"),)
_ASCII = (("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'"), ("–", "-"), ("—", "--"), ("…", "..."))


@cache
def grammar() -> Grammar:
    """Running English: half of the paragraphs in ASCII, half with typographic quotes and dashes."""
    return Grammar(
        words=common_words("en"),
        content=content_words("en"),
        labels=tuple(sorted(lexicon.UI, key=len)),
        gap=" ",
        links=_LINKS,
        inner=weighted(_INNER, _MARK_TICKETS),
        final=weighted(_FINAL, _MARK_TICKETS),
        pairs=_PAIRS,
        special=special,
        mean_words=16,
        special_share=0.025,
        capitals=True,
        variants=(_CURLY, _ASCII),
    )


def special(draws: Draws) -> str:
    """A number, a date, a name, an abbreviation: what breaks the flow of plain words. ASCII."""
    kind = draws.fraction()
    if kind < 0.45:
        return draws.pick((str(draws.between(2, 99)), str(draws.between(1900, 2035)), snippets.number(draws)))
    if kind < 0.6:
        return draws.pick(lexicon.ACRONYMS)
    if kind < 0.7:
        return draws.pick(lexicon.ABBREVIATIONS)
    if kind < 0.75:
        return f"{draws.between(1, 500)} {draws.pick(lexicon.UNITS)}"
    if kind < 0.8:
        return draws.pick(lexicon.SYMBOLS)
    return draws.pick(_LONGER)(draws)


_LONGER = (
    lambda draws: snippets.date(draws, "en"),
    lambda draws: snippets.name(draws, "en"),
    lambda draws: snippets.formula(draws, ascii_only=True),
    lambda draws: f"${draws.between(1, 9999):,}.{draws.below(100):02}",
    snippets.time,
    snippets.percent,
    snippets.percent,
    snippets.email_or_url,
)
