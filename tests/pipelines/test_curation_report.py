import base64
import json
import re
import shutil
from html import unescape

import numpy as np
import pytest

from pipelines.curation.calibrating import Calibration, calibrate
from pipelines.curation.facts import Closest, gather
from pipelines.curation.fitting import without_nan
from pipelines.curation.report import write_report
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import read_cuts, select, selection_names
from pipelines.curation.selection_pages import log_ticks
from pipelines.shards.folder import Folder
from tests.pipelines.scored import make_scored, make_selected
from tests.pipelines.test_report import Page

CATEGORIES = """
parts:
  categories:
    - {name: rockets, where: 'matches(id, "*rocket*") and licence != "none"'}
    - {name: rest}
  rules:
    - {column: width_px, at_most: 500, where: 'category == "rockets"'}
"""


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    return make_selected(make_scored(tmp_path_factory.mktemp("reported")))


@pytest.fixture(scope="module")
def facts(curated):
    folder = Folder(str(curated))
    return gather(ScoreTable(str(curated)), folder, {name: read_cuts(folder, name) for name in selection_names(folder)})


@pytest.fixture(scope="module")
def html(curated):
    calibrate(str(curated), Calibration(calibrate_images=3, max_crop_px=30_000), num_workers=0, backend="inline")
    path = write_report(str(curated))
    assert path == f"{curated}/report.html"
    return (curated / "report.html").read_text()


def test_counts_what_there_is(facts):
    assert facts.num_rows == 8
    assert facts.statuses == {"ok": 7, "not an image": 1}
    assert facts.duplicates == {"exact": 1}
    assert [name for _, rows in facts.faults.items() for name, _ in rows] == ["1/page.jpg"]


def test_finds_both_of_a_pair(curated, facts):
    table = ScoreTable(str(curated))
    [(kind, *rows)] = facts.pairs

    assert kind == "exact"
    assert [table.row(row, ["id"])["id"] for row in rows] == ["0/chelsea.png", "1/twin.png"]


def test_bins_hold_every_sound_image(facts):
    bins = facts.bins["general", "clarity"]

    assert bins.kept.sum() == facts.selections["general"].cuts["counts"]["kept"]
    assert (bins.kept + bins.dropped + bins.elsewhere).sum() == 7


def test_bars_tell_what_fails_a_bound_from_what_another_rule_drops(curated, facts):
    bins, cuts = facts.bins["general", "clarity"], facts.selections["general"].cuts
    [rule] = [rule for rule in cuts["rules"] if rule["column"] == "clarity"]
    middles = (bins.edges[:-1] + bins.edges[1:]) / 2
    width = bins.edges[1] - bins.edges[0]

    assert bins.dropped.sum() >= rule["failing"] > 0
    assert middles[bins.dropped > 0].max() < rule["value"] + width
    assert bins.elsewhere.sum() == 7 - cuts["counts"]["kept"] - bins.dropped.sum()


def test_chooses_images_on_both_sides_of_a_bound(curated, facts):
    [around] = [a for a in facts.selections["general"].around if a.rule["column"] == "clarity"]
    table = ScoreTable(str(curated))
    values = [[table.row(row, ["clarity"])["clarity"] for row in side.rows] for side in (around.dropped, around.kept)]

    assert values[0] == sorted(values[0], reverse=True)
    assert values[1] == sorted(values[1])
    assert max(values[0]) < around.rule["value"] <= min(values[1])


def test_shows_a_stage_only_what_it_adds(facts):
    rules = [around.rule["rule"] for around in facts.selections["stage-512"].around]

    assert "min(width_px, height_px) under 256" not in rules


def test_the_page_stands_alone_and_is_small(html):
    page = Page(html)
    links = [attrs[name] or "" for _, attrs in page.elements for name in ("src", "href") if name in attrs]

    assert all(link.startswith(("data:image/", "#")) for link in links)
    assert page.attributes("script") == []
    assert len(html) < 2_000_000
    assert max(int(image["width"] or 0) for image in page.attributes("img")) <= 340


