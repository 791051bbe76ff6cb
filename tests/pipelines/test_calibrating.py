import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.damage import DAMAGES
from pipelines.curation.calibrating import Calibration, calibrate, draw_sample, strength_of
from pipelines.curation.fitting import NAME, RULES_FILE, read_tried
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import load_rules, select
from pipelines.shards.folder import Folder
from tests.pipelines.curation import rows
from tests.pipelines.scored import make_scored

CALIBRATION = Calibration(calibrate_images=5, max_crop_px=40_000, false_drop=0.2)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return make_scored(tmp_path_factory.mktemp("calibrated"))


@pytest.fixture(scope="module")
def calibrated(scored):
    calibrate(str(scored), CALIBRATION, num_workers=0, backend="inline")
    return scored


def tried_folder(out: Path) -> Path:
    [folder] = [path for path in (out / "calibration").iterdir() if path.is_dir()]
    return folder


def fit_of(out: Path) -> dict[str, Any]:
    fit: dict[str, Any] = json.loads((out / "calibration/fit.json").read_text())
    return fit


def test_draws_sound_images_once(scored):
    table = ScoreTable(str(scored))
    ids = [place["id"] for place in draw_sample(table, Calibration(calibrate_images=100))]
    few = [
        [p["id"] for p in draw_sample(table, Calibration(calibrate_images=3, calibrate_seed=s))] for s in (0, 0, 1, 2)
    ]

    assert len(ids) == len(set(ids)) == 6  # neither the bad file nor the copy
    assert few[0] == few[1]
    assert len({tuple(names) for names in few}) > 1


def test_scores_each_image_as_it_is_and_in_each_damage(calibrated):
    rows = read_tried(Folder(str(tried_folder(calibrated)))).to_pylist()

    assert len(rows) == 5 * (1 + len(DAMAGES))
    assert {row["damage"] for row in rows} == {"", *DAMAGES}
    assert all(row["width_px"] * row["height_px"] <= 40_000 for row in rows)
    assert {row["strength"] for row in rows if row["damage"] == "jpeg"} == {50.0, 30.0, 10.0}
    assert strength_of(DAMAGES["motion"], 3) == 21


def test_finds_that_sharpness_falls_with_blur(calibrated):
    columns = {column["column"]: column for column in fit_of(calibrated)["columns"]}

    assert columns["clarity"]["side"] == "at_least"
    assert columns["clarity"]["auroc"]["gaussian"] > 0.85
    assert columns["width_px"]["auroc"]["gaussian"] == 0.5


def test_the_rules_drop_no_more_than_stated(calibrated):
    fit = fit_of(calibrated)
    rules = load_rules(str(calibrated / RULES_FILE))[NAME].rules
    taken = [column for column in fit["columns"] if column["taken"]]

    assert fit["num_images"] == 5
    assert "at\n# most 20% of them" in (calibrated / RULES_FILE).read_text()
    assert fit["false_drop"] <= 0.2 * len(taken)
    for column in taken:  # of the whole images that were tried, not of crops of them
        scores = np.array([row[column["column"]] for row in rows(calibrated).values()], np.float64)
        beyond = scores < column["bound"] if column["side"] == "at_least" else scores > column["bound"]
        assert beyond.sum() <= 1, column["column"]
    assert {(c["column"], c["bound"]) for c in taken} <= {(rule.column, rule.bound) for rule in rules}


def test_another_false_drop_rate_needs_no_new_scores(calibrated):
    files = {path: path.stat().st_mtime_ns for path in tried_folder(calibrated).rglob("*.parquet")}
    before = fit_of(calibrated)
    calibrate(
        str(calibrated),
        Calibration(calibrate_images=5, max_crop_px=40_000, false_drop=0),
        num_workers=0,
        backend="inline",
    )
    loose = fit_of(calibrated)
    calibrate(str(calibrated), CALIBRATION, num_workers=0, backend="inline")

    assert loose["false_drop"] == 0
    assert fit_of(calibrated) == before
    assert {path: path.stat().st_mtime_ns for path in tried_folder(calibrated).rglob("*.parquet")} == files


def test_a_worker_makes_the_same_bytes_and_goes_on_where_it_was(calibrated, tmp_path):
    folder = tried_folder(calibrated)
    before = {path.name: path.read_bytes() for path in (folder / "data").iterdir()}
    (folder / "manifest/000001.json").unlink()
    (folder / "data/000001.parquet").unlink()
    kept = (folder / "data/000000.parquet").stat().st_mtime_ns
    calibrate(str(calibrated), CALIBRATION, num_workers=1, backend="processes")

    assert {path.name: path.read_bytes() for path in (folder / "data").iterdir()} == before
    assert (folder / "data/000000.parquet").stat().st_mtime_ns == kept


def test_an_image_that_is_gone_is_left_out(tmp_path):
    out = make_scored(tmp_path)
    shutil.rmtree(out / "duplicates")
    (tmp_path / "corpus/twin.png").unlink()
    calibrate(str(out), Calibration(calibrate_images=7, max_crop_px=40_000), num_workers=0, backend="inline")

    assert fit_of(out)["num_images"] == 6


def test_calibrated_rules_select(calibrated):
    [done] = select(ScoreTable(str(calibrated)), str(calibrated / RULES_FILE))

    assert done.name == NAME


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"calibrate_images": 1}, "calibrate_images is 1: give at least 2"),
        ({"false_drop": 1}, "false_drop is 1: give a share from 0, under 1"),
        ({"max_crop_px": 100}, "max_crop_px is 100: give at least 16384"),
    ],
)
def test_refuses_settings_that_cannot_be(values, message):
    with pytest.raises(ValueError, match=message):
        Calibration(**values)
