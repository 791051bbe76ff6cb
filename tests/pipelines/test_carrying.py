"""Columns of a corpus's own metadata in a curation: from every kind of source, in rules, categories and packed rows."""

import json
import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.curation.carrying import parse_carried
from pipelines.curation.choosing import columns_to_come
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.settings import Measures
from tests.pipelines.curation import SCORERS, curate, picture, rows, write_tar

RULES = """
kinds:
  keep_duplicates: true
  rules:
    - {column: score, at_least: 2}
  weight: {column: entropy_bits, at: 4}
  categories:
    - {name: slides, where: 'doc == "slides"', max_images: 1}
    - {name: rest}
"""
CARRY = ("--carry", "doc", "score:number")


def write_corpus(folder: Path) -> Path:
    """Eight images whose metadata stand in a Parquet file, a tar, a manifest, and tables of two folders."""
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "deep/c.png", "deep/d.png")):
        (folder / name).write_bytes(picture(number))
    write_lines(folder / "manifest.jsonl", {"file": "a.png", "doc": "slides", "score": 3}, {"file": "b.png", "doc": ""})
    write_lines(folder / "metadata.jsonl", {"file_name": "deep/c.png", "doc": "far", "score": 9})
    (folder / "deep/metadata.csv").write_text("file_name,doc,score\nc.png,near,4\nd.png,slides,many\n")
    table = {"image": [picture(5), picture(6)], "doc": ["slides", None], "score": pa.array([2.5, 7.0])}
    pq.write_table(pa.table(table), folder / "rows.parquet")
    said = json.dumps({"doc": ["x", 1], "score": "5"}).encode()
    write_tar(folder / "more.tar", {"s/1.jpg.png": picture(7), "s/1.json": said, "s/2.png": picture(8)})
    return folder


