"""A mix of really rendered and really curated images: exact ratios, clean splits, lineage, taking out, resuming."""

import json
import os
import re
import shutil
import signal
from pathlib import Path
from socket import gethostname
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Image, get_dataset_config_names, load_dataset

from curate.fingerprint import perceptual_hashes
from curate.matches import MAX_DISTANCE, MAX_FINE
from curate.picture import Picture
from pipelines.mixture import mixing
from pipelines.mixture.plan import read_plan
from pipelines.mixture.settings import Mixture
from pipelines.mixture.without import Asked
from pipelines.shards.files import sidecars
from pipelines.shards.folder import Folder
from pipelines.shards.record import RECORD_SCHEMA
from render.mix import Mix
from tests.digests import digests, sha256
from tests.pipelines.mixed import (
    DOCUMENT,
    NUM_BOOKS,
    NUM_PAGES,
    Inputs,
    kinds,
    make_inputs,
    mix,
    pack,
    rows,
    start,
)
from tests.pipelines.small_job import SmallJob, wait_until


@pytest.fixture(scope="module")
def inputs(whole: Path, small_job: SmallJob, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """What is mixed; not to be changed."""
    return make_inputs(whole, small_job.photos, tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def mixed(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mix; not to be changed."""
    out = tmp_path_factory.mktemp("mixed") / "out"
    assert mix(*inputs.flags(out)) == 0
    return out


@pytest.fixture(scope="module")
def train(mixed: Path) -> list[dict[str, Any]]:
    return rows(mixed, "train")


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


def document_of(source: str, pattern: str = DOCUMENT) -> str:
    match = re.fullmatch(pattern, source)
    assert match is not None
    return match[1]


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


@pytest.mark.timeout(300)
def test_processes_killed_midway_leave_what_the_same_command_finishes(inputs, mixed, tmp_path):
    flags = ["--images-per-shard", "1"]  # so many that processes are worth starting
    assert mix(*inputs.flags(tmp_path / "whole/out", *flags)) == 0
    whole = digests(tmp_path / "whole/out")
    out = tmp_path / "out"
    driver = start(*inputs.flags(out, *flags))
    try:
        wait_until(lambda: list(out.glob("train/*/manifest/*.json")), seconds=200)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()
    half = digests(out)
    made = {name: digest for name, digest in half.items() if re.fullmatch(r".*/(data|manifest)/\d+\.\w+", name)}
    for folder in (out, tmp_path / "out.plan/choice"):
        (folder / f".plan.json~{gethostname()}~0123abcd.tmp").write_bytes(b"half")  # as if it had been killed there
    code = mix(*inputs.flags(out, *flags))

    assert code == 0
    assert 0 < len(made) < len([name for name in whole if "/data/" in name or "/manifest/" in name])
    assert made.items() <= whole.items()  # two processes made what one does
    assert digests(out) == whole
    assert not list((tmp_path / "out.plan").rglob(".*.tmp"))


def test_s3_holds_the_same_bytes(inputs, mixed, s3):
    out = Folder(f"{s3}/mix/out")
    code = mix(*inputs.flags(out.url))
    there = {name: sha256(data) for name, data in out.read_each(list(out.list()))}
    took_out = mix("--out", out.url, "--without", inputs.text.name)

    assert (code, took_out) == (0, 0)
    assert there == digests(mixed)
    assert not [name for name in out.list() if "/text/" in name]


@pytest.mark.timeout(300)
def test_on_ray_the_bytes_are_the_same(inputs, mixed, ray_cluster, tmp_path):
    settings = mixing.parse_settings(inputs.flags(tmp_path / "out", "--backend", "ray", "--workers", "2"))

    assert mixing.execute(settings) == 0
    assert digests(tmp_path / "out") == digests(mixed)


def test_a_finished_mix_is_left_alone(inputs, mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    shutil.copytree(f"{mixed}.plan", f"{out}.plan")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}

    assert mix(*inputs.flags(out)) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before
    assert digests(out) == digests(mixed)


def test_a_mix_whose_plan_was_removed_is_checked_and_mended(inputs, mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    lost = next(iter(sorted((out / "train/general/data").iterdir())))
    lost.unlink()

    assert mix(*inputs.flags(out)) == 0
    assert digests(out) == digests(mixed)


def test_shards_that_another_run_is_writing_are_not_counted_as_a_finished_mix(mixed, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    shard = min((out / "train/general/data").iterdir())
    (out / f"train/general/manifest/{shard.stem}.json").unlink()  # as while it is made anew

    with pytest.raises(
        ValueError, match=r"train/general holds \d+ images and \d+ are planned: perhaps another run is writing"
    ):
        mixing.finish(str(out), pq.read_schema(shard), read_plan(f"{mixed}.plan"))
    assert (out / "statistics.json").read_bytes() == (mixed / "statistics.json").read_bytes()


def test_without_takes_a_photo_out_wherever_it_is(inputs, mixed, train, tmp_path, capfd):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    before = digests(out)
    row = next(row for row in train if row["kind"] == "synthetic" and row["source"])
    gone = [one for one in train if one["source_sha256"] == row["source_sha256"]]
    held = {str(Path(one["file"]).relative_to(mixed)) for one in gone}
    code = mix("--out", str(out), "--without", row["source"])
    said = capfd.readouterr().out
    after = digests(out)

    assert code == 0
    assert {one["kind"] for one in gone} == {"synthetic", "general"} or len(gone) > 1
    assert f"{len(gone)} rows of {row['source']} went:" in said
    assert all(one["id"] in said for one in gone)
    assert sorted(one["id"] for one in rows(out, "train")) == sorted(
        {one["id"] for one in train} - {o["id"] for o in gone}
    )
    assert {name for name in before if name.endswith(".parquet") and after.get(name) != before[name]} == held
    assert [json.loads(line)["id"] for line in (out / "removed.jsonl").read_text().splitlines()]
    assert f"| {row['source']} | train | {len(gone)} |" in (out / "README.md").read_text()
    assert row["source"] not in [one["source"] for one in rows(out, "*")]
    for folder in out.glob("*/*/manifest"):
        assert all(info.num_rows for info in sidecars(Folder(str(folder.parent))))


@pytest.mark.parametrize(
    ("source", "pattern", "fits"),
    [
        ("a/img1.png", "a/img[1].png", False),
        ("a/img[1].png", "a/img[1].png", True),
        ("a/img[1].png", "a/img[*", True),
        ("a/b/c.png", "a/*", True),
        ("b/a/c.png", "a/*", False),
        ("p.pdf#page=3", "p.pdf", True),
    ],
)
def test_a_source_means_itself_and_a_star_anything(source, pattern, fits):
    row = {"source": source, "origin": "set", "source_sha256": "0", "id": "7"}

    assert Asked([pattern], Mixture().document).match(row) == pattern * fits
    assert Asked(["set/7"], Mixture().document).match(row) == "set/7"


def test_without_knows_the_documents_of_the_mix(mixed, train, capfd):
    book = document_of(next(row["source"] for row in train if row["kind"] == "text"))
    pages = [row["id"] for row in train if row["source"].startswith(f"{book}/")]
    code = mix("--out", str(mixed), "--without", book, "--dry-run")
    said = capfd.readouterr().out

    assert code == 0
    assert len(pages) > 1
    assert all(page in said for page in pages)


def test_without_goes_on_where_it_was_stopped_and_is_not_undone(inputs, mixed, train, tmp_path, capfd):
    once, out = (Path(shutil.copytree(mixed, tmp_path / name / "out")) for name in ("once", "again"))
    book = document_of(next(row["source"] for row in train if row["kind"] == "text"))
    assert mix("--out", str(once), "--without", f"{book}/*") == 0
    assert mix("--out", str(out), "--without", f"{book}/*") == 0
    shard = next(row["file"] for row in train if row["source"].startswith(f"{book}/"))
    damaged = out / Path(shard).relative_to(mixed)
    shutil.copy(shard, damaged)  # as a stop between the sidecar's removal and the new shard leaves it
    (damaged.parents[1] / "manifest" / f"{damaged.stem}.json").unlink(missing_ok=True)
    codes = [mix("--out", str(out), "--without", f"{book}/*"), mix(*inputs.flags(out))]
    said = capfd.readouterr().err

    assert codes == [0, 1]
    assert digests(out) == digests(once)
    assert f'--without (0): "{book}/*" -> (none)' in said


def test_without_and_dry_run_tells_what_would_go_and_changes_nothing(mixed, train, capfd):
    before, source = digests(mixed), train[0]["source"]
    code = mix("--out", str(mixed), "--without", source, "--dry-run")
    said = capfd.readouterr().out

    assert code == 0
    assert f"rows of {source} would go:" in said
    assert train[0]["id"] in said
    assert digests(mixed) == before


def test_without_all_of_a_first_shard_leaves_a_dataset_that_loads(mixed, train, tmp_path):
    out, first = Path(shutil.copytree(mixed, tmp_path / "out")), str(mixed / "train/general/data/000000.parquet")
    sources = {row["source_sha256"] for row in train if row["file"] == first}
    kept = {row["id"] for row in train if row["source_sha256"] not in sources}
    code = mix("--out", str(out), "--without", *sources)
    loaded = load_dataset(str(out), split="train", streaming=True, cache_dir=str(tmp_path / "cache"))

    assert code == 0
    assert not (out / "train/general/data/000000.parquet").exists()
    assert {row["id"] for row in loaded} == kept


def test_without_a_whole_input_leaves_no_empty_shard(mixed, inputs, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    code = mix("--out", str(out), "--without", inputs.text.name)
    loaded = load_dataset(str(out), split="train", streaming=True, cache_dir=str(tmp_path / "cache"))

    assert code == 0
    assert not list(out.glob("*/text/*/*"))
    assert {row["kind"] for row in loaded} == {"general", "synthetic"}
    assert "text" not in get_dataset_config_names(str(out), cache_dir=str(tmp_path / "cache"))
    assert not (out / "previews/text.png").exists()


def test_a_train_split_that_would_be_empty_is_refused(inputs, tmp_path, capfd):
    one_document = [
        "--document",
        r".*(p)_\d+\.png",
        "--test-share",
        "0.5",
    ]  # the hash of "p" is among the held-out ones
    flags = ["--inputs", str(inputs.general), str(inputs.text), *one_document]
    code = mix(*flags, "--ratios", "general=1,text=1", "--out", str(tmp_path / "out"))
    said = capfd.readouterr().err

    assert code == 1
    assert "the train split would be empty" in said
    assert "--ratios all" in said


def test_without_something_unknown_changes_nothing(mixed, inputs, tmp_path, capfd):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    before = digests(out)
    codes = [
        mix("--out", str(out), "--without", "no/such.png", inputs.text.name),
        mix(*inputs.flags(out), "--without", "x"),
        mix("--out", str(tmp_path / "none"), "--without", "x"),
    ]
    (out / "statistics.json").rename(tmp_path / "statistics.json")
    codes.append(mix("--out", str(out), "--without", inputs.text.name))
    (tmp_path / "statistics.json").rename(out / "statistics.json")
    said = capfd.readouterr().err

    assert codes == [1, 1, 1, 1]
    assert "is not finished: " in said
    assert "has no row of no/such.png: " in said
    assert "inputs and without are given together" in said
    assert "holds no mix" in said
    assert digests(out) == before


def test_a_dry_run_tells_the_plan_and_writes_nothing(inputs, mixed, train, tmp_path, capfd):
    out = tmp_path / "out"
    code = mix(*inputs.flags(out), "--dry-run")
    said = capfd.readouterr().out

    assert code == 0
    assert re.search(rf"train +general +{kinds(train)['general']} +\d+ +50.00% +[\d.]+ +[\d.]+\n", said)
    assert f"near a held-out source: {near(mixed)} rows" in said
    assert not list(tmp_path.iterdir())


def test_photos_that_are_gone_are_told(inputs, tmp_path, capfd):
    copy = Path(shutil.copytree(inputs.rendered, tmp_path / "rendered"))
    (copy / "sources.json").write_text(json.dumps({"photo_index": str(tmp_path / "none")}))
    flags = ["--inputs", str(copy), "--ratios", "all", "--test-share", str(inputs.test_share)]
    code = mix(*flags, "--out", str(tmp_path / "out"))
    said = capfd.readouterr().out
    shas = [{row["source_sha256"] for row in rows(tmp_path / "out", split)} for split in ("train", "test")]

    assert code == 0
    assert re.search(r"rendered: the photos of \d+ rows cannot be fingerprinted", said)
    assert shas[0] & shas[1] <= {""}
    assert shas[1]


def test_a_selection_without_its_curation_is_fingerprinted_from_its_images(inputs, mixed, tmp_path):
    moved = Path(shutil.copytree(inputs.general, tmp_path / "general"))
    flags = inputs.flags(tmp_path / "out")
    flags[flags.index(str(inputs.general))] = str(moved)

    assert mix(*flags) == 0
    assert digests(tmp_path / "out/train") == digests(mixed / "train")


def test_what_cannot_be_mixed_is_refused(inputs, tmp_path, capfd):
    out = str(tmp_path / "out")
    codes = [
        mix("--out", out),
        mix("--out", out, "--inputs", str(inputs.general.parents[1])),
        mix("--out", out, "--inputs", str(inputs.general)),
        mix("--out", out, "--inputs", str(inputs.general), "--ratios", "gen"),
        mix(*inputs.flags(out + "2"), "--num-images", "1000"),
        mix("--out", out + "3", "--inputs", str(inputs.rendered), "--ratios", "synthetic=1,synthetic-5-7=1"),
    ]
    said = capfd.readouterr().err

    assert codes == [1, 1, 1, 1, 1, 1]
    assert mix("--out", out, "--inputs", str(inputs.general), "--ratios", "general") == 0  # nothing was begun there
    assert "inputs is empty: name rendered datasets" in said
    assert f"holds no whole shard: name {inputs.general}" in said
    assert "ratios name 'text', of which the inputs hold no image: they have general" in said
    assert "ratios name 'gen', of which" in said
    assert re.search(r"num_images is 1,000: .*text has \d+ of the 250 that .*; give at most \d+\n", said)
    assert "both take synthetic-5-7" in said
    for flags in (["--test-share", "0.9"], ["--document", "("], ["--document", "x"], ["--seed", "-1"]):
        with pytest.raises(SystemExit):
            mix("--out", out, "--inputs", "x", *flags)


def test_inputs_of_other_columns_are_joined_and_of_other_types_refused(inputs, tmp_path, capfd):
    table = pq.read_table(inputs.general / "data/000000.parquet")
    at = table.schema.get_field_index("entropy_bits")
    copy = Path(shutil.copytree(inputs.general, tmp_path / "other"))
    for path in (copy / "data").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.set_column(at, "entropy_bits", table.column(at).cast("double")), path)
        sidecar = copy / f"manifest/{path.stem}.json"
        sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"num_bytes": path.stat().st_size}))
    code = mix("--out", str(tmp_path / "out"), "--inputs", str(inputs.general), str(copy), "--ratios", "all")

    assert code == 1
    assert "column entropy_bits is double in" in capfd.readouterr().err


@pytest.mark.parametrize("text_first", [False, True])
def test_a_file_is_taken_once_and_rather_as_text(inputs, tmp_path, capfd, text_first):
    text, again = (pack(inputs.photos, kind, tmp_path / f"{kind}-curated") for kind in ("text", "general"))
    names = [str(text), str(inputs.general), str(again)] if text_first else [str(inputs.general), str(again), str(text)]
    flags = ["--inputs", *names, "--ratios", "all", "--test-share", "0"]
    codes = [
        mix(*flags, "--out", str(tmp_path / "once")),
        mix(*flags, "--out", str(tmp_path / "all"), "--keep-duplicates"),
    ]
    said = capfd.readouterr().out
    once, everything = rows(tmp_path / "once", "train"), rows(tmp_path / "all", "train")
    photos = {sha256(path.read_bytes()) for path in inputs.photos.iterdir()}

    assert codes == [0, 0]
    assert len(everything) == pq.read_table(inputs.general / "data").num_rows + 2 * len(photos)
    assert len({row["source_sha256"] for row in once}) == len(once) == len(everything) - 2 * len(photos)
    assert {row["source_sha256"] for row in once if row["kind"] == "text"} == photos
    assert {row["origin"] for row in once} == {"general", "text"}
    assert f"copies of a file that another row holds: {2 * len(photos)} rows" in said
    assert f"{2 * len(photos)} rows were left out because another row" in (tmp_path / "once/README.md").read_text()


def test_two_inputs_of_one_name_are_told_apart(inputs, tmp_path):
    other = pack(inputs.photos, "general", tmp_path / "curated")
    flags = ["--inputs", str(inputs.general), str(other), "--ratios", "all", "--test-share", "0", "--keep-duplicates"]
    code = mix(*flags, "--out", str(tmp_path / "out"))
    both = rows(tmp_path / "out", "train")
    codes = [code, mix("--out", str(tmp_path / "out"), "--without", "general-2")]
    left = rows(tmp_path / "out", "train")

    assert codes == [0, 0]
    assert {row["origin"] for row in both} == {"general", "general-2"}
    assert len({row["id"] for row in both}) < len(both)  # ids are of their own input
    assert [row["id"] for row in left] == [row["id"] for row in both if row["origin"] == "general"]
    assert not (tmp_path / "out/test").exists()
