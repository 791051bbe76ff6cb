"""The job that reads text: it follows the scores row by row, and a fault stays with the picture that has it."""

import re
from dataclasses import asdict

from pipelines.corpora.archives import Entry
from pipelines.curation.scoretable import LIST, SCORES, ScoreTable, images_of
from pipelines.curation.scoring import Scored, TextJob
from tests.pipelines.corpus_files import pdf
from tests.pipelines.curation import curate, digests, rows, write_good
from tests.pipelines.toy_reading import TOY, listed, read_text


def test_an_engine_that_throws_is_named_in_the_row_it_failed_on(read):
    text, scores = rows(read, "text"), rows(read)
    failed = {name for name, row in text.items() if row["status"].startswith("scorer failed")}
    table = ScoreTable(str(read))
    outcomes = {row["id"]: row for batch in table.batches(("id", "status", "reason")) for row in batch.to_pylist()}

    assert list(text) == list(scores)
    assert failed == {"0/good/red.png"}
    assert scores["0/good/red.png"]["status"] == "ok"
    assert outcomes["0/good/red.png"]["status"] == "scorer failed: text"
    assert outcomes["0/good/red.png"]["reason"] == "RuntimeError: the engine broke"
    assert set(text["0/good/white.png"]["ocr_text"].split()) == {"word"}
    assert text["0/good/05.webp"]["text_stage"] == "none"


def test_a_text_layer_that_cannot_be_read_costs_no_score(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "x.pdf").write_bytes(pdf("one"))
    job = TextJob(listed(tmp_path / "out", source), str(tmp_path), str(tmp_path), TOY)
    place = {"source": 0, **asdict(Entry(name="x.pdf#page=2", container="x.pdf", row=1))}
    row = Scored(place=place, scores={"ocr_chars": 5})

    assert job._layer_text(row) is None
    assert (row.status, row.scores) == ("ok", {"ocr_chars": 5})


def test_faulty_rows_are_not_read_and_keep_their_fault(read):
    text, scores = rows(read, "text"), rows(read)
    faulty = [name for name, row in scores.items() if row["status"] != "ok"]

    assert len(faulty) == 10
    assert [(text[name]["status"], text[name]["reason"]) for name in faulty] == [
        (scores[name]["status"], scores[name]["reason"]) for name in faulty
    ]
    assert all(text[name]["ocr_chars"] is None for name in faulty)


def test_a_pool_of_readers_makes_the_same_bytes(tmp_path, read, backend):
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in (LIST, SCORES):
        (copy / part).symlink_to(read / part)
    read_text(copy, images_of(str(read)), backend)

    assert digests(copy / "text") == digests(read / "text")


def test_an_engine_that_is_not_there_says_what_to_install(tmp_path, capfd):
    source = write_good(tmp_path / "source", 2)
    code = curate("score", tmp_path / "out", source, "--ocr", "paddleocr", "--ocr-models", str(tmp_path / "no"))

    assert code == 1
    assert re.search(f"paddleocr is not installed: pip install|{tmp_path}/no", capfd.readouterr().err)
