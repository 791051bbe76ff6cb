"""A mix of really rendered and really curated images: exact ratios, clean splits, lineage, weights, its card."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Image, get_dataset_config_names, load_dataset

from curate.fingerprint import perceptual_hashes
from curate.matches import MAX_DISTANCE, MAX_FINE
from curate.picture import Picture
from pipelines.shards.record import RECORD_SCHEMA
from render.mix import Mix
from tests.digests import sha256
from tests.pipelines.mixed import (
    NUM_BOOKS,
    NUM_PAGES,
    document_of,
    kinds,
    mix,
    rows,
)


@pytest.fixture(scope="module")
def test(mixed: Path) -> list[dict[str, Any]]:
    return rows(mixed, "test")


def hashes_of(data: bytes) -> tuple[int, int]:
    """Both hashes of an image as whole numbers."""
    found = perceptual_hashes(Picture(data).grey)
    return found["phash"], int.from_bytes(found["phash_fine"], "big")


def alike(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return (first[0] ^ second[0]).bit_count() <= MAX_DISTANCE and (first[1] ^ second[1]).bit_count() <= MAX_FINE


def near(mixed: Path) -> int:
    """Rows that were left out of both splits."""
    return int(json.loads(Path(f"{mixed}.plan/choice/plan.json").read_text())["near"])


def num_held_books(mixed: Path) -> int:
    """Books of the test split, taken or not: those of a hash below the bound, and one at least."""
    cells = json.loads(Path(f"{mixed}.plan/choice/plan.json").read_text())["cells"]
    [pages] = [cell["available"] for cell in cells if (cell["split"], cell["config"]) == ("test", "text")]
    return (int(pages) - 1) // NUM_PAGES  # the blank pages are one file, taken once


def looks(found: list[dict[str, Any]], photos: Path) -> set[tuple[int, int]]:
    """The hashes of the sources of rows: the photo under a rendered one, the image of another."""
    by_sha = {sha256(path.read_bytes()): path.read_bytes() for path in photos.iterdir()}
    files = {
        by_sha[row["source_sha256"]] if row["kind"] == "synthetic" else row["image"]["bytes"]
        for row in found
        if row["source_sha256"]
    }
    return {hashes_of(data) for data in files if perceptual_hashes(Picture(data).grey)}


def test_ratios_are_exact_in_both_splits(mixed, train, test):
    for found in (train, test):
        counts = kinds(found)

        assert counts["general"] == 2 * counts["text"] == 2 * counts["synthetic"] or counts.total() % 4
        assert all(
            abs(counts[k] - share * counts.total()) < 1
            for k, share in Mix.parse("general=0.5,text=0.25,synthetic=0.25").shares
        )
    assert kinds(train).total() >= 24
    assert kinds(test).total() >= 4


def test_as_many_rows_are_taken_as_the_ratios_allow(mixed, train):
    plan = json.loads(Path(f"{mixed}.plan/choice/plan.json").read_text())
    there = {"general": 0, "text": 0, "synthetic": 0}
    for cell in plan["cells"]:
        if cell["split"] == "train":
            there[cell["config"].partition("-")[0]] += cell["available"]
    ratios = Mix.parse("general=0.5,text=0.25,synthetic=0.25")

    assert len(train) == sum(cell["images"] for cell in plan["cells"] if cell["split"] == "train")
    assert all(n <= there[kind] for kind, n in ratios.counts(len(train)).items())
    assert any(share * (len(train) + 1) > there[kind] for kind, share in ratios.shares)


def test_pixels_and_bytes_are_reported_as_they_are(mixed, train):
    plan = json.loads(Path(f"{mixed}.plan/choice/plan.json").read_text())
    statistics = json.loads((mixed / "statistics.json").read_text())["train"]
    for cell in plan["cells"]:
        if cell["split"] == "train" and cell["images"]:
            mine = rows(mixed, "train", cell["config"])
            pixels = sum(row["width_px"] * row["height_px"] for row in mine)

            assert cell["pixels"] == pixels == statistics[cell["config"]]["pixels"]
            assert statistics[cell["config"]]["image_bytes"] == sum(len(row["image"]["bytes"]) for row in mine)


def test_no_source_is_on_both_sides(train, test):
    shas = [{row["source_sha256"] for row in found if row["source_sha256"]} for found in (train, test)]
    books = [{document_of(row["source"]) for row in found if row["kind"] == "text"} for found in (train, test)]

    assert shas[0] & shas[1] == set()
    assert books[0] & books[1] == set()
    assert books[1]
    assert {row["kind"] for row in test} == {"general", "text", "synthetic"}


def test_no_source_is_nearly_on_both_sides(mixed, inputs, train, test):
    pairs = [(one, other) for one in looks(train, inputs.photos) for other in looks(test, inputs.photos)]
    copy = hashes_of((Path(inputs.general).parents[2] / f"general/small_{inputs.held.stem}.jpg").read_bytes())

    assert not any(alike(one, other) for one, other in pairs)
    assert alike(copy, hashes_of(inputs.held.read_bytes()))  # the copy would have been in train
    assert near(mixed) == 1 + NUM_BOOKS - num_held_books(mixed)
    assert not [row for row in (*train, *test) if row["id"] == f"0/small_{inputs.held.stem}.jpg"]


def test_the_held_out_photo_is_under_test_images_alone(train, test, inputs):
    held = sha256(inputs.held.read_bytes())

    assert [row for row in test if row["kind"] == "synthetic" and row["source_sha256"] == held]
    assert not [row for row in train if row["source_sha256"] == held]


def test_images_and_labels_are_as_they_were(train, inputs):
    there: dict[Any, dict[str, Any]] = {}
    for name in ("rendered", "general", "text"):
        for file in (getattr(inputs, name) / "data").glob("*.parquet"):
            there |= {(name, row["id"]): row for row in pq.read_table(file).to_pylist()}
    names = {inputs.rendered.name: "rendered", inputs.general.name: "general", inputs.text.name: "text"}
    for row in train:
        before = there[names[row["origin"]], row["id"]]
        for column in RECORD_SCHEMA.names:
            np.testing.assert_equal(row[column], before[column])
        if row["kind"] != "synthetic":
            assert (row["entropy_bits"], row["phash"]) == (before["entropy_bits"], before["phash"])
            assert row["source_sha256"] == sha256(row["image"]["bytes"])
        else:
            assert row["entropy_bits"] is None


def test_lineage_leads_to_how_a_row_was_made(mixed, train, inputs):
    for row in train:
        lineage = json.loads((mixed / f"lineage/{row['origin']}.json").read_text())
        identity = lineage["job"]["identity"]

        assert ("recipe" in identity) == (row["kind"] == "synthetic")
        assert ("selection" in identity) == (row["kind"] != "synthetic")
        assert row["licence"] or not row["source"]


def test_weights_of_packed_rows_are_honoured_once(mixed, inputs):
    for split in ("train", "test"):
        for config in ("general", "text"):
            assert np.mean([row["weight"] for row in rows(mixed, split, config)]) == pytest.approx(1, abs=1e-5)
    before = {row["id"]: row["weight"] for row in pq.read_table(inputs.general / "data").to_pylist()}
    found = {row["id"]: row["weight"] for row in rows(mixed, "train", "general")}
    plan = json.loads(Path(f"{mixed}.plan/choice/plan.json").read_text())
    [cell] = [cell for cell in plan["cells"] if (cell["split"], cell["config"]) == ("train", "general")]
    ratio = np.array([found[name] / before[name] for name in found])

    assert len(set(before.values())) > 5
    if cell["images"] == cell["available"]:
        assert ratio == pytest.approx(ratio[0], rel=1e-5)
    else:  # what was sure to be taken keeps its weight, what had odds to be taken all weigh the same
        even = min(found.values())
        assert all(weight == pytest.approx(even) or weight > even for weight in found.values())


def test_heavier_rows_are_taken_rather(inputs, tmp_path):
    before = {row["id"]: row["weight"] for row in pq.read_table(inputs.general / "data").to_pylist()}
    taken, rest = [], []
    for seed in range(12):
        flags = ["--inputs", str(inputs.general), "--ratios", "general", "--test-share", "0", "--num-images", "8"]
        assert mix(*flags, "--out", str(tmp_path / str(seed)), "--seed", str(seed)) == 0
        ids = {row["id"] for row in rows(tmp_path / str(seed), "train")}
        taken += [before[name] for name in ids]
        rest += [before[name] for name in before.keys() - ids]

    assert len(taken) == 12 * 8
    assert np.mean(taken) > np.mean(rest) + np.std(rest) / 5


@pytest.mark.parametrize("config", ["default", "general", "text", "synthetic", "synthetic-7-10"])
def test_configurations_stream(mixed, train, config, tmp_path):
    images = load_dataset(str(mixed), config, split="train", streaming=True, cache_dir=str(tmp_path))
    found = list(images)
    wanted = [row for row in train if config == "default" or f"/train/{config}" in row["file"]]

    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in wanted)
    assert isinstance(images.features["image"], Image)
    assert np.asarray(found[0]["image"]).shape[:2] == (found[0]["height_px"], found[0]["width_px"])
    assert {"kind", "band", "width_px", "height_px", "weight"} <= found[0].keys()


def test_every_configuration_of_the_card_loads(mixed, tmp_path):
    names = get_dataset_config_names(str(mixed), cache_dir=str(tmp_path))
    loaded = {name: load_dataset(str(mixed), name, streaming=True, cache_dir=str(tmp_path)) for name in names}

    assert {"default", "general", "text", "synthetic"} <= loaded.keys()
    assert all(next(iter(splits["train"])) for splits in loaded.values())
    assert next(iter(loaded["text"]["test"]))["kind"] == "text"


def test_the_card_tells_shares_licences_and_shows_previews(mixed, train):
    card = (mixed / "README.md").read_text()
    pictures = sorted(path.name for path in (mixed / "previews").iterdir())

    assert f"| train | general | {kinds(train)['general']} | 50.0% |" in card
    assert f"{near(mixed)} rows were left out of both" in card
    assert "rows.shuffle(seed=0, buffer_size=40)" in card
    assert "| unknown | " in card
    assert all(f"(previews/{name})" in card for name in pictures)
    assert {"general.png", "text.png", "synthetic-7-10.png"} <= set(pictures)
    assert all((mixed / "previews" / name).stat().st_size < 400_000 for name in pictures)


def test_a_dry_run_tells_the_plan_and_writes_nothing(inputs, mixed, train, tmp_path, capfd):
    out = tmp_path / "out"
    code = mix(*inputs.flags(out), "--dry-run")
    said = capfd.readouterr().out

    assert code == 0
    assert re.search(rf"train +general +{kinds(train)['general']} +\d+ +50.00% +[\d.]+ +[\d.]+\n", said)
    assert f"near a held-out source: {near(mixed)} rows" in said
    assert not list(tmp_path.iterdir())
