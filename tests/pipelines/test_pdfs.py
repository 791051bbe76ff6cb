"""Pages of PDFs as images: listed, drawn the same each time, bounded, their text layer read; bad files are named."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.picture import BadImage, Limits, decode, read_header
from pipelines.corpora.archives import Entry
from pipelines.corpora.pdfs import DAMAGED, LOCKED, PageOptions, PageReader
from pipelines.corpora.sources import Source, open_source
from tests.curate.pictures import blocks, encoded
from tests.pipelines.corpus_files import listed, pdf, write

PdfiumError = pytest.importorskip("pypdfium2").PdfiumError


def encrypted_pdf() -> bytes:
    """A PDF that asks for a password: its key fits neither of the hashes it holds."""
    permissions = struct.pack("<i", -4)
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P %d >> /ID [<00> <00>]"
    return pdf("secret", trailer=lock % (b"41" * 32, b"42" * 32, struct.unpack("<i", permissions)[0]))


def test_each_page_is_an_entry_in_order_beside_other_images(tmp_path: Path):
    source = open_source(str(write(tmp_path, {"b.pdf": pdf("one", "two"), "a.png": encoded(blocks(1), "PNG")})))

    entries, counts = listed(source)

    assert [entry.name for entry in entries] == ["a.png", "b.pdf#page=1", "b.pdf#page=2"]
    assert entries[2] == Entry(name="b.pdf#page=2", container="b.pdf", row=1, licence="unknown")
    assert [source.text(entry) for entry in entries] == ["", "one", "two"]
    assert not counts


def test_a_page_is_drawn_at_the_stated_resolution(tmp_path: Path):
    path = str(write(tmp_path, {"x.pdf": pdf("Hello")}) / "x.pdf")
    (entry,), _ = listed(open_source(path))

    usual = read_header(open_source(path).read(entry))
    fine = read_header(open_source(path, pages=PageOptions(dpi=288)).read(entry))

    assert (usual.format, usual.width_px, usual.height_px) == ("PNG", 417, 209)  # 200 x 100 pt at 150 dpi
    assert (fine.width_px, fine.height_px) == (800, 400)


def test_a_page_is_dark_letters_on_white_and_the_same_each_time(tmp_path: Path):
    path = str(write(tmp_path, {"x.pdf": pdf("Hello", "other")}))
    source = open_source(path)
    first, second = listed(source)[0]

    data = source.read(first)
    source.read(second)
    rgb = decode(data)

    assert data == source.read(first) == open_source(path).read(first)
    assert rgb[0, 0].tolist() == [255, 255, 255]
    assert 0.005 < np.mean(rgb < 64) < 0.05
    assert rgb[:, 230:].min() == 255  # five letters of 18 pt end before


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", DAMAGED),
        (b"<html>not a PDF</html>", DAMAGED),
        (pdf("x" * 500)[:300], DAMAGED),
        (pdf(), DAMAGED),
        (pdf("one").replace(b"/Count 1 ", b"/Count 900000 "), DAMAGED),
        (encrypted_pdf(), LOCKED[4]),
    ],
)
def test_a_file_that_cannot_be_opened_is_one_entry_that_says_so(tmp_path: Path, data: bytes, cause: str):
    source = open_source(str(write(tmp_path, {"bad.pdf": data, "good.pdf": pdf("fine")})))

    bad, good = listed(source)[0]

    assert (bad.name, bad.container, bad.fault) == ("bad.pdf", "bad.pdf", cause)
    with pytest.raises(BadImage, match=cause):
        source.read(bad)
    assert source.text(good) == "fine"


def test_a_file_after_a_locked_one_is_not_called_locked(tmp_path: Path):
    source = open_source(str(write(tmp_path, {"a.pdf": encrypted_pdf(), "b.pdf": pdf()})))

    faults = [entry.fault for entry in listed(source)[0]]

    assert faults == [LOCKED[4], DAMAGED]


def test_a_huge_page_is_refused_before_it_is_drawn(tmp_path: Path):
    source = open_source(str(write(tmp_path, {"wall.pdf": pdf("big", size_pt=(14_400, 14_400))})))
    small = open_source(str(tmp_path), pages=PageOptions(limits=Limits(max_pixels=1000)))
    (entry,), _ = listed(source)

    with pytest.raises(BadImage, match=r"9000\d{5} pixels: over the 64000000 allowed"):
        source.read(entry)
    with pytest.raises(BadImage, match="over the 1000 allowed"):
        small.read(entry)
    assert source.text(entry) == "big"


def test_a_page_or_file_that_is_gone_is_named(tmp_path: Path):
    path = write(tmp_path, {"x.pdf": pdf("one", "two"), "y.pdf": pdf("one")}) / "x.pdf"
    entries, _ = listed(open_source(str(path)))
    path.write_bytes(pdf("one"))
    source = open_source(str(path))

    with pytest.raises(BadImage, match="its page is gone"):
        source.read(entries[1])

    path.unlink()
    with pytest.raises(BadImage, match="its file is gone"):
        Source(*_place(path), "unknown").read(entries[0])


def _place(path: Path) -> tuple[object, str, tuple[str, ...]]:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem(), str(path.parent), (path.name,)


class Unreadable:
    """A page that PDFium opens and then can neither draw nor read."""

    def get_size(self) -> tuple[float, float]:
        return 200, 100

    def render(self, **_: object) -> None:
        raise PdfiumError("Failed to create bitmap.")

    def get_textpage(self) -> None:
        raise PdfiumError("Failed to load text page.")

    def close(self) -> None:
        pass


class UnreadablePages(PageReader):
    """Finds such a page wherever it looks."""

    def _page(self, container: str, page: int) -> Any:
        return Unreadable()


def test_a_page_that_pdfium_gives_up_on_is_named():
    reader = UnreadablePages(lambda _: io.BytesIO())

    with pytest.raises(BadImage, match="its page cannot be drawn"):
        reader.read("x.pdf", 0)
    with pytest.raises(BadImage, match="its text layer cannot be read"):
        reader.text("x.pdf", 0)


@pytest.mark.parametrize("dpi", [5, 5000])
def test_a_resolution_out_of_range_is_refused(dpi: int):
    with pytest.raises(ValueError, match=f"dpi is {dpi}: use 10 to 1200"):
        PageOptions(dpi=dpi)


def test_real_pages_hold_the_text_that_others_read_from_them(data: Path):
    source = open_source(str(data / "documents" / "academic_literature" / "en_jose-00118.pdf"))
    entries, _ = listed(source)

    text = source.text(entries[1])

    assert len(entries) == 10
    assert sum("a" <= char.lower() <= "z" for char in text) == pytest.approx(4088, rel=0.01)  # pages.jsonl
    assert "\r" not in text


def test_pages_are_read_from_an_object_store_too(tmp_path: Path, s3: str):
    import fsspec

    data = pdf("one", "two")
    with fsspec.open(f"{s3}/papers/x.pdf", "wb") as file:
        file.write(data)
    local, remote = open_source(str(write(tmp_path, {"x.pdf": data}))), open_source(f"{s3}/papers")

    entries, _ = listed(remote)

    assert [remote.text(entry) for entry in entries] == ["one", "two"]
    assert remote.read(entries[1]) == local.read(entries[1])
