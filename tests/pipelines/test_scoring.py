"""The scoring job: each row gets its scores or its fault, and a scorer that throws or kills costs its picture alone."""

from collections import Counter
from functools import partial

import pytest

from curate.scorers import BUILT_IN, open_scorers
from curate.text import TextDensity
from pipelines.curation.columns import RESERVED, check_scorers
from pipelines.curation.scoretable import SCORES, ScoreTable, part_of
from pipelines.curation.scoring import ScoreJob
from pipelines.runner import run
from tests.pipelines.curation import curate, picture, rows, write_bad, write_good
from tests.pipelines.toy_reading import listed

THROWING = """
import os

import pyarrow as pa


class Throwing:
    schema = pa.schema([pa.field("area", pa.int64(), metadata={"about": "pixels"})])
    version = "1"

    def __call__(self, pictures):
        areas = [picture.header.width_px * picture.header.height_px for picture in pictures]
        if any(picture.header.width_px == 100 for picture in pictures):
            raise RuntimeError("this picture is 100 px wide")
        return pa.RecordBatch.from_pydict({"area": areas}, schema=self.schema)
"""
DEADLY = THROWING.replace('raise RuntimeError("this picture is 100 px wide")', "os.kill(os.getpid(), 9)")


def test_a_scorer_that_throws_is_named_in_the_rows_it_failed_on(tmp_path, capfd):
    source = write_good(tmp_path / "source", 12)
    file = tmp_path / "throwing.py"
    file.write_text(THROWING)
    code = curate("score", tmp_path / "out", source, "--scorers", "sanity", f"{file}:Throwing")
    found = rows(tmp_path / "out")
    [(name, failed)] = [(name, row) for name, row in found.items() if row["status"] != "ok"]

    assert code == 0
    assert name == "0/04.jpeg"
    assert failed["status"] == f"scorer failed: {file}:Throwing"
    assert failed["reason"] == "RuntimeError: this picture is 100 px wide"
    assert failed["area"] is None
    assert failed["width_px"] is None
    assert all(row["area"] == row["width_px"] * row["height_px"] for row in found.values() if row["status"] == "ok")
    assert f"1 scorer failed: {file}:Throwing" in capfd.readouterr().out


def test_a_picture_that_kills_workers_gets_its_row(tmp_path, capfd):
    source = write_good(tmp_path / "source", 12)
    file = tmp_path / "deadly.py"
    file.write_text(DEADLY)
    scorers = ("--scorers", "sanity", f"{file}:Throwing")
    code = curate("score", tmp_path / "out", source, *scorers, "--backend", "processes", "--workers", "1")
    found = rows(tmp_path / "out")
    outcomes = {name: (row["status"], row["reason"]) for name, row in found.items() if row["status"] != "ok"}

    assert code == 0
    assert len(found) == 12
    assert outcomes == {"0/04.jpeg": ("killed its worker", "the worker died on it, twice")}
    assert capfd.readouterr().err.count("its worker was killed by SIGKILL; trying it again") == 2
    assert list((tmp_path / "out/scores/trail").iterdir()) == []


def test_a_picture_that_kills_workers_gets_its_row_in_an_object_store(tmp_path, s3):
    source, out = write_good(tmp_path / "source", 8), f"{s3}/{tmp_path.name}"
    file = tmp_path / "deadly.py"
    file.write_text(DEADLY)
    scorers = ("--scorers", "sanity", f"{file}:Throwing")
    code = curate("score", out, source, *scorers, "--backend", "processes", "--workers", "1")
    outcomes = {
        row["id"]: row["status"] for batch in ScoreTable(out).batches(("id", "status")) for row in batch.to_pylist()
    }

    assert code == 0
    assert outcomes.pop("0/04.jpeg") == "killed its worker"
    assert list(outcomes.values()) == ["ok"] * 7
    assert part_of(out, SCORES).list("trail") == {}


