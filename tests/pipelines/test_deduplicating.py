"""Duplicates of a corpus: the first of each is named by those that repeat it, faults are left out."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.curation.deduplicating import find_duplicates, leaders_of, repeats, root_of
from pipelines.curation.scoretable import ScoreTable, images_of
from tests.curate.pictures import blocks, encoded
from tests.pipelines.curation import curate, digests, rows, write_bad, write_good
from tests.pipelines.toy_reading import page, read_text


def scene(seed: int) -> np.ndarray:
    """A smooth random picture: its hash is like no other's."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored corpus with a copy, a smaller copy of another format, and a copy of that."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    for number in range(12):
        (source / f"{number:02d}.png").write_bytes(encoded(scene(number), "PNG"))
    shutil.copy(source / "03.png", source / "copy.png")
    smaller = cv2.resize(scene(5), (200, 150), interpolation=cv2.INTER_AREA)
    (source / "small.jpg").write_bytes(encoded(smaller, "JPEG", quality=80))
    shutil.copy(source / "small.jpg", source / "small_too.jpg")
    write_bad(source / "bad")
    assert curate("score", out, source) == 0
    return out


def test_what_repeats_names_the_first(out):
    found = {name: row for name, row in rows(out, "duplicates").items() if row["duplicate_of"]}

    assert {name: (row["duplicate_of"], row["duplicate_kind"]) for name, row in found.items() if "bad" not in name} == {
        "0/copy.png": ("0/03.png", "exact"),
        "0/small.jpg": ("0/05.png", "near"),
        "0/small_too.jpg": ("0/05.png", "near"),  # by way of small.jpg
    }


