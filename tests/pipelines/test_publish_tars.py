"""Datasets exported as tars: the images' own bytes and all labels, the same each time, read by `datasets`."""

import json
import math
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from pipelines.publication import publishing
from pipelines.publication.webdataset import plain_rows
from pipelines.shards.folder import Folder
from pipelines.shards.images import suffix
from tests.curate.pictures import blocks, encoded
from tests.digests import digests, sha256
from tests.pipelines.mixed import rows


def exported(folder: Path) -> dict[str, bytes]:
    """The members of all tars: "TAR/NAME" -> bytes."""
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
                found[f"{path.name}/{member.name}"] = tar.extractfile(member).read()
    return found


def test_tars_hold_the_images_own_bytes_and_all_labels(mixed, tmp_path):
    assert publishing.main(["export", str(mixed), "--to", str(tmp_path / "tars"), "--images-per-tar", "5"]) == 0
    found = exported(tmp_path / "tars")
    manifest = json.loads((tmp_path / "tars/manifest.json").read_text())
    for split in ("train", "test"):
        for config in {row["file"].split("/")[-3] for row in rows(mixed, split)}:
            for number, row in enumerate(rows(mixed, split, config)):
                start = f"{split}-{config}-{number // 5:06d}.tar/{number:09d}."
                labels = json.loads(found[f"{start}json"])
                [image] = [data for name, data in found.items() if name.startswith(start) and "json" not in name]

                assert image == row["image"]["bytes"]
                assert (labels["id"], labels["text"], labels["source"]) == (row["id"], row["text"], row["source"])
                assert labels["weight"] == pytest.approx(row["weight"])
                assert [line["text"] for line in labels["lines"]] == [line["text"] for line in row["lines"]]
                assert "image" not in labels
    assert manifest["images"] == len(rows(mixed, "*")) == sum(name.endswith(".json") for name in found)
    for tar in manifest["tars"]:
        assert sha256((tmp_path / "tars" / tar["name"]).read_bytes()) == tar["sha256"]


def test_tars_are_the_same_each_time_and_resume(mixed, tmp_path, s3):
    flags = ["export", str(mixed), "--split", "train", "--images-per-tar", "7", "--to"]
    assert publishing.main([*flags, str(tmp_path / "a")]) == 0
    assert publishing.main([*flags, f"{s3}/tars"]) == 0
    out = Path(shutil.copytree(tmp_path / "a", tmp_path / "b"))
    lost = sorted(out.glob("*.tar"))[1]
    kept = sorted(out.glob("*.tar"))[0].stat().st_mtime_ns
    lost.write_bytes(lost.read_bytes()[:100])
    (out / "manifest.json").unlink()
    assert publishing.main([*flags, str(out)]) == 0
    remote = Folder(f"{s3}/tars")

    assert digests(out) == digests(tmp_path / "a")
    assert sorted(out.glob("*.tar"))[0].stat().st_mtime_ns == kept
    assert {name: sha256(data) for name, data in remote.read_each(list(remote.list()))} == digests(tmp_path / "a")
    assert not list(out.glob("test-*"))


def test_values_are_written_as_json_has_them():
    nested = pa.struct([("at", pa.list_(pa.float64())), ("size", pa.float32())])
    schema = pa.schema({"a": pa.float32(), "b": pa.float64(), "c": pa.uint64(), "d": nested, "e": pa.binary()})
    exact = 1732599000.123
    row = {"a": 0.1, "b": exact, "c": 255, "d": {"at": [exact, math.inf], "size": math.nan}, "e": b"\x01"}

    assert list(plain_rows(pa.Table.from_pylist([row, {"b": -math.inf}], schema))) == [
        {"a": 0.1, "b": exact, "c": "00000000000000ff", "d": {"at": [exact, None], "size": None}, "e": "01"},
        dict.fromkeys("abcde"),
    ]


def test_an_image_is_named_by_its_format():
    kinds = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "TIFF": "tif", "BMP": "bmp"}

    assert {kind: suffix(encoded(blocks(1, 20, 10), kind)) for kind in kinds} == kinds


def test_datasets_reads_the_tars(mixed, tmp_path):
    flags = ["--split", "train", "--config", "general", "--ending", "png", "--to", str(tmp_path / "tars")]
    assert publishing.main(["export", str(mixed), *flags]) == 0
    files = [str(path) for path in (tmp_path / "tars").glob("*.tar")]
    loaded: list[dict[str, Any]] = list(
        load_dataset("webdataset", data_files=files, split="train", streaming=True, cache_dir=str(tmp_path / "cache"))
    )

    assert all(
        np.asarray(row["png"]).shape[:2] == (row["json"]["height_px"], row["json"]["width_px"]) for row in loaded
    )
    assert [row["json"]["id"] for row in loaded] == [row["id"] for row in rows(mixed, "train", "general")]


def test_a_rendered_dataset_is_exported_too_and_another_export_refused(whole, mixed, tmp_path, capfd):
    to = str(tmp_path / "tars")
    codes = [
        publishing.main(["export", str(whole), "--to", to]),
        publishing.main(["export", str(mixed), "--to", to]),
        publishing.main(["export", str(mixed), "--to", to + "2", "--config", "none"]),
        publishing.main(["export", str(mixed), "--to", to + "2", "--images-per-tar", "0"]),
        publishing.main(["export", str(whole), "--to", to + "2", "--split", "train"]),
    ]
    said = capfd.readouterr().err
    total = sum(len(pq.read_table(path)) for path in (whole / "data").iterdir())

    assert codes == [0, 1, 1, 1, 1]
    assert "is no mix and has no splits and configurations: leave out split and config" in said
    assert json.loads((tmp_path / "tars/manifest.json").read_text())["images"] == total
    assert "was begun by another job" in said
    assert "has no image to export (*/none of splits and configurations)" in said
    assert "images_per_tar is 0: give at least 1" in said
