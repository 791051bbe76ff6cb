"""Where font files are found: packages of the default set, the system, what was fetched, your folders."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from fonts.cache import cache_folder

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
RECORD_NAME = "fetched.json"  # beside fetched fonts: origin, licence, hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class FontFile:
    """A file to read, with what is declared of it; or, with a `fault`, why there is none."""

    path: str
    sha256: str = ""  # as declared; "" where anything is accepted
    licence: str = ""
    category: str = ""
    remedy: str = ""  # what to do when the file is not the declared one
    fault: str = ""


def font_files(source: str) -> Iterator[FontFile]:
    """The files of "default", "system", "fetched", or of a folder or file. ValueError for any other name."""
    if source == "default":
        yield from default_files(tomllib.loads((Path(__file__).parent / "default.toml").read_text("utf-8")))
    elif source == "system":
        yield from _plain(system_paths())
    elif source == "fetched":
        if not fetched_folder().is_dir():
            raise ValueError(f"fonts={source}: {fetched_folder()} is not there; first run `python -m fonts fetch`")
        yield from _plain(user_paths(fetched_folder()))
    else:
        yield from _plain(user_paths(Path(source).expanduser()))


def default_files(declared: dict[str, Any]) -> Iterator[FontFile]:
    """The declared files, each at the place where its package is installed."""
    for entry in declared["face"]:
        name = entry["distribution"]
        pinned = f"'{name}=={declared['version'][name]}'"
        try:
            path = str(Path(str(distribution(name).locate_file(entry["file"]))).resolve())
        except PackageNotFoundError:
            yield FontFile(path=entry["file"], fault=f"package {name} is not installed: pip install {pinned}")
            continue
        facts = {key: entry[key] for key in ("sha256", "licence", "category")}
        yield FontFile(path=path, remedy=f"pip install --force-reinstall {pinned}", **facts)


def fetched_folder() -> Path:
    """Where `python -m fonts fetch` puts what it fetches."""
    return cache_folder() / "fetched"


def system_paths() -> list[Path]:
    """The installed fonts: fontconfig's where it is there, else those in the usual folders."""
    if shutil.which("fc-list"):
        listed = subprocess.run(["fc-list", "-f", "%{file}\n"], capture_output=True, check=False)
        if listed.returncode == 0:
            paths = {Path(os.fsdecode(line)) for line in listed.stdout.splitlines() if line}
            return sorted(path for path in paths if path.suffix.lower() in SUFFIXES)
    return [path for folder in _system_folders() for path in _inside(folder)]


def _system_folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"))
        return [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts", local / "Microsoft/Windows/Fonts"]
    shared = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts")]
    return [*shared, home / ".local/share/fonts", home / ".fonts"]


def user_paths(path: Path) -> list[Path]:
    """The font files in a folder, or the one file. ValueError where there is none."""
    if path.is_file():
        return [path.resolve()]
    if not path.is_dir():
        raise ValueError(f"fonts={path}: no such folder or file; or use 'default', 'system' or 'fetched'")
    paths = _inside(path.resolve())
    if not paths:
        raise ValueError(f"fonts={path}: no {' '.join(SUFFIXES)} file in this folder")
    return paths


def _inside(folder: Path) -> list[Path]:
    """The font files below a folder, but for hidden ones: a fetch in progress is hidden."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _plain(paths: list[Path]) -> Iterator[FontFile]:
    return (FontFile(path=str(path), licence=_fetched_licence(path.parent)) for path in paths)


@cache
def _fetched_licence(folder: Path) -> str:
    """The licence recorded when the folder was fetched; "" elsewhere."""
    try:
        return str(json.loads((folder / RECORD_NAME).read_bytes())["licence"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / RECORD_NAME}: {error}; remove the folder and fetch it again") from error
