"""Packed selections: the images' own bytes in a seeded order, a dataset at every moment, losses counted and named."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Image, load_dataset

from pipelines.shards.files import read_manifest, shard_name, sidecar_name
from pipelines.shards.folder import Folder
from tests.pipelines.curation import NUM_GOOD, RULES, curate, digests, picture, start, write_good, write_parquet
from tests.pipelines.small_job import stop_writer

NUM_ROWS = NUM_GOOD + 6
SMALL_SHARDS = ("--images-per-shard", "5")
NUM_SHARDS = 6


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loose images, and six in a Parquet file; not to be changed."""
    folder = write_good(tmp_path_factory.mktemp("source"))
    write_parquet(folder / "more.parquet", [picture(30 + number) for number in range(6)])
    return folder


def chosen(out: Path, source: Path) -> None:
    """Score a source and select all of it by rules that lie beside `out`."""
    rules = out.parent / "rules.yaml"
    rules.write_text(RULES)
    assert curate("score", out, source) == 0
    assert curate("select", out, None, "--rules", str(rules)) == 0


@pytest.fixture(scope="module")
def selected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A curation up to its selection; not to be changed."""
    out = tmp_path_factory.mktemp("selected") / "out"
    chosen(out, source)
    return out


@pytest.fixture(scope="module")
def packed(selected: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, packed; not to be changed."""
    out = tmp_path_factory.mktemp("packed") / "out"
    shutil.copytree(selected, out)
    assert curate("pack", out, None, *SMALL_SHARDS) == 0
    return out / "packed/sharp"


def table(folder: Path) -> list[dict[str, Any]]:
    """The rows of a packed set, shard by shard."""
    return [row for path in sorted(folder.glob("data/*.parquet")) for row in pq.read_table(path).to_pylist()]


def original(source: Path, row: dict[str, Any]) -> bytes:
    """The bytes from which a row was packed."""
    name = row["id"].removeprefix("0/")
    if "#" in name:
        return picture(30 + int(name.partition("#")[2]))
    return (source / name).read_bytes()


def test_the_files_are_packed_as_they_are(packed, source):
    found = table(packed)

    assert len(found) == NUM_ROWS
    assert all(row["image"]["bytes"] == original(source, row) for row in found)
    assert {row["licence"] for row in found if "#" in row["id"]} == {"CC0-1.0"}
    assert {row["licence"] for row in found if "#" not in row["id"]} == {"unknown"}
    assert all(row["source"] == f"{source.name}/{row['id'].removeprefix('0/')}" for row in found)


def test_scores_weight_and_category_are_columns(packed):
    found = table(packed)

    assert {row["kind"] for row in found} == {"general"}
    assert {row["category"] for row in found} == {"PNG", "rest"}
    assert all(row["category"] == ("PNG" if row["format"] == "PNG" else "rest") for row in found)
    assert all(row["weight"] > 0 and row["entropy_bits"] > 0 for row in found)
    assert "status" not in found[0]


