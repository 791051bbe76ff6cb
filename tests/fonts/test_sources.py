"""Where font files are found."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fonts.catalog import load_catalog
from fonts.sources import font_files, system_paths, user_paths

Make = Callable[..., Path]
ASCII = "".join(map(chr, range(0x20, 0x7F)))


def test_a_folder_is_searched_to_its_depth_without_hidden_parts(tmp_path: Path) -> None:
    for name in ("b.ttf", "a.OTF", "deep/er/c.ttc", ".hidden/d.ttf", "deep/.e.ttf", "f.woff2", "g.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert [str(path.relative_to(tmp_path)) for path in user_paths(tmp_path)] == [
        "a.OTF",
        "b.ttf",
        "deep/er/c.ttc",
    ]


@pytest.mark.parametrize("name", ["nowhere", "nowhere.ttf", "defualt"])
def test_an_unknown_source_names_the_others(name: str) -> None:
    with pytest.raises(ValueError, match=f"fonts={name}: .*'default', 'system' or 'fetched'"):
        load_catalog((name,))


def test_a_folder_without_fonts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.ttf"):
        load_catalog((str(tmp_path),))


def test_fetched_fonts_need_a_fetch_first(own_cache: Path) -> None:
    with pytest.raises(ValueError, match="python -m fonts fetch"):
        load_catalog(("fetched",))


def test_fetched_fonts_carry_the_recorded_licence(own_cache: Path, make_subset: Make) -> None:
    folder = own_cache / "fetched" / "somewhere"
    folder.mkdir(parents=True)
    shutil.move(make_subset("DejaVuSans", ASCII), folder / "DejaVuSans.ttf")
    (folder / "fetched.json").write_text(json.dumps({"licence": "Some-Licence"}))

    assert [face.licence for face in load_catalog(("fetched",)).faces] == ["Some-Licence"]


def test_a_damaged_record_of_a_fetch_names_the_file(own_cache: Path, make_subset: Make) -> None:
    folder = own_cache / "fetched" / "damaged"
    folder.mkdir(parents=True)
    shutil.move(make_subset("DejaVuSans", ASCII), folder / "DejaVuSans.ttf")
    (folder / "fetched.json").write_text("{")

    with pytest.raises(ValueError, match=r"damaged.fetched\.json: .*fetch it again"):
        load_catalog(("fetched",))


@pytest.mark.skipif(not shutil.which("fc-list"), reason="fontconfig is not installed")
def test_system_fonts_are_files_in_order() -> None:
    paths = system_paths()

    assert paths == sorted(paths)
    assert all(path.is_file() for path in paths)
    assert [file.path for file in font_files("system")] == [str(path) for path in paths]


def test_without_fontconfig_the_usual_folders_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_subset: Make
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = tmp_path / ".local/share/fonts/mine.ttf"
    mine.parent.mkdir(parents=True)
    shutil.move(make_subset("DejaVuSans", ASCII), mine)

    assert mine in system_paths()
