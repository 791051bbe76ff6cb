import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.rendered.export import export
from pipelines.shards.codec import decode
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows
from tests.pipelines.rendered import NUM_IMAGES, SHARD_ROWS, copy_of, rendered


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(Rows(Folder(str(folder))).take(range(NUM_IMAGES), ["id", "image", "lines"]))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_writes_detection_files(tmp_path):
    num_images = export(str(rendered()), str(tmp_path / "det"), "paddle-det")
    labels = [line.split("\t") for line in (tmp_path / "det/Label.txt").read_text("utf-8").splitlines()]

    assert num_images == len(labels) == NUM_IMAGES
    for (name, boxes), row in zip(labels, rows(rendered()), strict=True):
        assert (tmp_path / "det" / name).read_bytes() == row["image"]["bytes"]
        found = json.loads(boxes)
        assert [box["transcription"] for box in found] == [line["text"] for line in row["lines"]]
        quads = [line["quad_px"] for line in row["lines"]]
        assert np.allclose([box["points"] for box in found], quads, atol=0.006)


def test_writes_recognition_files(tmp_path):
    export(str(rendered()), str(tmp_path / "rec"), "paddle-rec")
    labels = [line.split("\t") for line in (tmp_path / "rec/rec_gt.txt").read_text("utf-8").splitlines()]
    texts = [line["text"] for row in rows(rendered()) for line in row["lines"]]
    characters = (tmp_path / "rec/dict.txt").read_text("utf-8").split("\n")[:-1]
    shapes = [decode((tmp_path / "rec" / name).read_bytes()).shape for name, _ in labels]

    assert [text for _, text in labels] == texts
    assert characters == sorted(set("".join(texts)) - {" "})
    assert all(height <= 28 for height, width, _ in shapes)  # vertical lines are turned to lie


def test_writes_lines_that_datasets_opens(tmp_path, monkeypatch):
    from datasets import load_dataset

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    export(str(rendered()), str(tmp_path / "lines"), "lines", limit=2)
    loaded = load_dataset(
        "imagefolder", data_dir=str(tmp_path / "lines"), split="train", cache_dir=str(tmp_path / "cache")
    )
    lines = [line for row in rows(rendered())[:2] for line in row["lines"]]

    assert loaded["text"] == [line["text"] for line in lines]
    assert loaded["size_px"] == pytest.approx([line["size_px"] for line in lines], abs=1e-3)
    assert loaded[0]["image"].size[0] > 0


def test_goes_on_after_a_stop_and_ends_the_same(tmp_path):
    whole, damaged = tmp_path / "whole", copy_of(rendered(), tmp_path)
    export(str(rendered()), str(whole), "paddle-rec")
    shard = damaged / "data/000001.parquet"
    good = shard.read_bytes()
    shard.write_bytes(good[:200] + bytes(len(good) // 2) + good[200 + len(good) // 2 :])
    with pytest.raises((ValueError, OSError)):
        export(str(damaged), str(tmp_path / "out"), "paddle-rec")

    assert not (tmp_path / "out").exists()
    done = tmp_path / "out.partial/parts/000000.txt"
    first = tmp_path / "out.partial" / done.read_text("utf-8").partition("\t")[0]
    before = first.stat().st_mtime_ns

    shard.write_bytes(good)
    export(str(damaged), str(tmp_path / "out"), "paddle-rec")

    assert files(tmp_path / "out") == files(whole)
    assert (tmp_path / "out" / first.relative_to(tmp_path / "out.partial")).stat().st_mtime_ns == before
    assert not (tmp_path / "out.partial").exists()


def test_stops_at_the_limit_within_a_shard(tmp_path):
    num_images = export(str(rendered()), str(tmp_path / "some"), "paddle-det", limit=SHARD_ROWS + 1)

    assert num_images == SHARD_ROWS + 1
    assert len(files(tmp_path / "some")) == SHARD_ROWS + 2


def test_refuses_a_folder_that_is_there(tmp_path):
    (tmp_path / "there").mkdir()

    with pytest.raises(ValueError, match="there is there already: name a folder that is not"):
        export(str(rendered()), str(tmp_path / "there"), "lines")


def test_refuses_to_go_on_with_another_export(tmp_path):
    damaged = copy_of(rendered(), tmp_path)
    data = (damaged / "data/000000.parquet").read_bytes()
    (damaged / "data/000000.parquet").write_bytes(bytes(len(data)))
    for fmt, message in (("lines", "parquet"), ("paddle-det", '"lines" -> "paddle-det"')):
        with pytest.raises((ValueError, OSError), match=f"(?i){message}"):
            export(str(damaged), str(tmp_path / "out"), fmt)


@pytest.mark.parametrize(
    ("to", "fmt", "message"), [("s3://b/x", "lines", "is a URL"), ("x", "coco", "format is 'coco'")]
)
def test_names_what_it_cannot_do(to, fmt, message):
    with pytest.raises(ValueError, match=message):
        export(str(rendered()), to, fmt)
