"""Acuity: the known losses rank as they must, guessing scores nothing, and what is measured is measured once."""

import json
import math
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.shards.folder import Folder
from pipelines.shards.seeds import rng_for
from tests.pipelines.charted import charted
from train.acuity_charts import measurement
from train.acuity_charts.forcedchoice import Choice
from train.acuity_charts.reading import to_original, to_truth
from train.acuity_charts.results import Results
from train.acuity_charts.rows import Charts, Kind
from train.acuity_charts.scores import (
    NEVER,
    Measured,
    _drawn_shares,
    acuity_of,
    by_size,
    choice_of,
    corrected,
    ned_of,
    ned_size,
    shown_px,
    smallest_from,
)
from train.acuity_charts.settings import Subjects
from train.peers.references import REFERENCES, open_reference

NAMES = tuple(REFERENCES)


@pytest.fixture(scope="module")
def charts():
    return Charts(str(charted()))


@pytest.fixture(scope="module")
def choices(charts):
    """Every chart with its candidates made ready."""
    return [(chart, Choice(chart)) for chart in charts.part(0, len(charts))]


@pytest.fixture(scope="module")
def measured(choices):
    """What each reference scores on every chart."""
    return {
        name: [
            Measured(
                kind=chart.kind,
                right=float(choice.credits(open_reference(name)(chart.image[None])[0]).sum()),
                num_targets=len(chart),
            )
            for chart, choice in choices
        ]
        for name in NAMES
    }


def share(choices, change):
    """The share of right answers when every chart goes through a change."""
    credits = [choice.credits(change(chart.image)) for chart, choice in choices]
    return float(np.concatenate(credits).mean())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_identity_is_right_at_every_size(measured, language):
    sizes = by_size(measured["identity"], language)

    assert list(sizes) == list(range(5, 21))
    assert all(choice_of(of_size).mean >= 0.99 for of_size in sizes.values())


@pytest.mark.parametrize(("better", "worse"), [("bicubic-x2", "bicubic-x4"), ("jpeg-q30", "jpeg-q10")])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_lesser_loss_ranks_above(measured, language, better, worse):
    above, below = (by_size(measured[name], language) for name in (better, worse))
    lead = [choice_of(above[size]).mean - choice_of(below[size]).mean for size in above]

    assert min(lead) > -0.01
    assert lead[0] > 0.2
    assert acuity_of(measured[better], language).px < acuity_of(measured[worse], language).px


def test_less_contrast_brightness_and_sharpness_change_no_answer(choices):
    def duller(image):
        return np.round(image * 0.5 + 60).astype(np.uint8)

    def tinted(image):
        return np.clip(image + np.array([12, -9, 4]), 0, 255).astype(np.uint8)

    def softer(image):
        padded = np.pad(image.astype(float), ((1, 1), (1, 1), (0, 0)), "edge")
        rows = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
        return np.round(0.25 * rows[:, :-2] + 0.5 * rows[:, 1:-1] + 0.25 * rows[:, 2:]).astype(np.uint8)

    assert share(choices, duller) > 0.99
    assert share(choices, tinted) > 0.98
    assert share(choices, softer) > 0.9


def test_what_holds_no_text_is_guessed(choices):
    def noise(image):
        return rng_for(0, "noise", 0).integers(0, 256, image.shape).astype(np.uint8)

    assert share(choices, lambda image: np.full_like(image, 128)) == pytest.approx(0.1)
    assert share(choices, lambda image: 255 - image) == pytest.approx(0.1, abs=0.02)
    assert share(choices, noise) == pytest.approx(0.1, abs=0.05)
    assert share(choices, lambda image: np.roll(image, (40, 7), (0, 1))) < 0.13  # other characters everywhere


