"""The command line of the fonts package."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fonts.__main__ import main

Make = Callable[..., Path]
ASCII = "".join(map(chr, range(0x20, 0x7F)))

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def folder(make_subset: Make) -> Path:
    """A folder with one good face."""
    return make_subset("DejaVuSans", ASCII, "good.ttf").parent


def test_list_shows_a_line_for_each_face(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["list", "--fonts", str(folder)])
    lines = capsys.readouterr().out.splitlines()

    assert code == 0
    assert lines[0].split()[:5] == ["DejaVuSans", "sans", "400", "-", "en"]
    assert lines[-1].startswith("1 faces; 0 rejected")


def test_check_reports_rejected_faces_with_its_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = main(["check", "--fonts", str(folder)])
    (folder / "bad.ttf").write_bytes(b"\0\1\0\0")
    dirty = main(["check", "--fonts", str(folder)])

    assert (clean, dirty) == (0, 1)
    assert "bad.ttf #0\n    unreadable" in capsys.readouterr().out


def test_check_prints_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--reasons"]) == 0
    assert "Source: OpenType OS/2 fsType" in capsys.readouterr().out


def test_wrong_values_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--fonts", "nowhere"]) == 2
    assert main(["fetch", "nothing-like-this"]) == 2
    assert "there are noto-cjk" in capsys.readouterr().err


def test_a_failed_fetch_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["fetch", "lato", "--to", str(tmp_path / "to")]) == 1
    assert "lato: apt-get is not on this machine" in capsys.readouterr().err


def test_fetch_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "--show"]) == 0
    assert "arphic-ukai" in capsys.readouterr().out


def test_the_module_runs_and_writes_a_specimen(folder: Path) -> None:
    out = folder / "specimen.png"
    command = [sys.executable, "-m", "fonts", "specimen", "--fonts", str(folder), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(out)]
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_specimen_that_cannot_be_written_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").touch()

    assert main(["specimen", "--fonts", str(folder), "--out", str(folder / "file/specimen.png")]) == 2
    assert "error: " in capsys.readouterr().err
