"""The writer that needs no corpus: words by frequency, characters by standard, things by rule."""

import hashlib
import json
from functools import cache

import numpy as np

from render.writers import chinese, code, english, grid, headings, sentences, snippets, words
from render.writers.draws import Draws
from render.writers.sentences import Grammar

LANGUAGES = ("en", "zh", "zh-Hant")


def grammar_of(language: str) -> Grammar:
    """The grammar of "en", "zh" (Simplified) or "zh-Hant" (Traditional). ValueError for any other."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is not known: choose from {', '.join(LANGUAGES)}")
    return english.grammar() if language == "en" else chinese.grammar(language)


@cache
def tables_sha256() -> str:
    """SHA-256 of the word tables, which differ with the versions of wordfreq and opencc."""
    tables = [[words.frequencies(language), words.standard_characters(language)] for language in LANGUAGES]
    return hashlib.sha256(json.dumps(tables).encode()).hexdigest()


class GeneratedWriter:
    """Text made up from tables. Every method is pure in the state of `rng`; languages as in `LANGUAGES`."""

    @property
    def identity(self) -> str:
        """Two writers of one identity write the same text."""
        return tables_sha256()

    @property
    def corpus_languages(self) -> tuple[str, ...]:
        """The languages whose running text comes from a corpus: here none."""
        return ()

    @property
    def rejected(self) -> tuple[str, ...]:
        """Corpus files that could not be used, each as "path: reason": here none."""
        return ()

    def paragraph(self, rng: np.random.Generator, language: str, num_chars: int) -> str:
        """One paragraph of whole sentences: `num_chars` characters within a fifth, from 100 up."""
        return sentences.paragraph(rng, grammar_of(language), num_chars)

    def title(self, rng: np.random.Generator, language: str, max_chars: int) -> str:
        """A heading of at most `max_chars` (at least 1) characters."""
        return headings.title(Draws(rng), grammar_of(language), max_chars)

    def phrase(self, rng: np.random.Generator, language: str, max_chars: int) -> str:
        """A menu item, a label or a list item of at most `max_chars` (at least 1) characters."""
        return headings.phrase(Draws(rng), grammar_of(language), max_chars)

    def words(self, rng: np.random.Generator, language: str, num_words: int) -> list[str]:
        """Single words by frequency."""
        return list(grammar_of(language).words.draw(rng, num_words))

    def name(self, rng: np.random.Generator, language: str) -> str:
        """A person's name."""
        return snippets.name(Draws(rng), language)

    def place(self, rng: np.random.Generator, language: str) -> str:
        """A town or a district."""
        return snippets.place(Draws(rng), language)

    def address(self, rng: np.random.Generator, language: str) -> str:
        """A street and a town."""
        return snippets.address(Draws(rng), language)

    def email_or_url(self, rng: np.random.Generator) -> str:
        """An address of mail or web; ASCII."""
        return snippets.email_or_url(Draws(rng))

    def date(self, rng: np.random.Generator, language: str) -> str:
        """A day."""
        return snippets.date(Draws(rng), language)

    def time(self, rng: np.random.Generator) -> str:
        """A time of day; ASCII."""
        return snippets.time(Draws(rng))

    def number(self, rng: np.random.Generator) -> str:
        """A number; ASCII."""
        return snippets.number(Draws(rng))

    def percent(self, rng: np.random.Generator) -> str:
        """A share in percent; ASCII."""
        return snippets.percent(Draws(rng))

    def price(self, rng: np.random.Generator, language: str) -> str:
        """An amount of money."""
        return snippets.price(Draws(rng), language)

    def phone(self, rng: np.random.Generator) -> str:
        """A telephone number; ASCII."""
        return snippets.phone(Draws(rng))

    def formula(self, rng: np.random.Generator, ascii_only: bool = False) -> str:
        """An equation of one line; beyond ASCII it uses only what ordinary text faces draw."""
        return snippets.formula(Draws(rng), ascii_only)

    def code(self, rng: np.random.Generator, num_lines: int) -> code.Listing:
        """`num_lines` lines of a program, indented with spaces, some of them empty; ASCII."""
        return code.listing(Draws(rng), num_lines)

    def table(self, rng: np.random.Generator, language: str, num_rows: int, num_columns: int) -> grid.Table:
        """A header and `num_rows` rows of `num_columns` cells."""
        return grid.table(Draws(rng), language, num_rows, num_columns)
