"""Acuity charts: what a choice needs is exact, look-alikes differ and are drawn, and the set is made once, whole."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from datasets import load_dataset

from fonts.catalog import load_catalog
from pipelines.acuity_charts import making
from pipelines.acuity_charts.lookalikes import common_characters, look_alikes
from pipelines.acuity_charts.scenes import chart_faces
from pipelines.acuity_charts.settings import CONTRASTS, GROUNDS, LANGUAGES, SIDE_PX, Charts
from pipelines.acuity_charts.targets import NUM_CANDIDATES, compose
from pipelines.shards.codec import decode
from pipelines.shards.files import sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows
from render.colour import luminance, to_rgb
from render.draw import draw
from render.page import coverage_of
from render.scene import Scene
from tests.pipelines.charted import NUM_CHARTS, NUM_SHARDS, charted, settings_of

COLUMNS = (
    "image",
    "lines",
    "targets",
    "under",
    "coverages",
    "ink",
    "scene",
    "language",
    "size_px",
    "ground",
    "contrast",
)


@pytest.fixture(scope="module")
def rows():
    found = Rows(Folder(str(charted())))
    return list(found.take(range(len(found)), COLUMNS))


def placed(row):
    """Each target with the chart's pixels in its box, what lies under it, and its ten coverages."""
    image, under = decode(row["image"]["bytes"]), decode(row["under"]["bytes"])
    sheet = decode(row["coverages"]["bytes"])[..., 0]
    high, wide = under.shape[0] // len(row["targets"]), under.shape[1]
    for i, target in enumerate(row["targets"]):
        x, y, width, height = (target[name] for name in ("x", "y", "width", "height"))
        cells = sheet[i * high : i * high + height].reshape(height, NUM_CANDIDATES, wide)[:, :, :width]
        yield (
            target,
            image[y : y + height, x : x + width],
            under[i * high : i * high + height, :width],
            cells.transpose(1, 0, 2),
        )


def test_the_true_candidate_is_the_charts_own_pixels(rows):
    num = 0
    for row in rows:
        for target, pixels, under, coverages in placed(row):
            num += 1
            ink = to_rgb(row["ink"])
            assert np.array_equal(compose(under, coverages[target["truth"]], ink), pixels), target

    assert num > 30 * len(rows)


def test_candidates_are_ten_characters_that_are_drawn_differently(rows):
    for row in rows:
        for target, _, _, coverages in placed(row):
            assert len(set(target["candidates"])) == NUM_CANDIDATES
            assert target["candidates"][target["truth"]] == target["char"]
            assert set(target["candidates"]) <= set(common_characters(row["language"]))
            drawn = coverages.astype(np.int64)
            apart = ((drawn - drawn[target["truth"]]) ** 2).sum(axis=(1, 2))
            least = 0.05 * (drawn[target["truth"]] ** 2).sum()
            assert (np.delete(apart, target["truth"]) >= least).all()
            assert drawn.max(axis=(1, 2)).min() > 0


def test_the_truth_stands_anywhere_among_the_candidates(rows):
    places = Counter(target["truth"] for row in rows for target in row["targets"])
    mean = places.total() / NUM_CANDIDATES

    assert all(abs(places[i] - mean) < 5 * np.sqrt(mean) for i in range(NUM_CANDIDATES))


def test_no_box_and_no_line_is_clipped(rows):
    for row in rows:
        quads = np.array([line["quad_px"] for line in row["lines"]])
        assert quads.min() >= 0
        assert quads.max() <= SIDE_PX
        for target, pixels, under, coverages in placed(row):
            assert pixels.shape == under.shape == (target["height"], target["width"], 3)
            edges = (coverages[:, [0, 1, -2, -1]], coverages[:, :, [0, 1, -2, -1]])
            assert not any(edge.any() for edge in edges)


def test_every_kind_is_there_and_looks_as_it_says(rows):
    kinds = Counter((row["language"], row["size_px"], row["ground"], row["contrast"]) for row in rows)

    assert kinds == {(a, b, c, d): 1 for a in LANGUAGES for b in range(5, 21) for c in GROUNDS for d in CONTRASTS}
    for row in rows:
        ink = float(luminance(to_rgb(row["ink"])))
        ground = float(luminance(decode(row["image"]["bytes"])).mean())
        assert (ink < ground) == (row["contrast"] == "dark")
        assert min(line["contrast"] for line in row["lines"]) > 42
        assert len({line["face"] for line in row["lines"]}) >= 4


