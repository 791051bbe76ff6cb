"""Duplicates of a corpus: the first of each is named by those that repeat it, faults are left out."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.deduplicating import leaders_of
from pipelines.scoretable import ScoreTable
from tests.curate.pictures import encoded
from tests.pipelines.curation import curate, rows, write_bad, write_good


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
        "0/small_too.jpg": ("0/small.jpg", "exact"),
    }


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

    assert (code, packed) == (0, 0)
    assert "duplicate (exact) | 3" in (out / "packed/all/README.md").read_text()


def test_without_fingerprints_nothing_is_looked_for(tmp_path):
    source = write_good(tmp_path / "source", 2)
    code = curate("score", tmp_path / "out", source, "--scorers", "sanity")

    assert code == 0
    assert "duplicate_of" not in ScoreTable(str(tmp_path / "out")).schema.names


def test_pages_of_the_same_words_repeat_the_first():
    words = " ".join(f"word{number} of page" for number in range(80))
    texts = pa.chunked_array([[words, None], ["something else", f"{words} and a little more"]])
    rows = pa.table({"sha256": ["a", "b", "c", "d"], "ocr_text": texts})
    prints = {"phash": pa.array([None] * 4, pa.uint64()), "phash_fine": pa.array([None] * 4, pa.binary(32))}
    for name, values in prints.items():
        rows = rows.append_column(name, values)
    found = dict(leaders_of(rows, np.arange(4)))

    assert found["text"].tolist() == [0, 1, 2, 0]
    assert found["exact"].tolist() == found["near"].tolist() == [0, 1, 2, 3]
