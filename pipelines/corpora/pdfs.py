"""PDF files as corpora: each page is an entry, drawn by PDFium at a stated resolution, with its text layer."""

import atexit
import os
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from curate.picture import DEFAULT_LIMITS, BadImage, Limits
from pipelines.corpora.archives import Entry
from pipelines.shards.codec import encode

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

POINTS_PER_INCH = 72
# PDFium's reasons for not opening a file (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY); any other is damage.
LOCKED = {4: "PDF encrypted: it needs a password", 5: "PDF encrypted in a way that cannot be read"}
MIN_PAGE_BYTES = 16
DAMAGED = "PDF damaged, cut short or without pages"
ENCRYPTED = b"/Encrypt"  # never encrypted itself
HYPHEN_AT_LINE_END = "\ufffe"  # as PDFium marks one


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """How pages become pictures: dpi, pixels an inch of the page (72 points); limits, on the pixels of one."""

    dpi: float = 150.0
    limits: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if not 10 <= self.dpi <= 1200:
            raise ValueError(f"dpi is {self.dpi}: use 10 to 1200 pixels an inch; 150 makes 10 pt letters 21 px high")


DEFAULT_PAGES = PageOptions()


def pdf_entries(file: BinaryIO, container: str, counts: Counter[str]) -> Iterator[Entry]:
    """The pages of a PDF in order, `row` counted from 0; one that cannot be opened is one entry that says so."""
    try:
        document = _opened(_PdfFile(file))
    except BadImage as error:
        yield Entry(name=container, container=container, fault=error.cause)
        return
    num_pages = len(document)
    document.close()
    if not 0 < num_pages * MIN_PAGE_BYTES <= file.seek(0, os.SEEK_END):  # a count may say what it likes
        yield Entry(name=container, container=container, fault=DAMAGED)
        return
    for page in range(num_pages):
        yield Entry(name=f"{container}#page={page + 1}", container=container, row=page)


def is_page(entry: Entry) -> bool:
    """Whether an entry is a page of a PDF."""
    return entry.row >= 0 and entry.row_group < 0


class _PdfFile:
    """A file as PDFium reads it: what a read raises cannot pass through it, and is kept to be raised later."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fault: OSError | None = None
        self.seek, self.tell, self.read, self.close = file.seek, file.tell, file.read, file.close

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except OSError as error:
            self._fault = error
            return 0
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)

    def check(self) -> None:
        """Raise the OSError that a read met with."""
        if self._fault is not None:
            raise self._fault


def _opened(file: _PdfFile) -> "PdfDocument":
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(file)
    except PdfiumError as error:
        file.check()
        file.seek(0)  # PDFium may leave the code of an earlier file in place: what is locked says so itself
        locked = LOCKED.get(error.err_code) if ENCRYPTED in file.read() else None
        raise BadImage(locked or DAMAGED) from error


class PageReader:
    """Draws pages and reads their text layers; the last file stays open: its other pages cost less.

    The same file gives the same bytes, with one version of PDFium, and where a PDF does not embed its fonts
    with one set of system fonts.
    """

    def __init__(self, open_file: Callable[[str], BinaryIO], options: PageOptions = DEFAULT_PAGES) -> None:
        self._open_file, self._options = open_file, options
        self._name = ""
        self._file: _PdfFile | None = None
        self._document: PdfDocument | None = None
        self._registered = False

    def read(self, container: str, page: int) -> bytes:
        """A PNG file of the page on white. Raises BadImage where it cannot be drawn or is too large."""
        with closing(self._page(container, page)) as opened, self._faults_named("its page cannot be drawn"):
            scale = self._options.dpi / POINTS_PER_INCH
            width, height = (ceil(points * scale) for points in opened.get_size())
            self._options.limits.check_pixels(width, height)
            bitmap = opened.render(scale=scale, rev_byteorder=True)
            return encode(np.ascontiguousarray(bitmap.to_numpy()))

    def text(self, container: str, page: int) -> str:
        """The text layer inside the page's box, in the file's order, lines ended by "\\n"; "" without one."""
        with closing(self._page(container, page)) as opened, self._faults_named("its text layer cannot be read"):
            text: str = opened.get_textpage().get_text_bounded()
            return text.replace("\r\n", "\n").replace(HYPHEN_AT_LINE_END, "-")

    def _page(self, container: str, page: int) -> "PdfPage":
        document = self._of(container)
        if page >= len(document):
            raise BadImage("its page is gone")
        with self._faults_named("its page cannot be read"):
            return document[page]

    @contextmanager
    def _faults_named(self, cause: str) -> Iterator[None]:
        """Raises BadImage for PDFium's errors, OSError for a read that failed, whatever PDFium made of that."""
        from pypdfium2 import PdfiumError

        try:
            yield
        except PdfiumError as error:
            self._check_file()
            raise BadImage(cause) from error
        self._check_file()

    def _check_file(self) -> None:
        try:
            if self._file is not None:
                self._file.check()
        except OSError:
            self.close()  # what was read of it is not to be trusted
            raise

    def _of(self, container: str) -> Any:
        if self._document is None or self._name != container:
            self.close()
            self._file = _PdfFile(self._open_file(container))
            self._document = _opened(self._file)
            if not self._registered:  # after PDFium's own: what is still open when that is reached is reported
                atexit.register(_close, weakref.ref(self))
                self._registered = True
            self._name = container
        return self._document

    def close(self) -> None:
        """Let go of the open file, if any; the next page opens its own."""
        if self._document is not None:
            self._document.close()
        if self._file is not None:
            self._file.close()
        self._document, self._file, self._name = None, None, ""


def _close(reader: "weakref.ref[PageReader]") -> None:
    if (alive := reader()) is not None:
        alive.close()