def write_lines(path: Path, *lines: dict[str, object]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus scored, its metadata carried."""
    corpus = write_corpus(tmp_path_factory.mktemp("carried") / "corpus")
    out = corpus.parent / "out"
    assert curate("score", out, corpus, *CARRY) == 0
    return out


def test_each_image_has_what_its_corpus_says_of_it(carried):
    found = {key.partition("/")[2]: (row["doc"], row["score"]) for key, row in rows(carried, "carried").items()}
    assert found == {
        "a.png": ("slides", 3.0),
        "b.png": ("", None),
        "deep/c.png": ("near", 4.0),  # of the nearest table
        "deep/d.png": ("slides", None),  # "many" is no number
        "rows.parquet#0": ("slides", 2.5),
        "rows.parquet#1": (None, 7.0),
        "more.tar/s/1.jpg.png": ('["x",1]', 5.0),
        "more.tar/s/2.png": (None, None),
    }


def test_rules_and_categories_read_them_and_packed_rows_keep_them(carried, tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    assert curate("select", carried, None, "--rules", str(tmp_path / "rules.yaml")) == 0
    assert curate("pack", carried, None, "--selection", "kinds") == 0
    packed = pq.read_table(carried / "packed/kinds/data").to_pylist()
    kept = {row["id"].rpartition("/")[2]: (row["category"], row["doc"], row["score"]) for row in packed}
    slides = {name: row for name, row in kept.items() if row[0] == "slides"}
    assert list(slides.values()) in ([("slides", "slides", 3.0)], [("slides", "slides", 2.5)])
    assert {name: row for name, row in kept.items() if name not in slides} == {
        "c.png": ("rest", "near", 4.0),
        "rows.parquet#1": ("rest", None, 7.0),
        "1.jpg.png": ("rest", '["x",1]', 5.0),
    }


def test_others_may_be_asked_for_later_and_no_image_is_scored_again(tmp_path, capsys):
    corpus, out = write_corpus(tmp_path / "corpus"), tmp_path / "out"
    assert curate("score", out, corpus) == 0
    before = (out / "scores/data").stat().st_mtime_ns
    assert curate("score", out, corpus, "--carry", "kind_of=doc") == 0
    assert "carried  kind_of of 6 of 8 images" in capsys.readouterr().out
    assert curate("score", out, corpus) == 0  # asks for none: they stay
    assert (out / "scores/data").stat().st_mtime_ns == before
    assert ScoreTable(str(out)).schema.field("kind_of").type == pa.string()
    assert "kind_of" in columns_to_come(Measures(scorers=SCORERS, ocr="none"), str(out))


def test_two_workers_carry_the_same(carried, tmp_path):
    corpus = carried.parent / "corpus"
    assert curate("score", tmp_path / "out", corpus, *CARRY, "--workers", "2", "--backend", "processes") == 0
    assert rows(tmp_path / "out", "carried") == rows(carried, "carried")


def test_a_column_that_no_image_has_is_refused_before_anything_is_scored(tmp_path, capsys):
    corpus = write_corpus(tmp_path / "corpus")
    assert curate("score", tmp_path / "out", corpus, "--carry", "dco") == 1
    assert "carry 'dco' is said of no image: name a column" in capsys.readouterr().err
    assert curate("score", tmp_path / "out", corpus, "--carry", "doc:number") == 1
    assert "carry 'doc' is said of 6 images and never a number: leave :number away" in capsys.readouterr().err
    assert not (tmp_path / "out/scores").exists()


def test_a_column_that_was_refused_is_not_there_afterwards_and_is_looked_up_again(tmp_path, capsys):
    corpus, out = write_corpus(tmp_path / "corpus"), tmp_path / "out"
    assert curate("score", out, corpus, "--carry", "late") == 1
    assert curate("score", out, corpus) == 0
    assert "late" not in ScoreTable(str(out)).schema.names

    write_lines(corpus / "metadata.jsonl", {"file_name": "a.png", "late": "now"})
    assert curate("score", out, corpus, "--carry", "late") == 0
    assert "carried  late of 1 of 8 images" in capsys.readouterr().out


def test_without_columns_a_curation_goes_on_where_a_broken_table_stopped_them(tmp_path, capsys):
    corpus, out = write_corpus(tmp_path / "corpus"), tmp_path / "out"
    (corpus / "deep/metadata.csv").write_bytes(b"file_name,doc\nc.png,\xff\n")
    assert curate("score", out, corpus, "--carry", "doc") == 1
    assert f"{corpus}/deep/metadata.csv cannot be read" in capsys.readouterr().err

    assert curate("score", out, corpus) == 0
    assert "doc" not in ScoreTable(str(out)).schema.names


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (date(2020, 1, 2), "2020-01-02"),
        (Decimal("1.50"), "1.50"),
        (b"caf\xc3\xa9", "café"),
        (2**70, "1180591620717411303424"),
        (math.nan, None),
        ([True, {"day": date(2020, 1, 2)}], '[true,{"day":"2020-01-02"}]'),
        (["half a \ud800"], '["half a ?"]'),
        ("half a \ud800", "half a ?"),
    ],
)
def test_what_is_no_text_is_carried_as_a_reader_would_write_it(said, text):
    assert parse_carried(["any"])[0].value(said) == text


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (["two words"], "carry is 'two words': give FIELD"),
        (["=doc"], "carry is '=doc': give FIELD"),
        (["language:number"], "a curation has a column 'language' of its own; give language_said=language:number"),
        (["clarity"], "a curation has a column 'clarity' of its own"),
        (["class"], "rules take 'class' for a word of their own; give class_said=class"),
        (["max=doc"], "rules take 'max' for a word of their own; give max_said=doc"),
        (["doc", "doc=kind"], "carry names 'doc' twice"),
    ],
)
def test_a_name_that_cannot_be_a_column_is_refused(specs, message):
    with pytest.raises(ValueError, match=message):
        parse_carried(specs, ["clarity"])
