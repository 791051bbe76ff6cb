"""Names and texts of training data that others made."""

from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, Image, Value

from pipelines.benchmark.trained import Seen, records
from pipelines.shards.files import write_shard
from pipelines.shards.folder import Folder
from tests.curate.pictures import blocks, encoded
from tests.pipelines.benched import Training
from tests.pipelines.corpus_files import pdf

PHOTO = encoded(blocks(3, 20, 30), "PNG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photo, a PDF of two pages, and two Parquet files: one with images, one with text alone."""
    folder = tmp_path / "corpus"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/photo.png").write_bytes(PHOTO)
    (folder / "report.pdf").write_bytes(pdf("First page", "Second page"))
    features = Features({"image": Image(), "caption": Value("string"), "count": Value("int64")})
    rows = {"image": [{"bytes": PHOTO, "path": "scans/book_7.jpg"}, None], "caption": ["A book", None], "count": [1, 2]}
    Dataset.from_dict(rows, features).to_parquet(str(folder / "images.parquet"))
    Dataset.from_dict({"line": ["one", "two"], "source": ["", "b.pdf"]}).to_parquet(str(folder / "deep/text.parquet"))
    return folder


def test_names_and_texts_of_a_mixed_folder(folder: Path):
    found = list(records(str(folder)))
    names, texts = {one.name for one in found}, "\n".join(one.text for one in found)

    assert names == {"deep/photo.png", "report.pdf#page=1", "report.pdf#page=2", "scans/book_7.jpg", "b.pdf", ""}
    for part in ("First page", "Second page", "A book", "one", "two"):
        assert part in texts
    assert [bool(one.text) for one in found if one.file] == [False, True]  # the photo, and the row with its copy
    assert {one.file for one in found} == {"", sha256(PHOTO).hexdigest()}


def test_one_parquet_file_is_a_dataset_too(folder: Path):
    assert Seen(text="one") in list(records(str(folder / "deep/text.parquet")))


def test_of_binary_columns_the_one_that_begins_with_an_image_is_hashed(tmp_path: Path):
    table = pa.table({"embedding": [b"\0\1\2"], "scan": [PHOTO]})
    pq.write_table(table, tmp_path / "a.parquet")

    assert [one.file for one in records(str(tmp_path))][-1] == sha256(PHOTO).hexdigest()


def test_what_cannot_be_read_is_not_passed_over(folder: Path):
    damaged = folder / "images.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-9])

    with pytest.raises(ValueError, match=r"images.parquet cannot be read .*: mend it or take it away"):
        list(records(str(folder)))


def test_nothing_to_compare_with_is_an_error(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("x")

    with pytest.raises(ValueError, match="holds no image, tar, PDF or row of Parquet"):
        list(records(str(tmp_path)))


def test_a_mix_is_a_training_dataset_of_several_parts(tmp_path: Path):
    for part in ("train/text", "test/text"):
        write_shard(Folder(str(tmp_path / part)), 0, Training([("c/book.pdf#page=3", "words")]), {})
    (tmp_path / "README.md").write_text("card")

    assert list(records(str(tmp_path))) == [Seen("c/book.pdf#page=3", "words")] * 2