def test_a_larger_copy_that_is_smeared_does_not_drive_out_the_sharp_original(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        sharp = blocks(number, 640, 480)
        (source / f"{number}.png").write_bytes(encoded(sharp, "PNG"))
        larger = cv2.resize(sharp, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        (source / f"{number}_larger.png").write_bytes(encoded(cv2.GaussianBlur(larger, (0, 0), 4), "PNG"))
    out = tmp_path / "out"
    assert curate("score", out, source, "--scorers", "fingerprint", "sanity", "sharpness") == 0
    found = {name: row["duplicate_of"] for name, row in rows(out, "duplicates").items()}

    assert found == {f"0/{n}.png": None for n in range(3)} | {f"0/{n}_larger.png": f"0/{n}.png" for n in range(3)}


def test_a_thumbnail_does_not_drive_out_the_soft_original(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    soft = cv2.GaussianBlur(blocks(1, 960, 640), (0, 0), 3)
    (source / "soft.png").write_bytes(encoded(soft, "PNG"))
    thumbnail = cv2.resize(soft, (240, 160), interpolation=cv2.INTER_AREA)
    (source / "thumbnail.png").write_bytes(encoded(thumbnail, "PNG"))
    assert curate("score", tmp_path / "out", source, "--scorers", "fingerprint", "sanity", "sharpness") == 0
    found = {name: row["duplicate_of"] for name, row in rows(tmp_path / "out", "duplicates").items()}

    assert found == {"0/soft.png": None, "0/thumbnail.png": "0/soft.png"}


def test_every_row_is_there_and_joins_the_scores(out):
    table = ScoreTable(str(out))
    joined = [row for batch in table.batches(("id", "duplicate_of", "sha256")) for row in batch.to_pylist()]

    assert [row["id"] for row in joined] == list(rows(out, "duplicates")) == list(rows(out))
    assert not any(row["duplicate_of"] for row in joined if row["sha256"] is None)


def test_duplicates_are_not_kept(out, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("all:\n  rules:\n    - {column: width_px, at_least: 1}\n")
    code = curate("select", out, None, "--rules", str(rules))
    packed = curate("pack", out, None)
    card = (out / "packed/all/README.md").read_text()

    assert (code, packed) == (0, 0)
    assert "duplicate (exact) | 2" in card
    assert "duplicate (near) | 2" in card


def test_without_fingerprints_nothing_is_looked_for(tmp_path):
    source = write_good(tmp_path / "source", 2)
    code = curate("score", tmp_path / "out", source, "--scorers", "sanity")

    assert code == 0
    assert "duplicate_of" not in ScoreTable(str(tmp_path / "out")).schema.names


def test_pages_of_the_same_words_repeat_the_first():
    words = " ".join(f"word{number} of page" for number in range(80))
    texts = pa.table({"layer": pa.nulls(4, pa.string()), "text": [words, None, "something else", f"{words} and more"]})
    rows = pa.table({"sha256": ["a", "b", "c", "d"]})
    prints = {"phash": pa.array([None] * 4, pa.uint64()), "phash_fine": pa.array([None] * 4, pa.binary(32))}
    for name, values in prints.items():
        rows = rows.append_column(name, values)
    found = dict(leaders_of(rows, texts, np.arange(4)))

    assert found["text"].tolist() == [0, 1, 2, 0]
    assert found["exact"].tolist() == found["near"].tolist() == [0, 1, 2, 3]


def test_pages_of_one_look_whose_own_words_are_others_repeat_none():
    first, second = (" ".join(f"{word}{number} of page" for number in range(80)) for word in ("bread", "wine"))
    layers = [first, second, f"{first} and more", None, "short"]
    texts = pa.table({"layer": layers, "text": layers})
    rows = pa.table({"sha256": list("abcde"), "phash": pa.array([1] * 5, pa.uint64()), "phash_fine": [b"1" * 32] * 5})
    rows = rows.set_column(2, "phash_fine", rows.column("phash_fine").cast(pa.binary(32)))
    found = dict(leaders_of(rows, texts, np.arange(5)))

    assert found["near"].tolist() == [0, 1, 0, 0, 0]


def test_text_that_is_read_later_replaces_the_duplicates(tmp_path):
    source, out = write_good(tmp_path / "source", 3), tmp_path / "out"
    (source / "white.png").write_bytes(page(reddish=False))
    curate("score", out, source)
    find_duplicates(str(out))
    before = digests(out / "duplicates")
    (out / "duplicates/data/000009.parquet").write_bytes(b"of an older list")
    read_text(out, images_of(str(out)))
    find_duplicates(str(out))
    after = digests(out / "duplicates")

    assert after["job.json"] != before["job.json"]
    assert after.keys() == before.keys()
    assert len(rows(out, "duplicates")) == 4


def test_the_chain_ends_at_what_repeats_nothing():
    found = {5: (3, "exact"), 3: (2, "near"), 2: (7, "exact"), 8: (7, "text")}

    assert root_of(found, 5) == root_of(found, 3) == (7, "near")
    assert root_of(found, 2) == (7, "exact")


class Scored:
    """A score table of three rows, in two batches."""

    def __init__(self, **columns: list[object]) -> None:
        self._table = pa.table(columns)
        self.schema = self._table.schema

    def batches(self, columns):
        yield from self._table.select(columns).to_batches(max_chunksize=2)

    def take(self, numbers, columns):
        return [(number, self._table.select(columns).to_pylist()[number]) for number in set(numbers)]


def test_a_row_with_a_fault_stands_for_no_other():
    prints = {"sha256": ["a", "a", "a"], "phash": pa.array([1] * 3, pa.uint64())}
    prints["phash_fine"] = pa.array([bytes(32)] * 3, pa.binary(32))
    words = " ".join(f"word{number} of page" for number in range(80))
    status = ["text failed", "ok", "ok"]
    table = Scored(id=["x", "y", "z"], status=status, width_px=[9, 8, 7], height_px=[9, 8, 7], **prints)
    other = prints | {"sha256": ["a", "b", "c"], "phash": pa.array([None] * 3, pa.uint64())}
    other["phash_fine"] = pa.array([None] * 3, pa.binary(32))
    texts = Scored(
        id=["x", "y", "z"], status=status, ocr_text=[words, words, None], layer_text=[None, None, words], **other
    )

    assert repeats(table) == {2: ("y", "exact")}
    assert repeats(texts) == {2: ("y", "text")}