def test_a_shard_with_two_pictures_that_kill_workers_is_made(tmp_path):
    source = write_good(tmp_path / "source", 8)
    file = tmp_path / "deadly.py"
    file.write_text(DEADLY.replace("width_px == 100", "width_px in (98, 100)"))
    scorers = ("--scorers", "sanity", f"{file}:Throwing")
    code = curate("score", tmp_path / "out", source, *scorers, "--backend", "processes", "--workers", "1")
    statuses = {name: row["status"] for name, row in rows(tmp_path / "out").items()}

    assert code == 0
    assert statuses.pop("0/02.webp") == statuses.pop("0/04.jpeg") == "killed its worker"
    assert list(statuses.values()) == ["ok"] * 6


@pytest.mark.parametrize("name", ["id", "offset", "path", "duplicate_of", "ocr_chars", "kind", "weight"])
def test_a_scorer_may_not_take_a_column_that_a_curation_has(tmp_path, name):
    file = tmp_path / "greedy.py"
    file.write_text(THROWING.replace('"area"', f'"{name}"'))

    with pytest.raises(ValueError, match=rf"scorer .*greedy\.py:Throwing: column '{name}' .*: give it another name"):
        check_scorers((f"{file}:Throwing",), with_text=True)


@pytest.mark.parametrize("kind", ["float16()", "list_(pa.float16())", "dictionary(pa.int8(), pa.string())", "date32()"])
def test_a_column_that_datasets_does_not_read_is_refused(tmp_path, kind):
    file = tmp_path / "odd.py"
    file.write_text(THROWING.replace("pa.int64()", f"pa.{kind}"))

    with pytest.raises(ValueError, match=r"scorer .*odd\.py:Throwing: column 'area' is of type .*: use another"):
        check_scorers((f"{file}:Throwing",), with_text=True)


def test_a_scorer_of_text_is_welcome_where_none_is_read(tmp_path):
    file = tmp_path / "reader.py"
    file.write_text(THROWING.replace('"area"', '"ocr_chars"'))
    images = listed(tmp_path / "out", write_good(tmp_path / "source", 1))

    check_scorers((f"{file}:Throwing",), with_text=False)
    job = ScoreJob(images, (f"{file}:Throwing",), str(tmp_path / "scores"))

    assert "ocr_chars" in job.schema.names


def test_built_in_scorers_take_no_reserved_column():
    taken = {column for scorer in open_scorers(BUILT_IN) for column in scorer.schema.names}

    assert not taken & {*RESERVED, *TextDensity.schema.names}
    check_scorers(BUILT_IN, with_text=True)  # and raises nothing


def test_counts_say_what_became_of_each_row(tmp_path):
    source = tmp_path / "source"
    bad = write_bad(source)
    (source / "good.png").write_bytes(picture(0))
    images = listed(tmp_path / "out", source)
    job = ScoreJob(images, ("sanity",), str(tmp_path / "out"))
    counts: Counter[str] = Counter()
    made = [row for shard in range(job.num_shards) for row in job.rows(shard, counts)]

    assert len(made) == sum(job.num_rows(shard) for shard in range(job.num_shards)) == len(bad) + 3
    assert counts["ok"] == 3
    assert counts["fault/too many pixels"] == 2
    assert counts.total() == len(made)


def test_a_corpus_that_goes_while_it_is_scored_fails_its_shard(tmp_path):
    source = write_good(tmp_path / "source", 2)
    rows = ScoreJob(listed(tmp_path / "out", source), ("sanity",), str(tmp_path)).rows(0, Counter())
    first = next(rows)
    source.rename(tmp_path / "elsewhere")
    source.mkdir()  # as where a mount went

    assert first["status"] == "ok"
    with pytest.raises(OSError, match="the folder of the images is gone or empty"):
        next(rows)


def test_a_corpus_that_is_gone_fails_its_shards_and_is_named(tmp_path):
    source = write_good(tmp_path / "source", 2)
    images = listed(tmp_path / "out", source)
    (tmp_path / "source").rename(tmp_path / "elsewhere")

    with pytest.raises(ValueError, match="no such folder or file"):
        run(partial(ScoreJob, images, ("sanity",), str(tmp_path)), 1, str(tmp_path / "scores"), num_workers=0)
