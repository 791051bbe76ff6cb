"""The index of rows: complete, small, the same wherever the folders lie; broken shards named."""

import json
import os
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Image

from tests.pipelines.rendered import rendered
from tests.train.shards import noise, pages, photo, photos, write
from train.feeding.corpus import Corpus, split_kind

NUM_PAGES, NUM_PHOTOS = 70, 12


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 pages of 64 px in three shards, all bands; not to be changed."""
    return Path(write(pages(NUM_PAGES), tmp_path_factory.mktemp("synthetic")))


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 photographs in one shard, weights 0.5 to 1.5, every third with text; not to be changed."""
    job = photos(NUM_PHOTOS, weight=lambda number: 0.5 + number % 3 / 2, text_area=lambda number: number % 3 / 10)
    return Path(write(job, tmp_path_factory.mktemp("general")))


@pytest.fixture
def copy(synthetic: Path, tmp_path: Path) -> Path:
    """Pages that may be damaged."""
    return Path(shutil.copytree(synthetic, tmp_path / "copy"))


def test_rows_are_numbered_over_folders_shards_and_rows(synthetic, general):
    corpus = Corpus.of([str(synthetic), str(general)])

    assert len(corpus) == NUM_PAGES + NUM_PHOTOS
    assert corpus.counts() == {
        "general": 12,
        "synthetic": 70,
        "synthetic-5-7": 18,
        "synthetic-7-10": 18,
        "synthetic-10-14": 17,
        "synthetic-14-20": 17,
    }
    assert corpus.group_starts.tolist() == [0, 30, 60, 70, 82]
    assert corpus.groups_of(np.array([0, 29, 30, 69, 70, 81])).tolist() == [0, 0, 1, 2, 3, 3]
    assert corpus.read([5, 81, 69, 5]) == [noise(5, 64), photo(11), noise(69, 64), noise(5, 64)]
    assert corpus.name_of(61) == f"{synthetic}/data/000002.parquet#1"
    assert corpus.name_of(81) == f"{general}/data/000000.parquet#11"
    assert np.flatnonzero(corpus.matches("synthetic-7-10")).tolist() == list(range(1, 70, 4))


def test_ten_bytes_a_row(synthetic, general):
    corpus = Corpus.of([str(synthetic), str(general)])
    columns = (corpus.codes, corpus.mirrored, corpus.width_px, corpus.height_px, corpus.weight)

    assert sum(column.nbytes for column in columns) == 10 * len(corpus)


def test_weights_and_text_come_from_packed_sets(general):
    corpus = Corpus.of([str(general)])

    assert corpus.weight.tolist() == [0.5, 1, 1.5] * 4
    assert corpus.mirrored.tolist() == [True, False, False] * 4


def test_a_rendered_set_is_read_without_its_photo_index():
    corpus = Corpus.of([str(rendered())])

    assert (rendered() / "photos").exists()
    assert corpus.counts()["synthetic"] == len(corpus) == 14
    assert not corpus.mirrored.any()
    assert set(corpus.width_px) == set(corpus.height_px) == {192}


def test_what_fits(general):
    corpus = Corpus.of([str(general)])
    sizes = [
        (photo_height, photo_width) for photo_width, photo_height in zip(corpus.width_px, corpus.height_px, strict=True)
    ]

    assert corpus.fits((288, 416)).tolist() == [height >= 288 and width >= 416 for height, width in sizes]
    assert 0 < corpus.fits((288, 480)).sum() < len(corpus)


def test_identity_is_of_the_rows_not_of_the_place(synthetic, general, copy):
    whole = Corpus.of([str(synthetic)])

    assert Corpus.of([str(copy)]).identity == whole.identity
    assert len({whole.identity, Corpus.of([str(general)]).identity, Corpus.of([f"{copy}=text"]).identity}) == 3
    assert whole.without(np.array([3])).identity != whole.identity


def test_held_out_rows_are_no_component_s(synthetic, general):
    corpus = Corpus.of([str(synthetic), str(general)])
    held_out = corpus.last_shards()
    left = corpus.without(held_out)
    few = corpus.spread(2, held_out)

    assert held_out.tolist() == list(range(60, 70))
    assert left.counts()["synthetic"] == 60
    assert left.counts()["general"] == 12
    assert len(left) == len(corpus)
    assert corpus.counts()["synthetic"] == 70
    assert few.tolist() == [60, 61, 62, 63, 64, 65, 66, 67]
    assert corpus.spread(99, held_out).tolist() == held_out.tolist()


def test_a_hugging_face_folder_needs_only_images_and_a_kind(tmp_path):
    images = [{"bytes": photo(number), "path": None} for number in range(5)]
    made = Dataset.from_dict({"label": list(range(5)), "img": images}).cast_column("img", Image())
    (tmp_path / "train").mkdir()
    made.to_parquet(str(tmp_path / "train/0.parquet"))
    corpus = Corpus.of([f"{tmp_path}=general"])

    assert corpus.counts() == {"general": 5}
    assert corpus.fits((4096, 4096)).all()
    assert corpus.read([4]) == [photo(4)]
    with pytest.raises(ValueError, match=r"train/0\.parquet has no column kind: write FOLDER=general"):
        Corpus.of([str(tmp_path)])


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_any_type_tells_kind_and_band(tmp_path, kind):
    columns = {"kind": ["synthetic"] * 2, "band": ["5-7", "7-10"]}
    table = pa.table({name: pa.array(values).cast(kind) for name, values in columns.items()})
    pq.write_table(table.append_column("image", pa.array([noise(0, 64)] * 2)), tmp_path / "0.parquet")

    assert Corpus.of([str(tmp_path)]).counts() == {"synthetic": 2, "synthetic-5-7": 1, "synthetic-7-10": 1}


