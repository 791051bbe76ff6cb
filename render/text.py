"""What to write: the protocol of a source of text, and the one that a list of corpus files makes."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from render.writers.code import Listing
from render.writers.corpus import CorpusWriter
from render.writers.generated import GeneratedWriter
from render.writers.grid import Table


class Writer(Protocol):
    """A source of text, pure in the state of `rng`; languages are "en", "zh" (Simplified) and "zh-Hant".

    All texts are one line without double spaces or white space at the ends. What has no language is ASCII.
    It can be pickled; in another process it opens its files again.
    """

    @property
    def identity(self) -> str:
        """SHA-256 of all it draws from: two writers of one identity write the same text."""
        ...

    @property
    def corpus_languages(self) -> tuple[str, ...]:
        """The languages whose running text comes from a corpus; that of the others is made up."""
        ...

    @property
    def rejected(self) -> tuple[str, ...]:
        """Corpus files that could not be used, each as "path: reason"."""
        ...

    def paragraph(self, rng: np.random.Generator, language: str, num_chars: int) -> str:
        """Running text, `num_chars` characters within a fifth, from 100 up; to a sentence's end if it can."""
        ...

    def title(self, rng: np.random.Generator, language: str, max_chars: int) -> str:
        """A heading of at most `max_chars` (at least 1) characters."""
        ...

    def phrase(self, rng: np.random.Generator, language: str, max_chars: int) -> str:
        """A menu item, a label or a list item of at most `max_chars` (at least 1) characters."""
        ...

    def words(self, rng: np.random.Generator, language: str, num_words: int) -> list[str]:
        """Single words by frequency."""
        ...

    def name(self, rng: np.random.Generator, language: str) -> str:
        """A person's name."""
        ...

    def place(self, rng: np.random.Generator, language: str) -> str:
        """A town or a district."""
        ...

    def address(self, rng: np.random.Generator, language: str) -> str:
        """A street and a town."""
        ...

    def email_or_url(self, rng: np.random.Generator) -> str:
        """An address of mail or web."""
        ...

    def date(self, rng: np.random.Generator, language: str) -> str:
        """A day."""
        ...

    def time(self, rng: np.random.Generator) -> str:
        """A time of day."""
        ...

    def number(self, rng: np.random.Generator) -> str:
        """A number."""
        ...

    def percent(self, rng: np.random.Generator) -> str:
        """A share in percent."""
        ...

    def price(self, rng: np.random.Generator, language: str) -> str:
        """An amount of money."""
        ...

    def phone(self, rng: np.random.Generator) -> str:
        """A telephone number."""
        ...

    def formula(self, rng: np.random.Generator, ascii_only: bool = False) -> str:
        """An equation of one line; beyond ASCII only what ordinary text faces draw: × ≤ ² √ π."""
        ...

    def code(self, rng: np.random.Generator, num_lines: int) -> Listing:
        """`num_lines` lines of a program, indented with spaces, some of them empty."""
        ...

    def table(self, rng: np.random.Generator, language: str, num_rows: int, num_columns: int) -> Table:
        """A header and `num_rows` rows of `num_columns` cells."""
        ...


def open_writer(corpus: Sequence[str]) -> Writer:
    """A writer of these files, folders, globs or "FILE.parquet:COLUMN"; of none, all text is made up.

    Raises ValueError, naming the entry or file and the remedy, where an entry leads to no usable text.
    """
    return CorpusWriter(corpus) if corpus else GeneratedWriter()
