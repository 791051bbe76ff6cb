"""Fetching: hostile archives, a real npm package, a real Debian archive, and tools that are missing."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fonts.catalog import load_catalog
from fonts.fetch import Package, fetch, known_packages, open_archive, unpack

Make = Callable[..., Path]
ASCII = "".join(map(chr, range(0x20, 0x7F)))


def _archive(path: Path, members: dict[str, bytes | str]) -> Path:
    """A tar of files; a text value makes a symbolic link to it."""
    with tarfile.open(path, "w:gz") as files:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                files.addfile(member)
            else:
                member.size = len(content)
                files.addfile(member, io.BytesIO(content))
    return path


def _package(**fields: str) -> Package:
    known = {"name": "mine", "origin": "npm", "package": "mine", "licence": "OFL-1.1", "about": "a test"}
    return Package(**{**known, **fields}, megabytes=1)


def test_nothing_leaves_the_folder(tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {
        "../../above.ttf": b"1",
        "/etc/absolute.otf": b"2",
        "package/deep/inside.ttc": b"3",
        "package/LICENSE": b"4",
        "package/run.sh": b"5",
        "package/link.ttf": "/etc/passwd",
        "..": b"6",
    }
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    with tarfile.open(_archive(tmp_path / "evil.tgz", members)) as files:
        unpack(files, folder)

    assert sorted(path.name for path in folder.iterdir()) == [
        "LICENSE",
        "above.ttf",
        "absolute.otf",
        "inside.ttc",
    ]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder) == ["evil.tgz"]


def test_a_package_without_fonts_is_an_error(tmp_path: Path) -> None:
    with (
        tarfile.open(_archive(tmp_path / "none.tgz", {"package/LICENSE": b"text"})) as files,
        pytest.raises(ValueError, match=r"no \.ttf"),
    ):
        unpack(files, tmp_path)


def test_a_missing_tool_is_named_with_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    for origin, tool in (("debian", "apt-get"), ("npm", "npm")):
        with pytest.raises(ValueError, match=f"{tool} is not on this machine.*--fonts system"):
            fetch(_package(origin=origin), tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.fixture
def npm_folder(tmp_path: Path, make_subset: Make) -> Path:
    """A package folder as npm takes it, with a face and its licence."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"name": "mine", "version": "1.0.0"}))
    (folder / "LICENSE_FONT").write_text("SIL Open Font License")
    shutil.move(make_subset("DejaVuSans", ASCII), folder / "Mine.ttf")
    return folder


def test_an_npm_package_becomes_faces(npm_folder: Path, tmp_path: Path, own_cache: Path) -> None:
    place = fetch(_package(package=str(npm_folder)), own_cache / "fetched")
    record = json.loads((place / "fetched.json").read_text())
    content = (npm_folder / "Mine.ttf").read_bytes()

    assert place == own_cache / "fetched" / "mine"
    assert sorted(path.name for path in place.iterdir()) == ["LICENSE_FONT", "Mine.ttf", "fetched.json"]
    assert record["files"]["Mine.ttf"] == hashlib.sha256(content).hexdigest()
    assert [face.path for face in load_catalog(("fetched",)).faces] == [str(place / "Mine.ttf")]


def test_fetching_again_replaces_and_a_failure_keeps_what_is_there(npm_folder: Path, tmp_path: Path) -> None:
    package = _package(package=str(npm_folder))
    place = fetch(package, tmp_path / "to")
    (place / "stale").touch()
    fetch(package, tmp_path / "to")
    (npm_folder / "Mine.ttf").unlink()
    with pytest.raises(ValueError, match=r"no \.ttf"):
        fetch(package, tmp_path / "to")

    assert sorted(path.name for path in place.iterdir()) == ["LICENSE_FONT", "Mine.ttf", "fetched.json"]
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["mine"]


def test_a_failing_tool_is_quoted(npm_folder: Path, tmp_path: Path) -> None:
    (npm_folder / "package.json").write_text("{")

    with pytest.raises(ValueError, match=r"npm pack .* failed \(\d+\)"):
        fetch(_package(package=str(npm_folder)), tmp_path / "to")


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")
def test_a_debian_archive_is_read(tmp_path: Path, make_subset: Make) -> None:
    root = tmp_path / "root"
    for name, text in (("DEBIAN/control", _CONTROL), ("usr/share/doc/mine/copyright", "OFL")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.move(make_subset("DejaVuSans", ASCII), root / "usr/share/mine.ttf")
    subprocess.run(["dpkg-deb", "--build", str(root), str(tmp_path / "mine.deb")], check=True, capture_output=True)
    (tmp_path / "out").mkdir()
    with open_archive(tmp_path / "mine.deb") as files:
        unpack(files, tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["copyright", "mine.ttf"]


_CONTROL = "Package: mine\nVersion: 1\nArchitecture: all\nMaintainer: Me <me@example.org>\nDescription: fonts\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("broken.deb", b"!<arch>\nnothing"),
        ("page.tgz", b"<html>not found</html>"),
        ("cut.tgz", gzip.compress(bytes(10_240), mtime=0)[:20]),
        ("garbled.tgz", gzip.compress(bytes(10_240), mtime=0)[:12] + b"\xff" * 30),
    ],
    ids=["deb", "page", "cut", "garbled"],
)
def test_a_damaged_archive_is_an_error_that_names_it(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(ValueError, match=f"{name} is damaged: "), open_archive(tmp_path / name) as files:
        unpack(files, tmp_path)


def test_the_list_holds_kai_hand_and_both_languages() -> None:
    known = known_packages()

    assert {"noto-cjk", "arphic-ukai", "ma-shan-zheng", "liberation", "noto-sans-sc"} <= set(known)
    assert {package.origin for package in known.values()} == {"debian", "npm"}
    assert all(package.version for package in known.values() if package.origin == "npm")
