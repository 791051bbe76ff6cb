"""A folder, local or remote, in which every file appears whole."""

import errno
import os
import re
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import BinaryIO, cast

from fsspec.implementations.local import LocalFileSystem

from pipelines.shards.stores import StoredFile, open_store, store_faults

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STALE_SECONDS = 86_400  # a temporary file of another node, untouched for so long, has no writer
FETCHED_AT_ONCE = 64


class Folder:
    """A folder, local or at an fsspec URL (s3://...). Names in it are relative, with forward slashes."""

    def __init__(self, url: str) -> None:
        remote = "://" in url and not url.startswith("file://")
        self._fs, self._root = open_store(url, **({"use_listings_cache": False} if remote else {}))
        self._root = self._root.rstrip("/")
        self.is_local = isinstance(self._fs, LocalFileSystem)
        self.url = self._root if self.is_local else self._fs.unstrip_protocol(self._root)  # absolute
        self._scratch = Path(tempfile.gettempdir(), f"smallprint-{os.getuid()}")  # uploads start here

    def exists(self, name: str) -> bool:
        """Whether there is such a file, or a folder of that name."""
        with self._faults(name):
            return bool(self._fs.exists(f"{self._root}/{name}"))

    def list(self, prefix: str = "") -> dict[str, int]:
        """The files under a subfolder, sorted by name, with their sizes in bytes; no temporary files."""
        with self._faults(prefix):
            found = self._fs.find(f"{self._root}/{prefix}".rstrip("/"), detail=True)
        start = len(self._root) + 1
        return {path[start:]: info["size"] for path, info in sorted(found.items()) if not path.endswith(".tmp")}

    def entries(self) -> tuple[str, ...]:
        """The names of the files and folders that lie in it directly; none where it is not there.

        Raises NotADirectoryError where it is a file.
        """
        with self._faults(""):
            is_file, is_folder = self._fs.isfile(self._root), self._fs.isdir(self._root)
            found = self._fs.ls(self._root, detail=False) if is_folder else []
        if is_file:
            raise NotADirectoryError(f"{self.url} is a file: name a folder")
        return tuple(sorted(path.rstrip("/").rpartition("/")[2] for path in found))

    def read(self, name: str) -> bytes:
        """The whole file. FileNotFoundError where there is none."""
        with self._faults(name):
            return cast(bytes, self._fs.cat_file(f"{self._root}/{name}"))

    def read_each(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files one by one; fetched by the dozen, since a remote store is slow to answer."""
        for start in range(0, len(names), FETCHED_AT_ONCE):
            paths = {f"{self._root}/{name}": name for name in names[start : start + FETCHED_AT_ONCE]}
            with self._faults(names[start]):
                found = self._fs.cat_ranges(list(paths), None, None, on_error="raise")  # cat takes names for patterns
            for name, data in zip(paths.values(), found, strict=True):
                with self._faults(name):
                    if isinstance(data, Exception):  # as older versions of fsspec hand over
                        raise data
                yield name, data

    def open(self, name: str) -> BinaryIO:
        """The file for reading; it can seek."""
        path = f"{self._root}/{name}"
        return cast(
            BinaryIO, self._fs.open(path, "rb") if self.is_local else StoredFile(self._fs, path, self._url(name))
        )

    def put(self, name: str, data: bytes) -> None:
        """Write a whole file, replacing what was there in one step."""
        with self.writing(name) as file:
            file.write(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file to write that takes its name when the block ends, or leaves nothing when it raises.

        Local: a temporary neighbour, synced and renamed. Remote: a file in TMPDIR, then one upload.
        Raises OSError naming the folder and the remedy where there is no room.
        """
        target = Path(self._root, name) if self.is_local else self._scratch / Path(name).name
        temporary = target.with_name(_temporary_name(target.name))
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            with _open_locked(temporary) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                self._publish(temporary, name)  # while it is locked, else another's sweep takes it for a dead writer's
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise OSError(error.errno, _no_room(name, temporary.parent, error)) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _publish(self, temporary: Path, name: str) -> None:
        if self.is_local:
            temporary.replace(Path(self._root, name))
        else:
            with self._faults(name):
                self._fs.put_file(str(temporary), f"{self._root}/{name}")

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        if self.exists(name):
            with self._faults(name):
                self._fs.rm_file(f"{self._root}/{name}")

    def clear(self) -> None:
        """Remove every file but temporary ones."""
        for name in self.list():
            self.delete(name)

    def sweep(self) -> int:
        """Remove the temporary files that dead writers left; how many there were."""
        place = Path(self._root) if self.is_local else self._scratch
        return sum([_remove_dead(path) for path in place.rglob(".*.tmp")])

    def _url(self, name: str) -> str:
        return f"{self.url}/{name}".rstrip("/")

    def _faults(self, name: str) -> AbstractContextManager[None]:
        return store_faults(self._url(name))


def distinct_names(urls: Sequence[str]) -> list[str]:
    """The last part of each URL; a later one that is taken gets a number: photos, photos-2."""
    found: list[str] = []
    for url in urls:
        base = url.rstrip("/").rpartition("/")[2]
        names = [base, *(f"{base}-{number}" for number in range(2, len(urls) + 1))]
        found.append(next(name for name in names if name not in found))
    return found


def source_names(urls: Sequence[str]) -> list[str]:
    """What each of several sources is called: as `distinct_names`, but one that is given twice is called the same."""
    there = list(dict.fromkeys(url.rstrip("/") for url in urls))
    names = dict(zip(there, distinct_names(there), strict=True))
    return [names[url.rstrip("/")] for url in urls]


def _temporary_name(name: str) -> str:
    return f".{name}~{socket.gethostname()}~{secrets.token_hex(4)}.tmp"


def _open_locked(temporary: Path) -> BinaryIO:
    """A new file that a sweep takes for no dead writer's; made again where one came before the lock."""
    while True:
        file = temporary.open("xb")
        with suppress(OSError):  # a file system without locks: what a dead writer leaves there stays
            flock(file, LOCK_EX)
        if temporary.exists():
            return file
        file.close()


def _remove_dead(temporary: Path) -> bool:
    """Remove a file that no writer holds any more. Locks of other nodes may not be seen, so those also age."""
    owner = re.fullmatch(r"\..*~([^~]*)~[0-9a-f]{8}\.tmp", temporary.name)
    if owner is None:
        return False
    try:
        with temporary.open("rb") as file:
            flock(file, LOCK_EX | LOCK_NB)
            age_seconds = time.time() - os.fstat(file.fileno()).st_mtime
            is_dead = owner[1] == socket.gethostname() or age_seconds > STALE_SECONDS
            if is_dead:
                temporary.unlink(missing_ok=True)
    except OSError:  # held, or gone, or no locks here
        return False
    return is_dead


def _no_room(name: str, folder: Path, error: OSError) -> str:
    return (
        f"no room for {name} in {folder} ({os.strerror(error.errno or 0)}): free space there and give the "
        "same command, which keeps the finished shards; or name another folder"
    )
