"""Rows into Arrow and out again, and what `datasets` sees."""

import json
from dataclasses import replace

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.shards.codec import encode
from pipelines.shards.columns import to_table
from pipelines.shards.record import (
    RECORD_SCHEMA,
    BoxTable,
    LineTable,
    Record,
    TextLine,
    has_feature,
    record_schema,
    with_features,
)
from tests.pipelines.toy_job import toy_record

LINE = TextLine(
    text="Kleine 小字",
    quad_px=((1.5, 2.0), (30.0, 2.0), (30.0, 9.0), (1.5, 9.0)),
    size_px=7.5,
    ink_px=6.0,
    x_height_px=4.0,
    contrast=4.5,
    ink_density=0.25,
    ground_std=12.0,
    face="NotoSans-Regular",
    language="en",
    role="body",
    style="grey",
)


def test_lines_by_column_are_the_same_lines():
    lines = [LINE, replace(LINE, text="b", size_px=9.0)]

    table = LineTable.of(lines)

    assert list(table) == lines
    assert table[-1] == lines[1]
    assert table[:1] == (LINE,)


def test_no_lines():
    table = LineTable.of([])

    assert len(table) == 0
    assert table.quad_px.shape == (0, 4, 2)


def test_columns_of_other_lengths_are_refused():
    table = LineTable.of([LINE])

    with pytest.raises(ValueError, match="face has 2 values for 1 texts"):
        replace(table, face=["a", "b"])
    with pytest.raises(ValueError, match=r"quad_px has shape \(1, 8\)"):
        replace(table, quad_px=np.zeros((1, 8), np.float32))


def test_rows_come_back_from_arrow():
    records = [toy_record(index) for index in range(6)]

    back = to_table([record.row() for record in records], RECORD_SCHEMA).to_pylist()

    for record, row in zip(records, back, strict=True):
        assert row["image"] == {"bytes": record.image, "path": None}
        assert row["text"] == record.text
        assert [line["text"] for line in row["lines"]] == [line.text for line in record.lines]
        assert [line["quad_px"] for line in row["lines"]] == [list(map(list, x.quad_px)) for x in record.lines]
        assert [line["contrast"] for line in row["lines"]] == [line.contrast for line in record.lines]


def test_lines_as_objects_and_by_column_make_the_same_row():
    by_column = toy_record(3)
    as_objects = replace(by_column, lines=tuple(by_column.lines))

    batches = [to_table([record.row()], RECORD_SCHEMA) for record in (by_column, as_objects)]

    assert batches[0].equals(batches[1])


def test_optional_columns():
    boxes = BoxTable(text=["a", "b"], quad_px=np.ones((2, 4, 2), np.float32), line=np.array([0, 0], np.int32))
    record = replace(toy_record(1), words=boxes, chars=boxes, mask=encode(np.zeros((16, 16), np.uint8)))
    schema = record_schema(words=True, chars=True, mask=True)

    row = to_table([record.row()], schema).to_pylist()[0]

    assert [(box["text"], box["line"]) for box in row["chars"]] == [("a", 0), ("b", 0)]
    assert row["words"][1]["quad_px"] == [[1.0, 1.0]] * 4
    assert row["mask"]["bytes"] == record.mask


def test_row_with_other_columns_is_refused():
    row = toy_record(1).row()

    with pytest.raises(ValueError, match=r"row lacks \['mask'\]"):
        to_table([row], record_schema(mask=True))
    with pytest.raises(ValueError, match=r"row has \['extra'\] besides"):
        to_table([row | {"extra": 1}], RECORD_SCHEMA)


def test_record_is_checked():
    with pytest.raises(ValueError, match="kind is 'real'"):
        replace(toy_record(0), kind="real")
    with pytest.raises(ValueError, match="0x16 px"):
        replace(toy_record(0), width_px=0)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.bool_(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal128(5, 2), pa.null()),
        *(pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(4)),
        *(pa.timestamp("us", "UTC"), pa.time64("us"), pa.duration("s"), pa.date32(), pa.date64()),
        *(pa.list_(pa.float16()), pa.list_(pa.float32(), 3), pa.large_list(pa.int8()), pa.struct([("a", pa.int8())])),
        *(pa.dictionary(pa.int8(), pa.string()), pa.map_(pa.string(), pa.int8())),
    ],
)
def test_a_type_has_a_feature_where_datasets_reads_it(tmp_path, kind):
    schema = with_features(pa.schema([("x", kind)]))
    pq.write_table(pa.table([pa.array([None, None], kind)], schema=schema), tmp_path / "a.parquet")
    try:
        found = len(datasets.Dataset.from_parquet(str(tmp_path / "a.parquet"), cache_dir=str(tmp_path / "cache")))
    except ValueError:
        found = 0

    assert has_feature(kind) == (found == 2)


def test_features_of_plain_columns():
    schema = with_features(pa.schema([("score", pa.float64()), ("keep", pa.bool_()), ("n", pa.list_(pa.int32()))]))

    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]

    assert features["score"] == {"dtype": "float64", "_type": "Value"}
    assert features["n"] == [{"dtype": "int32", "_type": "Value"}]


def test_datasets_decodes_images_and_types_lines(tmp_path):
    records = [toy_record(index) for index in range(8)]
    (tmp_path / "set").mkdir()
    table = to_table([record.row() for record in records], RECORD_SCHEMA)
    pq.write_table(table, tmp_path / "set" / "a.parquet")

    options = {"data_files": str(tmp_path / "set" / "*.parquet"), "split": "train"}
    loaded = datasets.load_dataset("parquet", cache_dir=str(tmp_path / "cache"), **options)
    streamed = next(iter(datasets.load_dataset("parquet", streaming=True, **options)))

    line = loaded.features["lines"].feature
    assert loaded[3]["image"].size == (16, 16)
    assert line["quad_px"].length == 4
    assert line["quad_px"].feature.length == 2
    assert line["size_px"].dtype == "float32"
    assert [line["text"] for line in loaded[3]["lines"]] == [line.text for line in records[3].lines]
    assert streamed["image"].size == (16, 16)
    assert isinstance(loaded.features["image"], datasets.Image)


def test_record_has_no_surprise_for_a_reader():
    record = Record(
        id="a/0",
        image=b"x",
        width_px=1,
        height_px=1,
        kind="general",
        source="s",
        licence="l",
        language="en",
        layout="",
        band="",
        lines=(LINE,),
    )

    assert set(record.row()) == set(RECORD_SCHEMA.names)
