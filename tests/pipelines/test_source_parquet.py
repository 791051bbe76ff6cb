"""Parquet files as corpora: the column of images is found, its original bytes given, damage named."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.picture import BadImage, decode
from pipelines.corpora.archives import RowReader
from pipelines.corpora.sources import open_source
from pipelines.shards.images import image_column
from tests.pipelines.corpus_files import PNG, image_parquet, listed, write


def test_a_hugging_face_folder_gives_original_bytes(tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"image": [{"bytes": data, "path": None} for data in PNG[:3]]})
    built = rows.cast_column("image", datasets.Image())
    built.to_parquet(str(tmp_path / "hub/data/train-00000-of-00001.parquet"))
    write(tmp_path / "hub", {"README.md": b"# card"})
    source = open_source(str(tmp_path / "hub"))

    entries, counts = listed(source)

    assert [source.read(entry) for entry in entries] == PNG[:3]
    assert entries[2].name == "data/train-00000-of-00001.parquet#2"
    assert counts == {"skipped/.md": 1}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_a_licence_column_counts_whatever_type_of_text_it_is(tmp_path: Path, kind: pa.DataType):
    licence = pa.array(["CC-BY-NC-4.0", None], pa.string()).cast(kind)
    table = pa.table({"image": pa.array(PNG[:2], pa.binary()), "license": licence})
    pq.write_table(table, tmp_path / "a.parquet")

    entries, _ = listed(open_source(str(tmp_path / "a.parquet"), "CC0-1.0"))

    assert [entry.licence for entry in entries] == ["CC-BY-NC-4.0", "CC0-1.0"]


def test_rows_are_addressed_by_group_and_carry_their_licence(tmp_path: Path):
    path = image_parquet(tmp_path / "a.parquet", [PNG[0], PNG[1], PNG[2], None], licence=["CC0-1.0", "", "MIT", ""])
    source = open_source(str(path), "CC-BY-4.0")

    entries, _ = listed(source)

    assert [(entry.row_group, entry.row) for entry in entries] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [entry.licence for entry in entries] == ["CC0-1.0", "CC-BY-4.0", "MIT", "CC-BY-4.0"]
    assert source.read(entries[2]) == PNG[2]
    with pytest.raises(BadImage, match="no bytes in its row"):
        source.read(entries[3])


def test_a_row_group_too_large_to_hold_is_refused(tmp_path: Path):
    path = image_parquet(tmp_path / "a.parquet", [PNG[0]] * 4)
    small = RowReader(lambda _: path.open("rb"), max_group_bytes=len(PNG[0]))

    with pytest.raises(BadImage, match=rf"row group too large: \d+ bytes of images, over the {len(PNG[0])} allowed"):
        small.read("a.parquet", 0, 0)
    assert RowReader(lambda _: path.open("rb")).read("a.parquet", 0, 0) == PNG[0]


def test_a_damaged_parquet_file_is_named_and_the_others_are_read(tmp_path: Path):
    for name in ("a", "b", "c"):
        image_parquet(tmp_path / f"{name}.parquet", PNG[:4])
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    start = len(b"PAR1")
    (tmp_path / "b.parquet").write_bytes(whole[:start] + b"\xff" * 16 + whole[start + 16 :])  # the page's header
    pq.write_table(pa.table({"caption": ["no image here"]}), tmp_path / "d.parquet")
    source = open_source(str(tmp_path))

    entries, counts = listed(source)
    found: Counter[str] = Counter()
    for entry in entries:
        try:
            found["read"] += len(decode(source.read(entry))) > 0
        except BadImage as error:
            found[error.cause] += 1

    assert found["Parquet file damaged or cut short"] == 1
    assert found["its row group cannot be read"] == 2
    assert found["read"] == 2 + 4
    assert counts == {"skipped/Parquet file without an image column": 1}


def test_the_image_column_is_found_by_feature_then_by_type():
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    hub = {
        "huggingface": json.dumps({"info": {"features": {"photo": {"_type": "Image"}, "image": {"_type": "Value"}}}})
    }

    assert image_column(pa.schema([("image", pa.binary()), ("photo", struct)], metadata=hub)) == "photo"
    assert image_column(pa.schema([("raw", pa.binary()), ("photo", struct)])) == "photo"
    assert image_column(pa.schema([("thumb", struct), ("image", struct)])) == "image"
    assert image_column(pa.schema([("jpg", pa.large_binary()), ("key", pa.string())])) == "jpg"
    assert image_column(pa.schema([("jpg", pa.string())], metadata={"huggingface": "[]"})) is None


def test_of_binary_columns_the_one_with_images_is_read(tmp_path: Path):
    vectors = pa.array([None, b"\0" * 100], pa.binary())
    named = pa.table({"embedding": vectors, "jpg": pa.array(PNG[:2], pa.large_binary())})
    unnamed = pa.table({"embedding": vectors, "payload": pa.array(PNG[2:4], pa.binary())})
    pq.write_table(named, tmp_path / "named.parquet")
    pq.write_table(unnamed, tmp_path / "unnamed.parquet")
    source = open_source(str(tmp_path))
    entries, counts = listed(source)

    assert [source.read(entry) for entry in entries] == PNG[:4]
    assert not counts


def test_images_of_other_columns_are_counted(tmp_path: Path):
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [{"bytes": data, "path": None} for data in PNG]
    pq.write_table(
        pa.table({"before": pa.array(cells[:2], struct), "after": pa.array(cells[2:4], struct)}),
        tmp_path / "pairs.parquet",
    )
    pq.write_table(pa.table({"images": pa.array([cells[:2], cells[2:]], pa.list_(struct))}), tmp_path / "lists.parquet")
    source = open_source(str(tmp_path))
    entries, counts = listed(source)

    assert [source.read(entry) for entry in entries] == PNG[:2]
    assert counts == {
        "skipped/rows with a list of images, in column images": 2,
        "skipped/images of column after: before is read": 2,
    }