def test_other_characters_in_their_place_are_wrong(choices):
    """Each target's second candidate drawn where the truth was."""
    for chart, choice in choices[:: len(choices) // 8]:
        wrong = (chart.truth + 1) % 10
        image = chart.image.copy()
        x, y, width, height = chart.boxes[0]
        image[y : y + height, x : x + width] = chart.rendered[0, wrong[0], :height, :width]

        assert choice.credits(image)[0] == 0
        assert choice.credits(chart.image)[0] == 1


def test_lines_are_cut_where_the_text_is(charts):
    [chart] = charts.part(0, 1)
    [row] = chart.line_pictures(chart.image, 1)

    assert len(chart.line_pictures(chart.image, 5)) == 5
    assert len(chart.line_pictures(chart.image, 500)) == len(chart.texts)
    assert chart.kind.size_px <= row.shape[0] <= 2.2 * chart.kind.size_px + 3
    assert row.shape[1] > 150


def chart_of(size, right, ground="paper", ned=()):
    kind = Kind("en", size, ground, "dark")
    return Measured(kind=kind, right=right, num_targets=100, ned=ned, ned_truth=ned)


@pytest.mark.parametrize(
    ("shares", "px"),
    [
        ({5: 0.95, 6: 0.9, 7: 1.0}, 5),
        ({5: 0.95, 6: 0.89, 7: 1.0}, 7),
        ({5: 0.1, 6: 0.2, 7: 0.3}, NEVER),
        ({5: 0.95, 6: math.nan, 7: 0.95}, 7),
        ({5: 1.0, 6: 1.0, 7: 0.8}, NEVER),
    ],
)
def test_acuity_counts_from_the_largest_size_down(shares, px):
    assert smallest_from(shares) == px


def test_chance_is_taken_off():
    assert corrected(0.1) == 0
    assert corrected(1) == 1
    assert corrected(0.91) == pytest.approx(0.9)
    assert choice_of([chart_of(5, 91), chart_of(5, 91)]).mean == pytest.approx(0.9)


def test_an_interval_holds_the_acuity_and_follows_the_spread():
    narrow = [chart_of(size, 100 if size > 7 else 20) for size in range(5, 11) for _ in range(8)]
    wide = [chart_of(size, 100 if size > 8 else 83 + 4 * k) for size in range(5, 11) for k in range(5)]
    first, second, again = (acuity_of(charts, "en") for charts in (narrow, wide, wide))

    assert (first.px, first.low, first.high) == (8, 8, 8)
    assert second.low < second.high
    assert second.low <= second.px <= second.high
    assert second == again
    assert acuity_of([chart_of(size, 10) for size in (5, 6)], "en").px == NEVER


@pytest.mark.parametrize("num_charts", [2, 3, 7])
def test_drawn_shares_spread_as_the_standard_error_says(num_charts: int):
    rng = np.random.default_rng(num_charts)
    rights = rng.binomial(100, 0.9, (40, num_charts))
    charts = [[chart_of(5, float(right)) for right in of_size] for of_size in rights]
    ratios = [
        _drawn_shares(of_size, rng).std() / choice_of(of_size).stderr for of_size in charts if len({*of_size}) > 1
    ]

    assert np.mean(ratios) == pytest.approx(1, abs=0.02)


def test_one_chart_a_size_has_no_interval():
    one = [chart_of(size, right) for size, right in ((5, 30), (6, 95), (7, 97))]
    two = [*one, *(chart_of(size, right) for size, right in ((5, 31), (6, 94), (7, 98)))]

    assert str(acuity_of(one, "en")) == "6"
    assert str(acuity_of(two, "en")) == "6 (6 to 6)"


def test_a_mean_counts_each_chart_as_one_draw():
    same, apart, one, unread = (
        ned_of([chart_of(5, 0, ned=ned) for ned in of_charts])
        for of_charts in (
            [(1.0, 1.0), (0.0, 0.0)],
            [(1.0, 0.0), (1.0, 0.0)],
            [(1.0,)],
            [(math.nan, 1.0), (math.nan,)],
        )
    )

    assert (same.mean, same.num) == (0.5, 4)
    assert same.stderr == pytest.approx(0.5)
    assert apart.stderr == 0
    assert math.isnan(one.stderr)
    assert unread.num == 1


def test_grounds_are_chosen_and_no_chance():
    paper = [chart_of(5, right) for right in (90, 94)]
    photo = [chart_of(5, right, ground="photo") for right in (50, 54)]
    both, single = choice_of(paper + photo), choice_of([*paper, photo[0]])
    rng, draws = rng_for(1, "draws", 0), []
    for _ in range(4000):
        picked = [*rng.choice([90, 94], 2), *rng.choice([50, 54], 2)]
        draws.append(corrected(float(np.mean(picked)) / 100))

    assert both.mean == pytest.approx(corrected(0.72))
    assert both.stderr == pytest.approx(
        np.std(draws) * math.sqrt(2), rel=0.05
    )  # drawn anew from two: half the variance
    assert single.stderr > 4 * both.stderr  # of one photo chart nothing is known: all count as one kind


def test_curves_that_go_down_are_told():
    def results_of(*rights):
        charts = [chart_of(5 + i, right + k, ned=(right / 100,)) for i, right in enumerate(rights) for k in (-1, 1)]
        return Results({"m": charts}, charts)

    down = results_of(50, 40, 90)

    assert results_of(40, 50, 90).falls("m", "en") == []
    assert [(of, a, b) for of, a, b, _ in down.falls("m", "en")] == [("forced choice", 5, 6), ("NED", 5, 6)]
    assert down.largest_stderr("m", "en") == pytest.approx((0.01 / 0.9, 0))
    assert results_of(50, 49, 90).falls("m", "en")[0][0] == "NED"  # one of forced choice is within its error


def test_ned_is_judged_only_where_the_original_reads():
    charts = [chart_of(size, 0, ned=(1.0,)) for size in range(5, 11)]

    assert ned_size(charts, lambda size: size >= 8, "en") == (8, 8)
    assert ned_size(charts, lambda size: size >= 8 or size == 5, "en") == (8, 8)
    assert ned_size(charts, lambda _: False, "en") == (NEVER, 0)
    assert (shown_px(8, 8, 20), shown_px(9, 8, 20), shown_px(NEVER, 8, 20)) == ("≤ 8", "9", "> 20")


def test_readings_are_compared_as_the_report_has_it_and_with_the_truth():
    assert to_original(["abc", ""], ["abd", "x"])[0] == pytest.approx(2 / 3)
    assert math.isnan(to_original([""], ["x"])[0])
    assert to_truth(["a b，c"], ["ab,c"]) == (1.0,)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Charts of which one shard is kept: 32 of 5 to 8 px."""
    folder = Path(shutil.copytree(charted(), tmp_path_factory.mktemp("few") / "charts"))
    for number in (1, 2, 3):
        (folder / f"manifest/{number:06d}.json").unlink()
        (folder / f"data/{number:06d}.parquet").unlink()
    return folder


def run(small, out, *flags):
    return measurement.main(["--charts", str(small), "--out", str(out), "--ocr-workers", "0", *flags])


def test_measures_models_once_and_shows_them_all(small, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("SMALLPRINT_CACHE", str(tmp_path / "cache"))
    module = tmp_path / "halves.py"
    module.write_text("FACTOR = 2\ndef encode(x):\n    return x[..., ::2, ::2]\n")
    module.write_text(
        module.read_text() + "def decode(z):\n    return z.repeat_interleave(2, -1).repeat_interleave(2, -2)\n"
    )
    two = ("--lines-per-chart", "1", "--references", "identity", "bicubic-x4")
    assert run(small, out, *two) == 0
    first = {path.name: path.stat().st_mtime_ns for path in out.glob("measured/*")}
    assert run(small, out, "--lines-per-chart", "1", "--references", "identity", "--modules", f"half={module}") == 0
    said, page = capsys.readouterr().out, (out / "report.html").read_text()
    content = json.loads((out / "acuity.json").read_text())

    assert set(first) == {"original.json", "identity.json", "bicubic-x4.json"}
    assert all((out / "measured" / name).stat().st_mtime_ns == when for name, when in first.items())
    assert list(content["models"]) == ["identity", "bicubic-x4", "half"]
    assert {entry["shown"] for entry in content["models"]["identity"]["acuity"]} == {"≤ 5 (≤ 5 to ≤ 5)"}
    assert {entry["px"] for entry in content["models"]["bicubic-x4"]["acuity"]} == {None}
    cells = content["models"]["identity"]["cells"]
    assert {cell["ned"] for cell in cells} == {1.0}
    assert all(cell["ned_truth"] == cell["original_ned_truth"] for cell in cells)
    assert all(name in page and name in said for name in ("identity", "bicubic-x4", "half"))
    assert page.count("<polyline") == 2 * 3 + 2 * 3  # two languages, two readings
    assert page.count("data:image/png") == 2 * 2 * 3  # two languages, 5 and 8 px, the original and two models
    assert (out / "plot.svg").read_text().count("no autoencoder") == 4


def test_goes_on_after_a_stop(small, tmp_path, monkeypatch, capsys):
    flags = ("--ocr", "none", "--references", "identity", "jpeg-q10")
    assert run(small, tmp_path / "whole", *flags) == 0
    monkeypatch.setattr(measurement, "BLOCK_CHARTS", 12)
    put, count = Folder.put, []

    def stopping(folder, name, data):
        count.append(name)
        if len([name for name in count if name.startswith("measured/")]) == 5:
            raise KeyboardInterrupt
        put(folder, name, data)

    monkeypatch.setattr(Folder, "put", stopping)
    assert run(small, tmp_path / "out", *flags) == 130
    monkeypatch.setattr(Folder, "put", put)
    left = json.loads((tmp_path / "out/measured/identity.json").read_text())["charts"]
    assert run(small, tmp_path / "out", *flags) == 0

    whole, resumed = (json.loads((tmp_path / name / "acuity.json").read_text()) for name in ("whole", "out"))
    assert 0 < len(left) < 32
    assert whole == resumed
    assert "the same command goes on" in capsys.readouterr().err


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_is_cut_short_is_made_again(small, tmp_path, capsys):
    flags = ("--ocr", "none", "--references", "identity", "jpeg-q10")
    assert run(small, tmp_path / "out", *flags) == 0
    whole = contents(tmp_path / "out")
    (tmp_path / "out" / f".acuity.json~{socket.gethostname()}~00000000.tmp").write_bytes(b"of a run that was killed")
    for name, data in whole.items():
        (tmp_path / "out" / name).write_bytes(data[: len(data) // 2])

    assert run(small, tmp_path / "out", *flags) == 0
    assert "measured/jpeg-q10.json is damaged; measured anew" in capsys.readouterr().err
    assert contents(tmp_path / "out") == whole

    example = next(name for name in whole if "examples/jpeg-q10" in name)
    (tmp_path / "out" / example).write_bytes(whole[example][:-1])
    assert run(small, tmp_path / "out", *flags) == 0
    assert contents(tmp_path / "out") == whole


def test_more_charts_later_are_measured_alone(small, tmp_path, capsys, monkeypatch):
    flags = ("--ocr", "none", "--references", "identity", "jpeg-q10")
    assert run(charted(), tmp_path / "whole", *flags) == 0
    assert run(small, tmp_path / "out", *flags) == 0
    done: list[int] = []
    part = Charts.part

    def counted(charts: Charts, start: int, stop: int) -> Any:
        done.append(start)
        return part(charts, start, stop)

    monkeypatch.setattr(Charts, "part", counted)
    assert run(charted(), tmp_path / "out", *flags) == 0

    assert done == [32, 64, 96]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert "anew" not in capsys.readouterr().err


def test_charts_that_are_not_whole_are_named(small, tmp_path, capsys):
    torn = shutil.copytree(small, tmp_path / "charts")
    (torn / "data/000001.parquet").write_bytes(b"PAR1")

    assert run(torn, tmp_path / "out", "--ocr", "none", "--references", "identity") == 1
    assert "data/000001.parquet is not whole: give the command again" in capsys.readouterr().err


def test_a_model_that_was_trained_on_is_measured_anew(small, tmp_path, capsys):
    module = tmp_path / "m.py"
    module.write_text("FACTOR = 1\ndef encode(x):\n    return x\ndef decode(z):\n    return z\n")
    flags = ("--ocr", "none", "--references", "identity", "--modules", f"m={module}")
    assert run(small, tmp_path / "out", *flags) == 0
    module.write_text(module.read_text().replace("return z", "return z * 0"))
    assert run(small, tmp_path / "out", *flags) == 0
    cells = json.loads((tmp_path / "out/acuity.json").read_text())["models"]["m"]["cells"]

    assert "m: it, the charts or the reader have changed" in capsys.readouterr().err
    assert all(abs(cell["forced_choice"]) < 1e-3 for cell in cells)


def test_a_model_that_runs_otherwise_is_measured_anew(small, tmp_path, capsys):
    flags = ("--ocr", "none", "--modules", f"m={tmp_path / 'm.py'}")
    (tmp_path / "m.py").write_text("FACTOR = 1\ndef encode(x):\n    return x\ndef decode(z):\n    return z\n")
    assert run(small, tmp_path / "out", *flags) == 0
    assert run(small, tmp_path / "out", *flags, "--tile-px", "64", "--margin-px", "0") == 0

    assert "m: it, the charts or the reader have changed" in capsys.readouterr().err


def test_says_what_is_wrong(tmp_path, capsys):
    assert run(tmp_path, tmp_path / "out") == 1
    assert "holds no whole shard" in capsys.readouterr().err
    assert run(charted(), tmp_path / "out", "--ocr", "none", "--taef2", str(tmp_path)) == 1
    assert "holds no weights" in capsys.readouterr().err
    for wrong in ({"models": ("folder",)}, {"models": ("a=b", "a=c")}, {"references": ("webp",)}):
        with pytest.raises(ValueError, match=r"NAME=PATH|name of its own|choose from"):
            Subjects(**wrong)


def test_runs_as_a_script(small, tmp_path):
    script = Path(__file__).parents[2] / "train/acuity.py"
    flags = ["--charts", str(small), "--out", "out", "--ocr", "none", "--references", "identity"]
    ran = subprocess.run([sys.executable, script, *flags], cwd=tmp_path, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    assert "acuity en, px" in ran.stdout
    assert (tmp_path / "out/report.html").is_file()