def test_the_order_is_seeded_and_rows_of_a_parquet_group_stay_together(packed, selected, tmp_path):
    ids = [row["id"] for row in table(packed)]
    groups = [int(name.partition("#")[2]) // 2 for name in ids if "#" in name]
    out = Path(shutil.copytree(selected, tmp_path / "out"))
    curate("pack", out, None, *SMALL_SHARDS, "--shuffle-seed", "1")
    others = [row["id"] for row in table(out / "packed/sharp")]

    assert sorted(ids) == sorted(others)
    assert ids != sorted(ids)
    assert ids != others
    assert sorted(groups[::2]) == [0, 1, 2]
    assert groups[::2] == groups[1::2]


def test_the_card_says_what_was_kept_and_why_not(packed):
    card = (packed / "README.md").read_text()

    assert f"{NUM_ROWS} of {NUM_ROWS} images were kept (100.0%)" in card
    assert f"{NUM_ROWS} images are here" in card
    assert "- **entropy_bits**: " in card
    assert "| unknown | 24 |" in card
    assert "| CC0-1.0 | 6 |" in card


def test_row_groups_are_small_and_have_a_page_index(packed):
    for path in packed.glob("data/*.parquet"):
        metadata = pq.ParquetFile(path).metadata
        sizes = [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]

        assert max(sizes) < 100e6
        assert metadata.row_group(0).column(0).has_offset_index


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("moment", ["midway", "whole"])
def test_the_folder_is_a_dataset_while_it_grows(packed, tmp_path, moment, streaming):
    folder = Path(shutil.copytree(packed, tmp_path / "set"))
    if moment == "midway":
        for name in (sidecar_name(1), shard_name(1), sidecar_name(4), shard_name(4)):
            (folder / name).unlink()
    images = load_dataset(str(folder), split="train", streaming=streaming, cache_dir=str(tmp_path / "cache"))
    found = list(images)

    assert len(found) == (NUM_ROWS if moment == "whole" else NUM_ROWS - 10)
    assert isinstance(images.features["image"], Image)
    assert np.asarray(found[0]["image"]).shape[0] == found[0]["height_px"]
    assert images.features["phash"].dtype == "uint64"


def test_a_killed_worker_and_driver_are_resumed(selected, packed, tmp_path):
    out = Path(shutil.copytree(selected, tmp_path / "out"))
    driver = start("pack", out, None, *SMALL_SHARDS, "--backend", "processes")
    try:
        worker = stop_writer(out / "packed/sharp")
        driver.kill()
        os.kill(worker, signal.SIGKILL)
    finally:
        driver.kill()
        driver.communicate()
    code = curate("pack", out, None, *SMALL_SHARDS)

    assert code == 0
    assert digests(out / "packed") == digests(packed.parent)


def test_lost_and_changed_images_are_left_out_and_named(selected, source, tmp_path, capfd):
    copy = Path(shutil.copytree(source, tmp_path / "source"))
    out = tmp_path / "out"
    chosen(out, copy)
    (copy / "00.png").unlink()
    (copy / "01.jpeg").write_bytes(picture(99, "JPEG"))
    (copy / "02.webp").write_bytes(b"<html>")
    codes = [curate("pack", out, None, *SMALL_SHARDS) for _ in range(2)]
    said = capfd.readouterr().out
    infos = read_manifest(Folder(str(out / "packed/sharp")))
    card = (out / "packed/sharp/README.md").read_text()

    assert codes == [0, 0]
    assert len(table(out / "packed/sharp")) == NUM_ROWS - 3
    assert sum(info.num_lost for info in infos.values()) == 3
    assert "3 of those kept are gone or changed and were left out:" in said
    assert "0/00.png: its file is gone" in said
    assert "0/01.jpeg: changed since it was scored" in said
    assert "0/02.webp: changed since it was scored" in said
    assert f"{NUM_ROWS - 3} images are here" in card
    assert "3 more were gone or had changed" in card


def test_without_a_hash_an_image_of_another_length_is_known_to_be_another(tmp_path, capfd):
    source, out = tmp_path / "source", tmp_path / "out"
    write_good(source, 2)
    rules = tmp_path / "rules.yaml"
    rules.write_text("sharp:\n  rules:\n    - {column: width_px, at_least: 1}\n")
    assert curate("score", out, source, "--scorers", "sanity") == 0
    assert curate("select", out, None, "--rules", str(rules)) == 0
    first = sorted(path for path in source.rglob("*") if path.is_file())[0]
    first.write_bytes(picture(99, "PNG") + b"more")

    assert curate("pack", out, None) == 0
    assert f"0/{first.name}: changed since it was scored" in capfd.readouterr().out


def test_another_selection_of_the_name_is_refused_with_the_difference(packed, selected, tmp_path, capfd):
    out = Path(shutil.copytree(packed.parents[1], tmp_path / "out"))
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace("at_least: 64", "at_least: 65"))
    curate("select", out, None, "--rules", str(rules))
    before = digests(out / "packed")
    code = curate("pack", out, None, *SMALL_SHARDS)
    said = capfd.readouterr().err

    assert code == 1
    assert "identity.selection.rules: " in said
    assert said.endswith(f"Remove {out}/packed/sharp to pack it anew, or select under another name.\n")
    assert digests(out / "packed") == before


def test_nothing_kept_is_told(selected, tmp_path, capfd):
    out = Path(shutil.copytree(selected, tmp_path / "out"))
    rules = tmp_path / "rules.yaml"
    rules.write_text("none:\n  rules:\n    - {column: width_px, at_least: 9999}\n")
    curate("select", out, None, "--rules", str(rules))
    code = curate("pack", out, None, "--selection", "none")

    assert code == 0
    assert "nothing kept, nothing packed" in capfd.readouterr().out


def test_a_plan_says_size_and_shards(selected, capfd):
    code = curate("pack", selected, None, *SMALL_SHARDS, "--dry-run")

    assert code == 0
    assert f"would pack {NUM_ROWS} images of sharp into {NUM_SHARDS} shards" in capfd.readouterr().out
    assert not (selected / "packed").exists()


def test_counts_of_sidecars_hold_totals(packed):
    counts = [json.loads(path.read_text())["counts"] for path in sorted(packed.glob("manifest/*.json"))]

    assert sum(part["images"] for part in counts) == NUM_ROWS
    assert sum(part["licence/CC0-1.0"] for part in counts if "licence/CC0-1.0" in part) == 6
