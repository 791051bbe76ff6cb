"""What the rendering job is given and what it gives: bad photos, bad fonts, and the folder as a dataset."""

import json
import shutil
from pathlib import Path

import matplotlib
import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
from datasets import Image, List, Value, load_dataset
from datasets.exceptions import DataFilesNotFoundError

from pipelines.shards.record import RECORD_SCHEMA
from tests.pipelines.small_job import NUM_IMAGES, SHARD_ROWS, SmallJob, shards

DEJAVU = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
WITHOUT_PHOTOS = ("--grounds", "paper=1", "--num-images", "4", "--languages", "en=1")


@pytest.fixture(scope="module")
def odd_job(small_job, tmp_path_factory) -> SmallJob:
    """The small job on two good photos, one of 100 megapixels and one of no byte."""
    folder = tmp_path_factory.mktemp("odd")
    photos = folder / "photos"
    photos.mkdir()
    for name in ("coffee.png", "rocket.jpg"):
        shutil.copy(small_job.photos / name, photos)
    PIL.Image.new("1", (10_000, 10_000)).save(photos / "huge.png")
    (photos / "nothing.jpg").touch()
    return SmallJob(photos=photos, index=folder / "index")


def test_bad_photos_are_left_out_and_named_in_the_index(tmp_path, odd_job):
    code = odd_job.make(tmp_path)
    rows = [row for path in sorted(odd_job.index.glob("data/*")) for row in pq.read_table(path).to_pylist()]
    verdicts = {row["name"]: (row["verdict"], row["cause"]) for row in rows}
    summary = json.loads((tmp_path / "summary.json").read_text())

    assert code == 0
    assert summary["images"] == NUM_IMAGES
    assert summary["photos"] == {"ok": 2, "unreadable": 2}
    assert verdicts["huge.png"] == ("unreadable", "100000000 pixels: over the 64000000 allowed")
    assert verdicts["nothing.jpg"] == ("unreadable", "zero bytes")


def test_a_photo_spoilt_after_indexing_is_replaced_and_named(tmp_path, odd_job, capfd):
    photo = odd_job.photos / "rocket.jpg"
    data = photo.read_bytes()
    odd_job.make(tmp_path / "before", "--num-images", "4")
    photo.write_bytes(data[: len(data) // 2])
    try:
        code = odd_job.make(tmp_path / "out")
    finally:
        photo.write_bytes(data)
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    [(fault, times)] = summary["fault"].items()

    assert code == 0
    assert fault == "photo rocket.jpg: changed since it was indexed"
    assert times > 0
    assert summary["images"] == NUM_IMAGES
    assert fault in capfd.readouterr().out


def test_a_corpus_without_photos_is_refused(tmp_path, capfd):
    photos = tmp_path / "photos"
    photos.mkdir()
    empty = SmallJob(photos=photos, index=tmp_path / "index")
    codes = [empty.make(tmp_path / "out")]
    (photos / "notes.txt").write_text("none")
    codes.append(empty.make(tmp_path / "out"))
    said = capfd.readouterr().err

    assert codes == [1, 1]
    assert f"{photos} hold no image (it is empty): give images, or folders" in said
    assert f"{photos} hold no image (1 skipped (.txt)): " in said
    assert shards(tmp_path / "out") == {}


def test_a_font_that_freetype_rejects_is_left_out_and_named(tmp_path, small_job, capfd):
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    shutil.copy(DEJAVU, fonts)
    (fonts / "broken.ttf").write_bytes(DEJAVU.read_bytes()[:1000])
    code = small_job.make(tmp_path / "out", "--fonts", str(fonts), *WITHOUT_PHOTOS)
    summary = json.loads((tmp_path / "out/summary.json").read_text())

    assert code == 0
    assert summary["images"] == 4
    assert [name.split(":")[0] for name in summary["fault"]] == [f"font {fonts}/broken.ttf"]
    assert f"1 x font {fonts}/broken.ttf: " in capfd.readouterr().out


def test_no_font_left_is_refused(tmp_path, small_job, capfd):
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"\0\1\0\0" + b"no font" * 100)
    code = small_job.make(tmp_path / "out", "--fonts", str(broken), *WITHOUT_PHOTOS)

    assert code == 1
    assert "no usable face (1 rejected: broken.ttf: " in capfd.readouterr().err


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("moment", ["midway", "whole"])
def test_the_folder_is_a_dataset_while_it_grows(tmp_path, request, moment, streaming):
    folder: Path = request.getfixturevalue(moment)
    pages = load_dataset(str(folder), split="train", streaming=streaming, cache_dir=str(tmp_path))
    rows = list(pages)
    line = pages.features["lines"].feature

    assert len(rows) == SHARD_ROWS * len(list(folder.glob("data/*.parquet")))
    assert isinstance(pages.features["image"], Image)
    assert np.asarray(rows[0]["image"]).shape == (128, 128, 3)
    assert {name: line[name].dtype for name in ("text", "size_px")} == {
        "text": "string",
        "size_px": "float32",
    }
    assert line["quad_px"] == List(List(Value("float32"), length=2), length=4)
    assert rows[0]["text"] == "\n".join(row["text"] for row in rows[0]["lines"])


def test_before_the_first_shard_no_file_would_make_it_a_dataset(tmp_path, whole):
    """What the card says of that moment: `datasets` loads no split without rows, whatever lies there."""
    shutil.copytree(whole, tmp_path / "begun", ignore=shutil.ignore_patterns("*.parquet"))
    (tmp_path / "begun/data").mkdir(exist_ok=True)
    pq.ParquetWriter(tmp_path / "begun/data/000000.parquet", RECORD_SCHEMA).close()

    with pytest.raises(ValueError, match="no data"):
        load_dataset(str(tmp_path / "begun"), split="train", cache_dir=str(tmp_path))


def test_sidecars_are_never_taken_for_rows(tmp_path, whole):
    shutil.copytree(whole, tmp_path / "begun", ignore=shutil.ignore_patterns("*.parquet"))

    with pytest.raises(DataFilesNotFoundError):
        load_dataset(str(tmp_path / "begun"), cache_dir=str(tmp_path))
