"""What a benchmark is built from: names, documents and categories of pages; pages and settings that do not fit."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.benchmark import making
from pipelines.benchmark.leakage import Documents
from pipelines.benchmark.pages import category_in, document_of
from pipelines.benchmark.review import read_strikes
from pipelines.benchmark.settings import parse_build
from tests.pipelines.benched import summary
from tests.pipelines.corpus_files import pdf
from tests.pipelines.small_job import ROOT

pytest.importorskip("rapidocr")

SCRIPT = ROOT / "pipelines/tokenbench.py"


@pytest.mark.parametrize(
    ("text", "cause"),
    [("[]", "need {"), ('{"strikes": [1]}', "need {"), ("{", "is no JSON"), (None, "there is no such file")],
)
def test_a_file_that_holds_no_strikes_is_refused(text: str | None, cause: str, tmp_path: Path):
    path = tmp_path / "strikes.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(ValueError, match=cause):
        read_strikes(str(path))


def test_documents_are_compared_by_the_end_of_their_names():
    documents = Documents()
    for name in ("a/b.jpg", "c.jpg", "set/book.pdf", "alone.jpg/alone.jpg"):
        documents.add(name)
    alike = ["a/b.jpg", "b.jpg", "x/a/b.jpg", "y/c.jpg", "other/book.pdf", "z/alone.jpg"]

    assert [name for name in [*alike, "x/b.jpg", "jpg", "ook.pdf", ""] if documents.like(name)] == alike


def test_names_say_document_and_category():
    assert document_of("book/x.pdf#page=3") == document_of("book/x.pdf_12.jpg") == "book/x.pdf"
    assert document_of("book/page_3.jpg") == "book/page_3.jpg"
    assert category_in("/data/book/note/x.pdf") == "note"
    assert category_in("/data/slides/x.pdf") == "PPT2PDF"
    assert category_in("/data/booklet/x.pdf") == ""


def test_pages_are_sampled_by_category_language_and_document(tmp_path: Path, capsys):
    sizes = {"book/en_a.pdf": 6, "book/en_b.pdf": 2, "book/zh_c.pdf": 4, "note/en_d.pdf": 9, "other/e.pdf": 3}
    for name, count in sizes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(pdf(*["x"] * count))
    job = ["--pages", str(tmp_path), "--out", str(tmp_path / "out"), "--sample-pages", "8", "--workers", "0"]

    assert making.make(parse_build([*job, "--backend", "inline"])) == 1  # no text, no sample
    rows = pq.read_table(tmp_path / "out/measured/entries.parquet").to_pylist()

    assert Counter(row["document"] for row in rows) == {
        "book/en_a.pdf": 1,
        "book/en_b.pdf": 1,
        "book/zh_c.pdf": 2,
        "note/en_d.pdf": 4,
    }
    assert summary(tmp_path / "out")["samples"] == 0
    assert not list((tmp_path / "out").glob("bench/*"))


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        (["--pages", "{}/nothing"], "no such folder or file"),
        (["--annotations", "{}/none.json", "--images", "{}"], "there is no such file"),
        (["--pages", "{}"], "give --category NAME"),
    ],
)
def test_pages_that_are_not_there_are_named(more: list[str], cause: str, tmp_path: Path, capsys):
    (tmp_path / "x.pdf").write_bytes(pdf("words"))
    args = [one.format(tmp_path) for one in more]

    code = making.make(parse_build([*args, "--out", str(tmp_path / "out"), "--workers", "0"]))

    assert code == 1
    assert cause in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "cause"),
    [
        ([], "there are no pages"),
        (["--annotations", "x.json"], "annotations and images belong together"),
        (["--pages", "x", "--category", "books"], "category is 'books'"),
        (["--pages", "x", "--ocr", "paddleocr"], "without ocr_models"),
        (["--pages", "x", "--chars-zh", "300", "200"], "chars_zh is 300 200"),
        (["--pages", "x", "--max-blank", "2"], "max_blank is 2"),
    ],
)
def test_settings_that_do_not_fit_are_named(args: list[str], cause: str, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse_build(args)

    assert cause in str(stopped.value) + capsys.readouterr().err


def test_help_says_units(capsys):
    done = subprocess.run([sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True, check=True)

    for flag in ("--annotations", "--pages", "--sample-pages", "--dpi", "--exclude", "--strikes", "--target", "--out"):
        assert flag in done.stdout
    assert "pixels an inch" in " ".join(done.stdout.replace("│", " ").split())