@pytest.mark.parametrize("names", [("train/a", "test/a"), ("data/train-0", "data/test-0"), ("train", "test")])
def test_splits_are_not_trained_on_together(synthetic, tmp_path, names):
    source = next(Path(synthetic).glob("data/*.parquet"))
    for name in names:
        path = tmp_path / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    with pytest.raises(ValueError, match=r"holds the splits train and test: name one, (such as .*/train,|moved into)"):
        Corpus.of([str(tmp_path)])


def test_a_kind_given_overrides_the_column(synthetic):
    assert Corpus.of([f"{synthetic}=text"]).counts() == {"text": NUM_PAGES}
    assert split_kind("s3://bucket/a=b/c=text") == ("s3://bucket/a=b/c", "text")
    assert split_kind("s3://bucket/year=2024") == ("s3://bucket/year=2024", "")


def test_folders_may_be_urls(general):
    memory = fsspec.filesystem("memory")
    memory.put(f"{general}/", "/corpus/", recursive=True)
    try:
        corpus = Corpus.of(["memory://corpus"])
        images = corpus.read([3])
    finally:
        memory.rm("/corpus", recursive=True)

    assert corpus.identity == Corpus.of([str(general)]).identity
    assert images == [photo(3)]


def test_a_truncated_shard_is_named(copy):
    shard = copy / "data/000001.parquet"
    os.truncate(shard, shard.stat().st_size - 5)

    with pytest.raises(ValueError, match=r"data/000001\.parquet is \d+ bytes: its sidecar says otherwise.*makes this"):
        Corpus.of([str(copy)])


def test_a_truncated_shard_without_sidecars_is_named(copy):
    shutil.rmtree(copy / "manifest")
    shard = copy / "data/000001.parquet"
    os.truncate(shard, shard.stat().st_size - 5)

    with pytest.raises(ValueError, match=r"data/000001\.parquet is damaged or cut short"):
        Corpus.of([str(copy)])


def test_a_shard_with_a_garbled_footer_is_named(copy):
    shard = copy / "data/000001.parquet"
    data = bytearray(shard.read_bytes())
    data[-400:-200] = bytes(200)
    shard.write_bytes(data)

    with pytest.raises(ValueError, match=r"data/000001\.parquet is damaged or cut short"):
        Corpus.of([str(copy)])


@pytest.mark.parametrize("gone", ["data/000002.parquet", "manifest/000002.json"])
def test_a_shard_and_its_sidecar_go_together(copy, gone):
    (copy / gone).unlink()

    with pytest.raises(
        ValueError, match=r"data/000002\.parquet is (gone|\d+ bytes): its sidecar says otherwise, or is"
    ):
        Corpus.of([str(copy)])


def test_a_sidecar_of_other_rows_is_named(copy):
    sidecar = copy / "manifest/000001.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"num_rows": 29}))

    with pytest.raises(ValueError, match=r"data/000001\.parquet has 30 rows, its sidecar says 29"):
        Corpus.of([str(copy)])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": ["cat"], "image": [b"x"]}, r"has a row of kind 'cat': write FOLDER=general"),
        ({"kind": [None], "image": [b"x"]}, r"has a row of kind None: write FOLDER=general"),
        ({"kind": ["general"], "words": ["x"]}, r"no column of encoded images, but kind, words"),
        ({"kind": ["general"], "image": [b"x"], "weight": [-1.0]}, r"has a weight that is no number from 0"),
    ],
)
def test_rows_that_cannot_be_placed_are_named(tmp_path, table, message):
    pq.write_table(pa.table(table), tmp_path / "odd.parquet")

    with pytest.raises(ValueError, match=rf"odd\.parquet .*{message}|odd\.parquet {message}"):
        Corpus.of([str(tmp_path)])


def test_a_curation_s_folder_names_its_sets(tmp_path):
    for name in ("packed/general/data/0.parquet", "calibration/1/data/0.parquet"):
        (tmp_path / name).parent.mkdir(parents=True)
        pq.write_table(pa.table({"number": [1]}), tmp_path / name)

    with pytest.raises(ValueError, match=r"is a curation, whose sets lie in packed: name .*/packed/general$"):
        Corpus.of([str(tmp_path)])


def test_folders_are_needed_and_each_once(tmp_path, general):
    with pytest.raises(ValueError, match=r"holds no Parquet file: name the folder"):
        Corpus.of([str(tmp_path)])
    with pytest.raises(ValueError, match=r"behind = stands one of general, text, synthetic$"):
        Corpus.of([f"{tmp_path}/photos=genral"])
    with pytest.raises(ValueError, match=r"name at least one folder of shards, and each once"):
        Corpus.of([])
    with pytest.raises(ValueError, match=r"and each once"):
        Corpus.of([str(general), str(general)])