def test_a_scene_draws_its_chart_again(rows):
    faces = load_catalog()
    for row in rows:
        if row["ground"] == "paper":
            again = draw(Scene.from_json(row["scene"]), None, faces)
            assert np.array_equal(again.image, decode(row["image"]["bytes"]))
            assert list(again.lines.text) == [line["text"] for line in row["lines"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_face_draws_its_look_alikes(language):
    faces = chart_faces(load_catalog(), language, 32)
    for face in faces:
        alike = look_alikes(face, language)
        assert not coverage_of(face).missing(alike.characters)
        assert alike.glyph_ids.all()
        assert len(alike.characters) == len(common_characters(language))
        assert all(i not in near for i, near in enumerate(alike.near.tolist()))
        assert [alike.numbers[char] for char in alike.characters] == list(range(len(alike.characters)))

    assert len({face.family for face in faces}) == len(faces) >= 5


def test_look_alikes_are_those_that_people_mix_up():
    faces = load_catalog()
    nearest = {
        (face, char): "".join(alike.characters[i] for i in alike.near[alike.numbers[char]][:9])
        for face, language, chars in (("Roboto-Regular", "en", "IOe"), ("NotoSansCJKsc-Regular", "zh", "己未国"))
        for alike in [look_alikes(faces[face], language)]
        for char in chars
    }

    assert "l" in nearest["Roboto-Regular", "I"]
    assert {"0", "Q", "C"} <= set(nearest["Roboto-Regular", "O"])
    assert "c" in nearest["Roboto-Regular", "e"]
    assert {"已", "巳"} <= set(nearest["NotoSansCJKsc-Regular", "己"])
    assert "末" in nearest["NotoSansCJKsc-Regular", "未"]
    assert {"围", "固"} <= set(nearest["NotoSansCJKsc-Regular", "国"])


def test_look_alikes_are_the_same_from_the_cache_and_without(tmp_path, monkeypatch):
    face = load_catalog()["Roboto-Regular"]
    kept = look_alikes(face, "en").near
    monkeypatch.setenv("SMALLPRINT_CACHE", str(tmp_path))
    look_alikes.cache_clear()
    made = look_alikes(face, "en").near
    [file] = tmp_path.glob("alike/*/*.npz")
    file.write_bytes(file.read_bytes()[:100])
    look_alikes.cache_clear()
    mended = look_alikes(face, "en").near
    look_alikes.cache_clear()

    assert np.array_equal(kept, made)
    assert np.array_equal(kept, mended)


def test_a_lost_shard_is_made_again_by_another_process_with_the_same_bytes(tmp_path, capsys):
    flags = ("--size-px", "8", "9", "--languages", "en", "--grounds", "paper", "--charts-per-shard", "2")
    assert making.make(settings_of(tmp_path, *flags)) == 0
    first = {path.name: path.read_bytes() for path in tmp_path.glob("data/*")}
    os.remove(tmp_path / "data/000001.parquet")
    capsys.readouterr()
    assert making.make(settings_of(tmp_path, *flags, "--backend", "processes", "--workers", "1")) == 0
    said = capsys.readouterr().out

    assert {path.name: path.read_bytes() for path in tmp_path.glob("data/*")} == first
    assert len(first) == 2
    assert "4 (2 new" in said


@pytest.mark.parametrize("name", ["job.json", "photos/job.json", "photos/entries.parquet"])
def test_what_cannot_be_made_again_is_named_where_it_is_cut_short(name, tmp_path, capsys):
    copy = shutil.copytree(charted(), tmp_path / "charts")
    (copy / name).write_bytes((copy / name).read_bytes()[:200])

    assert making.make(settings_of(copy)) == 1
    assert f"{copy / name} is " in capsys.readouterr().err


def test_another_seed_is_refused_and_more_charts_extend(tmp_path, capsys):
    flags = ("--size-px", "8", "8", "--languages", "en", "--grounds", "paper", "--charts-per-shard", "2")
    assert making.make(settings_of(tmp_path, *flags)) == 0
    first = (tmp_path / "data/000000.parquet").read_bytes()
    assert making.make(settings_of(tmp_path, *flags, "--charts-per-cell", "2")) == 0
    assert making.make(settings_of(tmp_path, *flags, "--seed", "4")) == 1

    assert "inputs.seed: 3 -> 4" in capsys.readouterr().err
    assert (tmp_path / "data/000000.parquet").read_bytes() == first
    assert len(Rows(Folder(str(tmp_path)))) == 4


def test_the_set_opens_as_a_dataset_with_what_its_card_says():
    folder = charted()
    dataset = load_dataset(str(folder), split="test")
    card = (folder / "README.md").read_text()
    counts = sum_counts(Folder(str(folder)))

    assert len(dataset) == NUM_CHARTS == counts["charts"]
    assert len(list(folder.glob("data/*.parquet"))) == NUM_SHARDS
    assert dataset[0]["image"].size == (SIDE_PX, SIDE_PX)
    assert dataset[0]["coverages"].mode == "L"
    assert f"{NUM_CHARTS} charts" in card
    assert all(f"**{name}" in card or f", {name}" in card for name in ("image", "under", "coverages", "targets", "ink"))


def test_runs_as_a_script_from_any_folder(tmp_path):
    script = Path(__file__).parents[2] / "pipelines/acuity.py"
    flags = (
        "--dry-run --backend processes --workers 2 --size-px 9 10 --languages en --grounds paper --charts-per-cell 3"
    )
    ran = subprocess.run(
        [sys.executable, script, *flags.split(), "--out", "charts"], cwd=tmp_path, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stderr
    assert "would make 12 charts in 1 shards" in ran.stdout
    assert not (tmp_path / "charts").exists()


def test_a_preview_shows_charts_beside_their_candidates(tmp_path):
    assert making.make(settings_of(tmp_path, "--preview", "4")) == 0

    sheet = cv2.imread(str(tmp_path / "preview.png"))
    assert sheet.shape[1] > 4 * SIDE_PX
    assert sheet.shape[0] > 2 * SIDE_PX
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size_px": (4, 20)}, "size_px is 4 20"),
        ({"languages": ("en", "en")}, "each once"),
        ({"grounds": ("gradient",)}, "paper, photo"),
        ({"contrasts": ()}, "dark, light"),
        ({"contrast_floor": 90.0}, "contrast_floor is 90"),
        ({"faces_per_language": 0}, "faces_per_language is 0"),
    ],
)
def test_names_what_does_not_fit(wrong, said):
    with pytest.raises(ValueError, match=said):
        Charts(**wrong)


@pytest.mark.parametrize(("size_px", "band"), [(5, "5-7"), (6, "5-7"), (7, "7-10"), (10, "10-14"), (20, "14-20")])
def test_a_size_has_its_band(size_px, band):
    assert {cell.band for cell in Charts(size_px=(size_px, size_px)).cells()} == {band}
