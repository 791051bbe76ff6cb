"""The scoring jobs by themselves: faults stay with the picture that has them, text follows the scores row by row."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from curate.picture import Limits
from curate.scorers import BUILT_IN, Scorer
from curate.text import TextDensity
from pipelines.corpora.archives import Entry
from pipelines.corpora.listing import write_entries
from pipelines.corpora.pdfs import DEFAULT_PAGES
from pipelines.corpora.sources import open_source
from pipelines.curation.scoretable import LIST, SCORES, TEXT, ScoreTable, images_of, part_of
from pipelines.curation.scoring import Images, Reading, Scored, ScoreJob, TextJob, check_scorers
from pipelines.runner import run
from pipelines.shards.identity import claim_folder
from tests.curate.pictures import encoded
from tests.pipelines.corpus_files import pdf
from tests.pipelines.curation import curate, digests, picture, rows, write_bad, write_good

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


def page(reddish: bool) -> bytes:
    """A picture of written lines, on white or on a reddish ground."""
    pixels = np.full((240, 320, 3), 255, np.uint8)
    pixels[..., 1:] -= np.uint8(80 * reddish)
    for y in range(30, 240, 30):
        cv2.putText(pixels, "many small words here", (8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
    return encoded(pixels, "PNG")


DEADLY = THROWING.replace('raise RuntimeError("this picture is 100 px wide")', "os.kill(os.getpid(), 9)")


class ToyEngine:
    """Reads one word wherever it looks; throws on reddish pictures."""

    version = "toy 1"

    def detect(self, rgb: Any) -> Any:
        if rgb[..., 0].mean() > rgb[..., 2].mean() + 40:
            raise RuntimeError("the engine broke")
        return np.array([[[4, 4], [90, 4], [90, 20], [4, 20]]], np.float32)

    def recognise(self, lines: Sequence[Any]) -> list[tuple[str, float]]:
        return [("word", 0.9) for _ in lines]

    def read(self, rgb: Any) -> list[Any]:
        return [(quad, "word", 0.9) for quad in self.detect(rgb)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyReading(Reading):
    """Reads with the toy engine."""

    def scorer(self, device: str = "") -> Scorer:
        return TextDensity(ToyEngine())


TOY = ToyReading(engine="toy", models="", device="cpu", text="full")


def listed(out: Path, source: Path) -> Images:
    """The images of a source, listed as the `score` command lists them."""
    folder = part_of(str(out), LIST)
    identity = {"sources": [str(source)], "licence": "CC0-1.0", "dpi": 150.0, "limits": asdict(Limits())}
    claim_folder(folder, identity)
    write_entries(folder, [open_source(str(source), "CC0-1.0")])
    return Images(list_url=folder.url, urls=(str(source),), limits=Limits(), pages=DEFAULT_PAGES)


def read_text(out: Path, images: Images, backend: str = "inline") -> None:
    """Run the text job with the toy engine over finished scores, on a pool of two."""
    scores, text = part_of(str(out), SCORES), part_of(str(out), TEXT)
    claim_folder(text, {"engine": "toy"})
    make_job = partial(TextJob, images, scores.url, text.url, TOY)
    num_shards = ScoreJob(images, ("sanity",), scores.url).num_shards
    run(make_job, num_shards, text.url, num_workers=2, backend=backend, actors=True)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad images, scored and read; not to be changed."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    write_good(source / "good", 12)
    write_bad(source / "bad")
    (source / "good/white.png").write_bytes(page(reddish=False))
    (source / "good/red.png").write_bytes(page(reddish=True))
    assert curate("score", out, source) == 0
    read_text(out, images_of(str(out)))
    return out


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
    check_scorers(BUILT_IN, with_text=True)


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


@pytest.mark.parametrize("backend", ["processes", "ray"])
def test_a_pool_of_readers_makes_the_same_bytes(tmp_path, read, backend, request):
    if backend == "ray":
        request.getfixturevalue("ray_cluster")
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in (LIST, SCORES):
        (copy / part).symlink_to(read / part)
    read_text(copy, images_of(str(read)), backend)

    assert digests(copy / "text") == digests(read / "text")


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


def test_an_engine_that_is_not_there_says_what_to_install(tmp_path, capfd):
    source = write_good(tmp_path / "source", 2)
    code = curate("score", tmp_path / "out", source, "--ocr", "paddleocr", "--ocr-models", str(tmp_path / "no"))

    assert code == 1
    assert re.search(f"paddleocr is not installed: pip install|{tmp_path}/no", capfd.readouterr().err)


def test_the_place_of_a_row_leads_back_to_its_image(read):
    table = ScoreTable(str(read))
    numbers = {row["id"]: number for number, row in table.take(range(table.num_rows), ("id",))}

    assert table.num_rows == len(rows(read))
    assert table.image(numbers["0/good/00.png"]) == picture(0)
    assert table.image(numbers["0/bad/short.tar/a.png"]) == picture(2)


def test_columns_are_joined_and_described(read):
    table = ScoreTable(str(read))
    batches = list(table.batches(("ocr_chars", "id", "entropy_bits")))

    assert table.schema.field("entropy_bits").metadata[b"about"]
    assert [batch.schema.names for batch in batches] == [["ocr_chars", "id", "entropy_bits"]] * table.num_shards
    assert sum(len(batch) for batch in batches) == table.num_rows
    with pytest.raises(ValueError, match="has no column nothing; it has id, "):
        list(table.batches(("nothing",)))


def test_sources_that_end_alike_are_told_apart(tmp_path):
    sources = [write_good(tmp_path / name / "photos", 1) for name in ("a", "b")]
    curate("score", tmp_path / "out", sources[0], "--source", *map(str, [*sources, sources[0]]))
    table = ScoreTable(str(tmp_path / "out"))
    [batch] = table.batches(["path"])
    paths = batch.column("path").to_pylist()

    assert paths == ["photos/00.png", "photos-2/00.png", "photos/00.png"]
    assert [table.source_name(row) for _, row in table.take([0, 1, 2], ["source", "name"])] == paths


def test_unfinished_scores_are_refused(tmp_path, read):
    images = images_of(str(read))
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in (LIST, SCORES):
        (copy / part).symlink_to(read / part)
    claim_folder(part_of(str(copy), TEXT), {"engine": "toy"})
    run(partial(TextJob, images, str(read / SCORES), str(copy / TEXT), TOY), 1, str(copy / TEXT), num_workers=0)

    with pytest.raises(ValueError, match=r"copy/text has 8 of \d+ rows: give the same `curate.py score` again"):
        ScoreTable(str(copy))
    with pytest.raises(ValueError, match="holds no curation"):
        ScoreTable(str(tmp_path / "nothing"))


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
