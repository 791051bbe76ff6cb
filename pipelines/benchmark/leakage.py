"""What training datasets hold already: their documents, and the texts that samples share with them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from curate.benchchoice import Rejection, Rejections, Sample, TextIndex
from curate.ngrams import HAN_FIRST, HAN_LAST
from pipelines.benchmark.pages import document_of
from pipelines.benchmark.trained import records

SAME_DOCUMENT, SAME_TEXT = "its document is in a training dataset", "its text is in a training dataset"
SAME_FILE = "its page is in a training dataset"


class Page(NamedTuple):
    """What a sample was cut from: its document as its corpus names it, and the SHA-256 of its file."""

    document: str
    file: str


class Seen(NamedTuple):
    """Samples that training has seen, and how many records of each dataset hold no text to compare."""

    samples: Rejections
    without_text: Counter[str]


def seen_in_training(
    samples: Sequence[Sample], pages: Mapping[str, Page], datasets: Sequence[str], most: float
) -> Seen:
    """The samples whose page, or a page of whose document, a dataset holds, or of whose n-grams more than `most` are
    in one record. pages: of each sample by its id.

    Files are compared by SHA-256, documents by name, since corpora move: "a/b.jpg" is "b.jpg" and "x/a/b.jpg", not
    "c/b.jpg"; a PDF is the same wherever it lies. Raises ValueError as `records` does.
    """
    index = TextIndex()
    for sample in samples:
        index.add(sample.id, sample.text)
    documents, files, found, without_text = Documents(), set[str](), Rejections(), Counter[str]()
    for url in datasets:
        for record in records(url):
            documents.add(document_of(record.name))
            files.add(record.file)
            without_text[url] += not record.text
            found |= {name: Rejection(reason=SAME_TEXT, of=record.name) for name in _inside(index, record.text, most)}
    for sample in samples:
        page = pages[sample.id]
        if page.file and page.file in files:
            found[sample.id] = Rejection(reason=SAME_FILE)
        elif name := documents.like(page.document):
            found[sample.id] = Rejection(reason=SAME_DOCUMENT, of=name)
    return Seen(found, +without_text)


def _inside(index: TextIndex, text: str, most: float) -> Iterator[str]:
    """The samples of whose n-grams more than a share are in a text."""
    for part in _scripts(text):
        for name, (count, size) in index.shared(part).items():
            if count > most * size:
                yield name


def _scripts(text: str) -> Iterable[str]:
    """A text, and its Han and its other characters alone: n-grams are as long as most of a text asks, and a mixed
    record must not hide its smaller half."""
    han = "".join(char for char in text if HAN_FIRST <= ord(char) <= HAN_LAST)
    other = "".join(char for char in text if not HAN_FIRST <= ord(char) <= HAN_LAST)
    return [part for part in dict.fromkeys((text, han, other)) if part]


class Documents:
    """Names of documents, found by their last parts; a PDF is known by its own name, wherever it lies."""

    def __init__(self) -> None:
        self._whole: dict[tuple[str, ...], str] = {}
        self._tails: dict[tuple[str, ...], str] = {}

    def add(self, name: str) -> None:
        parts = _parts(name)
        if parts and parts not in self._whole:
            self._whole[parts] = name
            for start in range(len(parts)):
                self._tails.setdefault(parts[start:], name)

    def like(self, name: str) -> str:
        """A document put in of which one's name ends with the other's; "" where there is none."""
        parts = _parts(name)
        ends = (self._whole[parts[start:]] for start in range(len(parts)) if parts[start:] in self._whole)
        return next(ends, "") or self._tails.get(parts, "")


def _parts(name: str) -> tuple[str, ...]:
    parts = [part for part in name.split("/") if part]
    if parts and parts[-1].lower().endswith(".pdf"):
        return (parts[-1],)
    if len(parts) > 1 and parts[-1] == parts[-2]:  # the corpus was this one file, and is named after it
        parts.pop()
    return tuple(parts)
