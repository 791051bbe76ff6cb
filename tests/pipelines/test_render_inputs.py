"""What the rendering job is given and what it gives: bad photos, bad fonts, and the folder as a dataset."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
from datasets import Image, List, Value, load_dataset
from datasets.exceptions import DataFilesNotFoundError

from pipelines.photos import in_split
from pipelines.shards.record import RECORD_SCHEMA
from tests.curate.pictures import blocks, encoded
from tests.pipelines.corpus_files import image_parquet, write
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
    assert fault == "photo photos/rocket.jpg: changed since it was indexed"
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
    assert f"no image in {photos} (it is empty): give images, or folders" in said
    assert f"no image in {photos} (1 skipped (.txt)): " in said
    assert shards(tmp_path / "out") == {}


def test_a_text_that_cannot_be_used_and_a_language_without_texts_are_told(tmp_path, small_job, capfd):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "english.txt").write_text("A plain sentence of some length stands here for all the others. " * 40)
    (corpus / "chinese.txt").write_bytes("这是一个编码不对的文件。".encode("gbk") * 40)
    flags = ("--corpus", str(corpus), "--grounds", "paper=1", "--num-images", "4")
    code = small_job.make(tmp_path / "out", *flags)
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    said = capfd.readouterr().out

    assert code == 0
    assert [name.split(":")[0] for name in summary["fault"]] == [f"text {corpus}/chinese.txt"]
    assert summary["texts"] == {"en": "corpus", "zh": "made up"}
    assert "texts       en corpus, zh made up" in said
    assert f"1 x text {corpus}/chinese.txt: " in said

    small_job.make(tmp_path / "planned", *flags, "--dry-run")
    said = capfd.readouterr().out
    assert "texts     en corpus, zh made up" in said
    assert f"not used: {corpus}/chinese.txt: " in said


def test_a_folder_of_something_else_is_refused_before_photos_are_indexed_there(tmp_path, small_job, capfd):
    (tmp_path / "scores").mkdir()
    (tmp_path / "report.html").write_text("a curation's")
    (tmp_path / "recipe.yaml").write_text("a recipe may lie there")

    assert small_job.make(tmp_path) == 1
    assert f"{tmp_path} holds other things (report.html, scores) and no job of this kind: name another folder" in (
        capfd.readouterr().err
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.yaml", "report.html", "scores"]


def test_a_preview_leaves_a_dataset_s_contact_sheet_alone(tmp_path, small_job, capfd):
    small_job.make(tmp_path, *WITHOUT_PHOTOS)
    sheet = (tmp_path / "preview.png").read_bytes()

    assert small_job.make(tmp_path, *WITHOUT_PHOTOS, "--preview", "2", "--seed", "99") == 1
    assert "holds a dataset, whose preview.png this would replace: give another --out" in capfd.readouterr().err
    assert (tmp_path / "preview.png").read_bytes() == sheet


def test_pages_of_several_shapes_take_each_photo_that_is_large_enough(tmp_path, capfd):
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(1)
    for name, (width, height) in {"wide": (200, 100), "high": (100, 200)}.items():
        noise = rng.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
        PIL.Image.fromarray(noise).resize((width, height), PIL.Image.Resampling.NEAREST).save(photos / f"{name}.png")
    job = SmallJob(photos=photos, index=tmp_path / "index")
    flags = ("--grounds", "photo=1", "--num-images", "16", "--image-size")

    assert job.make(tmp_path / "out", *flags, "160x96", "96x160") == 0
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert {(row["width_px"], row["source"]) for row in rows} == {(160, "photos/wide.png"), (96, "photos/high.png")}
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["reject"]["photo/too small for 160 x 96 px"] > 0

    for number in range(13):  # more than are looked at for an estimate
        shutil.copy(photos / "high.png", photos / f"{number:02d}.png")
    job2 = SmallJob(photos=photos, index=tmp_path / "index3")
    assert job2.make(tmp_path / "planned", *flags, "160x96", "96x160", "--dry-run") == 0

    large = SmallJob(photos=photos, index=tmp_path / "index2")
    assert large.make(tmp_path / "large", *flags, "160x96", "96") == 0
    assert large.make(tmp_path / "larger", *flags, "300x96") == 1
    assert "is at least 300 x 96 px, as a picture of that size needs" in capfd.readouterr().err


def test_a_plan_is_made_of_every_corpus_that_a_run_accepts(tmp_path, capfd):
    soft = encoded(cv2.GaussianBlur(blocks(1), (0, 0), 6), "PNG")
    sharp = {f"{i}.png": encoded(blocks(i), "PNG") for i in range(20, 60)}
    held_out = [data for data in sharp.values() if in_split(sha256(data).hexdigest(), "held-out")]
    write(tmp_path / "soft first", {f"{i}.png": soft for i in range(10, 22)} | {"99.bmp": encoded(blocks(2), "BMP")})
    write(tmp_path / "one held out", {**sharp, "99.png": held_out[0]})
    image_parquet(tmp_path / "rows.parquet", list(sharp.values()))
    corpora = {"soft first": "all", "one held out": "held-out", "rows.parquet": "all"}
    for number, (name, split) in enumerate(corpora.items()):
        job = SmallJob(photos=tmp_path / name, index=tmp_path / f"index{number}")

        assert job.make(tmp_path / "planned", "--dry-run", "--split", split) == 0, capfd.readouterr().err

    assert job.make(tmp_path / "planned", "--dry-run", *WITHOUT_PHOTOS, "--photos", "none") == 0


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


def test_a_language_that_no_face_draws_is_refused_before_the_folder_is_claimed(tmp_path, small_job, capfd):
    flags = (*WITHOUT_PHOTOS[:4], "--fonts", str(DEJAVU))

    assert small_job.make(tmp_path / "out", *flags, "--languages", "en=1,zh=1") == 1
    assert f"languages asks for zh but no face of fonts {DEJAVU} draws it: add --fonts" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
    assert small_job.make(tmp_path / "out", *flags, "default", "--languages", "en=1,zh=1") == 0


def test_styles_that_no_face_and_no_size_allows_are_counted(tmp_path, small_job, capfd):
    flags = (*WITHOUT_PHOTOS, "--fonts", str(DEJAVU))
    for raster, size, why in (
        ("strike", ("5", "20"), "no face with bitmaps of this size"),
        ("full", ("5.2", "5.8"), "no whole size to hint"),
    ):
        assert small_job.make(tmp_path / raster, *flags, "--rasters", raster, "--size-px", *size) == 0
        summary = json.loads((tmp_path / raster / "summary.json").read_text())
        assert summary["reject"] == {f"raster/{why}": 4}
        assert f"rejects     raster/{why} 4" in capfd.readouterr().out


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


def test_datasets_of_one_name_and_a_dataset_that_grew_are_told_apart(tmp_path, small_job):
    """`datasets` keeps what it read by the folder's own name and the card's configurations."""
    cache = str(tmp_path / "cache")

    def ids(folder):
        return load_dataset(str(folder), split="train", cache_dir=cache)["id"][:]

    for parent, seed in (("one", "1"), ("other", "2")):
        small_job.make(tmp_path / parent / "out", *WITHOUT_PHOTOS, "--seed", seed)
    found = [ids(tmp_path / parent / "out") for parent in ("one", "other")]
    small_job.make(tmp_path / "one/out", *WITHOUT_PHOTOS, "--seed", "1", "--num-images", "8")

    assert [len(set(one)) for one in found] == [4, 4]
    assert not set(found[0]) & set(found[1])
    assert len(ids(tmp_path / "one/out")) == 8


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
