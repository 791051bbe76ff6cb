"""The benchmark builder as a user runs it: same bytes from every backend, resumed, struck, free of training data."""

import json
import re
import shutil
import socket
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from curate.benchchoice import STRUCK
from curate.ngrams import grams
from pipelines.benchmark import making
from pipelines.benchmark.leakage import SAME_DOCUMENT, SAME_FILE, SAME_TEXT
from pipelines.benchmark.pages import document_of
from pipelines.benchmark.settings import parse_build
from pipelines.shards.codec import decode
from pipelines.shards.files import write_shard
from pipelines.shards.folder import Folder
from tests.digests import digests
from tests.pipelines.benched import (
    BOOK,
    NEWS,
    NUM_PARTS,
    Training,
    build,
    candidates,
    flags,
    make_corpus,
    samples,
    summary,
)
from tests.pipelines.mixed import pack

pytest.importorskip("rapidocr")


@pytest.fixture(scope="module")
def corpus(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the benchmark is built from; not to be changed."""
    return make_corpus(data / "omnidocbench-demo", tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def built(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The benchmark of the corpus; not to be changed."""
    out = tmp_path_factory.mktemp("built") / "out"
    assert build(corpus, out) == 0
    return out


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return shutil.copytree(built, tmp_path / "out")


def test_samples_are_what_the_benchmark_asks(built: Path):
    found = samples(built)

    assert {(row["category"], row["language"]) for row in found} >= {("newspaper", "en"), ("book", "zh")}
    for row in found:
        low = 300 if row["language"] == "en" else 200
        assert decode(row["image"]["bytes"]).shape == (256, 256, 3)
        assert low <= row["num_chars"] == len("".join(row["text"].split())) <= 600
        assert row["ocr_text"].replace(" ", "") == "".join(row["text"].split()) or len(row["lines"]) > 1
        assert row["char_px"] * 256 / row["side_px"] == pytest.approx(10 if row["language"] == "en" else 16, rel=0.01)
        assert row["document"] in row["source"]


def test_it_is_a_dataset_and_a_folder_of_the_same_images(built: Path):
    loaded = load_dataset(str(built), split="test")

    assert [row["id"] for row in loaded] == [row["id"] for row in samples(built)]
    assert loaded[0]["image"].size == (256, 256)
    assert {path.name: path.read_bytes() for path in (built / "bench").iterdir()} == {
        f"{row['id']}.png": row["image"]["bytes"] for row in samples(built)
    }


def test_faults_are_named_and_counted_beside_the_good_pages(built: Path, corpus: Path):
    told = summary(built)
    odd = {row["page"]: row for row in candidates(built)}

    assert told["pages"] == 12
    assert {name.partition("/")[2]: reason for name, reason in told["page faults"].items()} == {
        "cut.jpg": "truncated",
        "text.jpg": "not an image",
        "gone.jpg": "its image is not there",
        "page 8": "annotation: image_path is '../annotations.json': need a name inside the folder of images",
        "page 9": "annotation: page_info is None: need a dict",
    }
    assert told["blocks left out"] == {
        "block lies outside the page": NUM_PARTS[NEWS],
        "part is no object": 1,
        "poly is not eight finite numbers": 1,
    }
    assert "0/outside.jpg" not in odd
    assert json.loads((built / "measured/listing.json").read_text())["skipped/images without annotations"] == 1


def test_every_crop_has_a_reason_or_is_a_sample(built: Path):
    found, told = candidates(built), summary(built)

    assert Counter(row["reason"] for row in found if row["reason"]) == told["rejects"]
    assert [row["id"] for row in found if not row["reason"]] == [row["id"] for row in samples(built)]
    assert len({row["id"] for row in found}) == len(found) == told["crops"] >= sum(NUM_PARTS.values()) - 2
    assert sum(told["samples by language"].values()) == told["samples"] == len(samples(built))


def test_any_workers_write_the_same_bytes(backend: str, built: Path, corpus: Path, tmp_path: Path):
    more = ["--workers", "2", "--backend", backend]

    assert making.make(parse_build(flags(corpus, tmp_path / "out", *more))) == 0
    assert digests(tmp_path / "out") == digests(built)


def test_the_same_command_resumes(copy: Path, built: Path, corpus: Path):
    kept = copy / "measured/data/000000.parquet"
    written = kept.stat().st_mtime_ns
    for name in ("measured/data/000001.parquet", "measured/manifest/000001.json", "manifest/000000.json"):
        (copy / name).unlink()
    next((copy / "bench").iterdir()).unlink()
    (copy / "summary.json").unlink()

    assert build(corpus, copy) == 0
    assert digests(copy) == digests(built)
    assert kept.stat().st_mtime_ns == written


def test_what_is_cut_short_is_made_again(copy: Path, built: Path, corpus: Path, capsys: pytest.CaptureFixture[str]):
    (copy / f".summary.json~{socket.gethostname()}~00000000.tmp").write_bytes(b"of a run that was killed")
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        if path.relative_to(copy) != Path("measured/job.json"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert build(corpus, copy) == 0
    told = capsys.readouterr().err
    assert f"{copy}/job.json is damaged: the samples are written again" in told
    assert f"{copy}/measured/entries.parquet is damaged: the pages are listed again" in told
    assert digests(copy) == digests(built)


def test_pages_of_another_list_are_read_again(
    copy: Path, built: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
):
    listed = pq.read_table(copy / "measured/entries.parquet")
    pq.write_table(listed.slice(0, len(listed) - 1), copy / "measured/entries.parquet")  # as if a page had come since
    (copy / "measured/listing.json").write_text("{")

    assert build(corpus, copy) == 0
    assert "listing.json is damaged" in capsys.readouterr().err
    assert digests(copy) == digests(built)

    (copy / "measured/job.json").write_text("{")
    assert build(corpus, copy) == 1
    assert "measured/job.json is not JSON" in capsys.readouterr().err


def test_strikes_leave_samples_out_and_are_replayed(copy: Path, built: Path, corpus: Path, tmp_path: Path, capsys):
    names = [row["id"] for row in samples(built)]
    strikes = tmp_path / "strikes.json"
    strikes.write_text(json.dumps({"strikes": [names[1], "book_en_nothing"]}))
    measured = {path: path.stat().st_mtime_ns for path in (copy / "measured/data").iterdir()}

    assert build(corpus, copy, "--strikes", str(strikes)) == 0
    first = digests(copy)
    assert [row["id"] for row in samples(copy)] == [names[0], *names[2:]]
    assert [row["id"] for row in candidates(copy) if row["reason"] == STRUCK] == [names[1]]
    assert summary(copy)["strikes that name no sample"] == ["book_en_nothing"]
    assert not (copy / f"bench/{names[1]}.png").exists()
    assert {path: path.stat().st_mtime_ns for path in measured} == measured  # no page was read again
    assert build(corpus, copy, "--strikes", str(strikes)) == 0
    assert digests(copy) == first
    assert build(corpus, copy) == 0
    assert digests(copy) == digests(built)


def test_the_review_page_shows_every_sample_and_marks_what_was_struck(copy: Path, built: Path, corpus: Path, tmp_path):
    names = {row["id"] for row in samples(built)}
    strikes = tmp_path / "strikes.json"
    strikes.write_text(json.dumps({"strikes": sorted(names)[:1]}))

    assert build(corpus, copy, "--strikes", str(strikes)) == 0
    page, before = (copy / "review.html").read_text(), (built / "review.html").read_text()

    for text in (page, before):
        assert all(text.count(f'value="{name}"') == 1 for name in names)
        assert not re.search(r'(src|href)="(?!data:)', text)
    assert page.count(" checked>") == 1
    assert before.count(" checked>") == 0


def test_a_benchmark_without_a_sample_is_an_error_that_tells_why(copy: Path, corpus: Path, tmp_path: Path, capsys):
    documents = {row["document"] for row in candidates(copy)}  # of pages of one, or a page by itself
    everything = [(f"pages/{name}{end}", "") for name in documents for end in ("", "_31.jpg")]
    write_shard(Folder(str(tmp_path / "train")), 0, Training(everything), {})

    assert build(corpus, copy, "--exclude", str(tmp_path / "train")) == 1
    assert "no sample is left:" in capsys.readouterr().err


def test_nothing_of_a_training_dataset_is_in_the_benchmark(copy: Path, built: Path, corpus: Path, tmp_path: Path):
    whole = samples(built)
    book = next(row for row in whole if row["category"] == "book")
    news = [row for row in whole if row["category"] == "newspaper"]
    long = "无关的文字" * 300 + news[0]["text"].replace("\n", " ")  # most of it is Chinese, and hides English text
    training = [(f"pages/{book['document']}_31.jpg", ""), ("elsewhere/x.jpg", long), ("", "")]
    write_shard(Folder(str(tmp_path / "train")), 0, Training(training), {})

    assert build(corpus, copy, "--exclude", str(tmp_path / "train")) == 0
    left = samples(copy)
    reasons = {row["id"]: row["reason"] for row in candidates(copy)}

    assert left
    assert {document_of(row["source"]).rpartition("/")[2] for row in left}.isdisjoint(
        {document_of(source).rpartition("/")[2] for source, _ in training}
    )
    seen = set(grams(news[0]["text"]).tolist())
    for row in left:
        found = set(grams(row["text"]).tolist())
        assert len(found & seen) <= 0.3 * len(found)
    assert reasons[book["id"]] == SAME_DOCUMENT
    assert reasons[news[0]["id"]] == SAME_TEXT


@pytest.mark.parametrize(("name", "reason"), [(BOOK, SAME_DOCUMENT), ("renamed.jpg", SAME_FILE)])
def test_a_folder_of_images_is_a_training_dataset_too(
    copy: Path, built: Path, corpus: Path, tmp_path: Path, capsys, name: str, reason: str
):
    (tmp_path / "seen").mkdir()
    data = (corpus / "images" / BOOK).read_bytes()
    (tmp_path / "seen" / name).write_bytes(data if reason == SAME_FILE else data[:-1])
    assert build(corpus, copy, "--exclude", str(tmp_path / "seen")) == 0
    before, left = ({row["category"] for row in samples(out)} for out in (built, copy))

    assert before - left == {"book"}
    assert reason in {row["reason"] for row in candidates(copy) if row["category"] == "book"}
    assert "1 records without text are known by file and name alone" in capsys.readouterr().err


def test_a_packed_selection_is_known_by_its_files_whatever_their_names(copy: Path, corpus: Path, tmp_path: Path):
    (tmp_path / "scans").mkdir()
    shutil.copyfile(corpus / "images" / BOOK, tmp_path / "scans/scan_001.jpg")
    packed = pack(tmp_path / "scans", "text", tmp_path / "curated")

    assert build(corpus, copy, "--exclude", str(packed)) == 0
    assert SAME_FILE in {row["reason"] for row in candidates(copy) if row["category"] == "book"}


def test_a_dry_run_writes_nothing(corpus: Path, tmp_path: Path, capsys):
    assert build(corpus, tmp_path / "out", "--dry-run") == 0
    assert "would read 12 pages" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(corpus: Path, tmp_path: Path, capsys):
    (tmp_path / "job.json").write_text('{"identity": {"recipe": "f16"}, "versions": {}}')

    assert build(corpus, tmp_path) == 1
    assert "another kind of dataset" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


def test_other_pages_or_another_filter_need_another_folder(copy: Path, corpus: Path, capsys):
    assert build(corpus, copy, "--chars-en", "250", "600") == 1
    assert "chars_en" in capsys.readouterr().err
