"""The writer that reads: running text, titles and phrases from the user's files, all else made up."""

import hashlib
import mmap
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from render.writers.draws import Draws
from render.writers.generated import GeneratedWriter
from render.writers.sources import find_sources
from render.writers.store import open_store

_BYTES_PER_CHAR = {"en": 1.5, "zh": 3.0, "zh-Hant": 3.0}  # at most, in any longer text
_CUT_CHARS = 3  # at the start of a reading, where "Mrs." may be cut to a mere "s."
_LEAD_BYTES = 900  # within which a sentence begins, as a rule
# A mark at the end or before white space and no small letter, or a Chinese one; not "Mr." and initials.
_SENTENCE_END = re.compile(
    r"[.!?…。！？．][.!?…。！？．]*[\"'”’)\]」』）]*"
    r"(?:(?=\s+[^a-z\s]|\s*$)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\b[A-Z]\.)"
    r"|(?<=[。！？…．])|(?<=[。！？…．][”’」』）\"]))"
)
_LINE_END = re.compile("\n")
_CLAUSE_END = re.compile(r"[，。；：！？．…,.;:!?()（）“”\"「」『』《》\n]+")
_OPEN_MARKS = " ,;:-–—、，；：·“‘「『（(《【[<"  # with which no text ends
_CLOSE_MARKS = " ,;:-–—、，；：·”’」』）)》】]>.*#"  # with which no text begins
_LEAST, _MOST = 0.8, 1.2  # of the characters asked for
_GENERATED_PHRASES = 0.5
_MIN_TITLE_CHARS, _MIN_PHRASE_CHARS = 4, 2


class Stream:
    """A file of paragraphs, one a line, memory-mapped and read in a circle."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def text(self, rng: np.random.Generator, num_bytes: int) -> str:
        """The next `num_bytes` from a place anywhere, less what is left of a character cut in two."""
        start = int(rng.integers(len(self._bytes)))
        piece = self._bytes[start : start + num_bytes]
        while len(piece) < num_bytes:
            piece += self._bytes[: num_bytes - len(piece)]
        return piece.decode("utf-8", "ignore")


class CorpusWriter(GeneratedWriter):
    """Text from files; a language that they lack is made up, as `corpus_languages` tells."""

    def __init__(self, corpus: Sequence[str]) -> None:
        self._corpus = tuple(corpus)
        self._store = open_store(find_sources(corpus))
        self._streams = {name: Stream(Path(self._store.folder) / name) for name in self._store.num_bytes}

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._corpus, self._store.sha256)

    @property
    def identity(self) -> str:
        """SHA-256 of the clean text and the word tables."""
        return hashlib.sha256(f"{super().identity} {self._store.sha256}".encode()).hexdigest()

    @property
    def corpus_languages(self) -> tuple[str, ...]:
        """The languages of which the corpus holds running text."""
        return tuple(name.removesuffix(".text") for name in self._streams if name.endswith(".text"))

    @property
    def rejected(self) -> tuple[str, ...]:
        """Files that could not be used, each as "path: reason"."""
        return self._store.rejected

    def paragraph(self, rng: np.random.Generator, language: str, num_chars: int) -> str:
        """Text from the start of a sentence somewhere in the corpus, on into what follows it.

        `num_chars` characters within a fifth, to the end of a sentence where one falls within that.
        """
        stream = self._streams.get(f"{language}.text")
        if stream is None:
            return super().paragraph(rng, language, num_chars)
        num_bytes = _LEAD_BYTES + int(_MOST * num_chars * _BYTES_PER_CHAR[language])
        text = stream.text(rng, num_bytes)
        lead_chars = max(len(text) - int(_MOST * num_chars), 0)
        begun = _from_start(text, min(lead_chars, _LEAD_BYTES))
        return _to_end(begun.replace("\n", " " if language == "en" else ""), num_chars)

    def title(self, rng: np.random.Generator, language: str, max_chars: int) -> str:
        """A short line or sentence of the corpus, or a made up title where none of those read fits."""
        for name, split in ((f"{language}.titles", _LINE_END), (f"{language}.text", _SENTENCE_END)):
            if stream := self._streams.get(name):
                pieces = split.split(stream.text(rng, _LEAD_BYTES))
                if found := _first_fitting(pieces, _MIN_TITLE_CHARS, max_chars):
                    return found
        return super().title(rng, language, max_chars)

    def phrase(self, rng: np.random.Generator, language: str, max_chars: int) -> str:
        """A clause of the corpus, or, half of the time and where none fits, a made up label."""
        stream = self._streams.get(f"{language}.text")
        if stream is None or Draws(rng).chance(_GENERATED_PHRASES):
            return super().phrase(rng, language, max_chars)
        pieces = _CLAUSE_END.split(stream.text(rng, _LEAD_BYTES))
        return _first_fitting(pieces, _MIN_PHRASE_CHARS, max_chars) or super().phrase(rng, language, max_chars)


def _reopened(corpus: Sequence[str], sha256: str) -> CorpusWriter:
    """The same writer in another process. ValueError where the files differ there."""
    writer = CorpusWriter(corpus)
    if writer._store.sha256 != sha256:
        raise ValueError(f"corpus {list(corpus)} holds other text here than where the job began: copy the same files")
    return writer


def _from_start(text: str, lead_chars: int) -> str:
    """From the first paragraph or sentence that begins in the lead; from the second word where none does."""
    sentence, line = _SENTENCE_END.search(text, _CUT_CHARS, lead_chars), text.find("\n", 0, lead_chars)
    starts = [line] * (line >= 0) + ([sentence.end()] if sentence else [])
    return text[min(starts) :].lstrip() if starts else text[text.find(" ", 0, lead_chars) + 1 :]


def _to_end(text: str, num_chars: int) -> str:
    """Up to the end of the sentence that ends nearest to `num_chars`, or else cut between words."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text, int(_LEAST * num_chars))]
    near = [end for end in ends if end <= _MOST * num_chars]
    if near:
        return text[: min(near, key=lambda end: abs(end - num_chars))]
    last_space = text.rfind(" ", int(_LEAST * num_chars), num_chars)
    return text[: last_space if last_space > 0 else num_chars].rstrip(_OPEN_MARKS)


def _first_fitting(pieces: Sequence[str], min_chars: int, max_chars: int) -> str:
    """The first whole piece of a suitable length; the outer two are cut off somewhere."""
    stripped = (piece.lstrip(_CLOSE_MARKS).rstrip(_OPEN_MARKS) for piece in pieces[1:-1])
    return next((piece for piece in stripped if min_chars <= len(piece) <= max_chars and "\n" not in piece), "")