def test_says_what_pictures_colours_and_expressions_mean(html):
    text = unescape(re.sub(r"<[^>]*>", " ", html))
    scores = text[text.rindex("Other scores") :]

    assert "Under each picture stands its part with the strongest edges, at its own pixels." in text
    assert "height_px: height as seen, after EXIF orientation; px" in text
    assert "a rule fails unless it keeps what is missing" in text
    assert "dropped by general" in scores
    assert "fails the bound" not in scores
    assert "dropped for another reason" not in scores


def test_the_page_says_all_that_was_found(html):
    text = re.sub(r"<[^>]*>", " ", html)

    for part in (
        "Sharp &lt;ones&gt;.",
        "not an image",
        "page.jpg",
        "exact: twin.png repeats chelsea.png",
        "&lt;words&gt; &amp; more",
        "rockets",
        "pixel scores",
        "images a second",
        "AUROC",
        "Each stage is a part of the one before it",
        "fails: ",
        "clarity at least ",
    ):
        assert part in text, part


def test_pictures_are_of_the_images(html):
    images = [image["src"] or "" for image in Page(html).attributes("img")]

    assert len(images) >= 20
    assert all(base64.b64decode(image.partition(",")[2]).startswith(b"RIFF") for image in images)


def test_a_page_without_selections(tmp_path):
    out = make_scored(tmp_path)
    write_report(str(out))
    text = (out / "report.html").read_text()

    assert "Not done: `curate.py calibrate`" in text
    assert "8 images, 0 selections" in text


def test_the_page_says_what_was_not_listed(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/notes.txt").write_text("no image")
    out = make_scored(tmp_path)
    write_report(str(out))

    assert "Left out of the list: 1 .txt." in (out / "report.html").read_text()


def test_an_image_that_is_gone_is_left_out_of_the_page(tmp_path):
    out = make_selected(make_scored(tmp_path))
    (tmp_path / "corpus/twin.png").unlink()
    write_report(str(out))

    assert "exact: twin.png repeats" not in (out / "report.html").read_text()


def test_rules_on_categories_are_shown(tmp_path):
    out, rules = make_scored(tmp_path), tmp_path / "mine.yaml"
    rules.write_text(CATEGORIES)
    select(ScoreTable(str(out)), str(rules))
    write_report(str(out))
    text = unescape((out / "report.html").read_text())
    folder, table = Folder(str(out)), ScoreTable(str(out))
    [around] = gather(table, folder, {"parts": read_cuts(folder, "parts")}).selections["parts"].around

    assert [table.row(row, ["id"])["id"] for row in around.dropped.rows] == ["0/rocket.jpg"]
    assert around.kept.rows == []  # every rocket is dropped
    assert 'width_px at most 500 where category == "rockets": nearest to it' in text


def test_what_calibration_could_not_tell_is_empty(curated, html, tmp_path):
    out = shutil.copytree(curated, tmp_path / "out")
    fit = json.loads((out / "calibration/fit.json").read_text(), parse_constant=pytest.fail)
    name = fit["harmful"][0]
    fit["recall"][name] = float("nan")
    for column in fit["columns"]:
        column["auroc"][name] = float("nan")
    (out / "calibration/fit.json").write_text(json.dumps(without_nan(fit), allow_nan=False))
    write_report(str(out))
    text = (out / "report.html").read_text()

    assert ">nan" not in text
    assert "AUROC" in text


def test_closest_rows_do_not_depend_on_the_batches():
    distances = np.random.default_rng(1).integers(0, 20, 200).astype(float)
    found = []
    for size in (3, 50, 200):
        closest = Closest(5)
        for first in range(0, 200, size):
            closest.add(distances[first : first + size], np.arange(first, min(200, first + size)))
        found.append(closest.rows)

    assert found[0] == found[1] == found[2] == np.argsort(distances, kind="stable")[:5].tolist()


def test_names_round_values_on_a_logarithmic_axis():
    assert list(log_ticks(-1, 3.4).values()) == ["0.1", "1", "10", "100", "1,000"]
    assert len(log_ticks(-3, 20)) <= 6
    assert list(log_ticks(5.2, 6.5).values()) == ["200k", "500k", "1M", "2M"]
