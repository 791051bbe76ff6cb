"""acuity.py: models measured on charts, once each, and again where something has changed."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.shards.folder import Folder
from tests.pipelines.charted import charted
from train.acuity_charts import measurement
from train.acuity_charts.rows import Charts
from train.acuity_charts.settings import Subjects


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
    assert "≤: no smaller size was tried" in page
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
