"""More faces from Debian and npm packages, unpacked into a folder that `load_catalog` reads."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fonts.sources import RECORD_NAME, SUFFIXES

_LICENCE_NAMES = ("licence", "license", "license_font", "license.txt", "ofl.txt", "copyright", "copying")
_MAX_FILE_BYTES = 200 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package of fonts in Debian or npm."""

    name: str
    origin: str  # "debian" | "npm"
    package: str
    licence: str
    megabytes: int  # of the download
    about: str
    version: str = ""  # "" for the one that is offered


def known_packages() -> dict[str, Package]:
    """The packages in fetch.toml by name."""
    origins = tomllib.loads((Path(__file__).parent / "fetch.toml").read_text("utf-8"))
    return {
        name: Package(name=name, origin=origin, **fields)
        for origin, packages in origins.items()
        for name, fields in packages.items()
    }


def fetch(package: Package, folder: Path) -> Path:
    """Download a package: its fonts, its licence and fetched.json in `folder/name`, which appears whole.

    What is there already is replaced. ValueError where the tool is missing, fails, or brings no font.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{package.name}.") as temporary:
        archive = _download(package, Path(temporary))
        made = Path(temporary) / "made"
        made.mkdir()
        with open_archive(archive) as files:
            unpack(files, made)
        _describe(package, archive, made)
        return _put_in_place(made, folder / package.name)


def unpack(files: tarfile.TarFile, folder: Path) -> list[str]:
    """Write the fonts and licences of an archive into one flat folder; nothing else leaves it.

    Only plain files are read and only their last name is used, so no member can land elsewhere.
    """
    written: list[str] = []
    for member in files:
        name = PurePosixPath(member.name).name
        if not member.isfile() or not _is_wanted(name):
            continue
        if member.size > _MAX_FILE_BYTES:
            raise ValueError(f"{member.name}: {member.size} bytes, more than a font has ({_MAX_FILE_BYTES})")
        content = files.extractfile(member)
        assert content is not None, f"{member.name} is a plain file"
        with (folder / name).open("wb") as file:
            shutil.copyfileobj(content, file)
        written.append(name)
    if not any(Path(name).suffix.lower() in SUFFIXES for name in written):
        raise ValueError(f"no {' '.join(SUFFIXES)} file in the package")
    return written


def _is_wanted(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES or name.lower() in _LICENCE_NAMES


def _download(package: Package, folder: Path) -> Path:
    if package.origin == "debian":
        _run_tool(["apt-get", "download", package.package], folder)
    else:
        pinned = f"{package.package}@{package.version}" if package.version else package.package
        _run_tool(["npm", "pack", "--silent", pinned], folder)
    archives = [path for path in folder.iterdir() if path.suffix in (".deb", ".tgz")]
    if len(archives) != 1:
        raise ValueError(f"{package.package}: {len(archives)} archives after the download, not one")
    return archives[0]


def _run_tool(command: Sequence[str], folder: Path) -> None:
    remedies = {"apt-get": "it comes with Debian and Ubuntu", "npm": "it comes with Node.js"}
    if not shutil.which(command[0]):
        remedy = f"{remedies[command[0]]}; elsewhere install the fonts yourself and use --fonts system or a folder"
        raise ValueError(f"{command[0]} is not on this machine: {remedy}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{' '.join(command)} failed ({done.returncode}): {done.stderr.strip()[-500:]}")


@contextmanager
def open_archive(archive: Path) -> Iterator[tarfile.TarFile]:
    """The files of an npm .tgz or a Debian .deb, to be read once in order. ValueError for a damaged one."""
    try:
        with tarfile.open(archive) if archive.suffix == ".tgz" else _open_debian(archive) as files:
            yield files
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{archive.name} is damaged: {error}") from error


@contextmanager
def _open_debian(archive: Path) -> Iterator[tarfile.TarFile]:
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None, "asked for a pipe"
        with tarfile.open(fileobj=process.stdout, mode="r|") as files:
            yield files
        process.stdout.read()
    if process.returncode:
        raise ValueError(f"{' '.join(command)} failed ({process.returncode})")


def _describe(package: Package, archive: Path, folder: Path) -> None:
    """Write fetched.json: where these files come from, their licence and hashes."""
    source = {
        "origin": package.origin,
        "package": package.package,
        "licence": package.licence,
        "archive": archive.name,
        "archive_sha256": _sha256(archive),
        "files": {path.name: _sha256(path) for path in sorted(folder.iterdir())},
    }
    (folder / RECORD_NAME).write_text(json.dumps(source, indent=2) + "\n", "utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put_in_place(made: Path, place: Path) -> Path:
    if place.exists():
        os.replace(place, made.parent / "old")  # removed with the temporary folder
    os.replace(made, place)
    return place
