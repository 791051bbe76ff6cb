"""Image corpora: a folder of images, Parquet files, WebDataset tars or PDFs, local or at an fsspec URL, listed
in a stable order without reading a pixel, and read one image at a time."""

import errno
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec.implementations.local import LocalFileSystem

from curate.picture import BadImage
from pipelines.corpora.archives import Entry, RowReader, is_image, parquet_entries, skipped_as, tar_entries
from pipelines.corpora.metadata import MANIFEST, MetadataReader, rows_of
from pipelines.corpora.pdfs import DEFAULT_PAGES, PageOptions, PageReader, is_page, pdf_entries
from pipelines.shards.stores import StoredFile, open_store, store_faults

BUILTIN = "builtin"
BUILTIN_PHOTOS = {  # in the scikit-image wheel; licences as scikit-image states them
    "astronaut.png": "public domain (NASA)",
    "camera.png": "CC0-1.0",
    "chelsea.png": "CC0-1.0",
    "coffee.png": "CC0-1.0",
    "hubble_deep_field.jpg": "public domain (NASA)",
    "rocket.jpg": "public domain (SpaceX)",
}
SNAPSHOT = re.compile(r"(.*/(?:datasets|models|spaces)--[^/]+)/snapshots(?:/.*)?")  # of the Hugging Face cache
ARCHIVES = {".tar": tar_entries, ".parquet": parquet_entries, ".pdf": pdf_entries}


class Source:
    """One corpus. `licence` is that of images of which neither manifest nor row says another, or all by name.

    A manifest.jsonl at its root may name licences, one {"file": ..., "licence": ...} a line.
    """

    def __init__(
        self,
        fs: Any,
        root: str,
        names: tuple[str, ...],
        licence: str | dict[str, str],
        pages: PageOptions = DEFAULT_PAGES,
    ) -> None:
        self._fs, self._root, self._names = fs, root, names
        self._licence, self._known = (licence, {}) if isinstance(licence, str) else ("unknown", licence)
        self._rows = RowReader(self._open)
        self._pages = PageReader(self._open, pages)

    def __str__(self) -> str:
        """Where it lies."""
        return f"{self._root}/{self._names[0]}" if len(self._names) == 1 else self._root

    def entries(self, counts: Counter[str]) -> Iterator[Entry]:
        """Every image, sorted by path, tars and Parquet files in their own order. What is not an image is
        counted under "skipped/...": hidden names, other endings, symlinks that lead outside the corpus. Those of a
        snapshot in the Hugging Face cache may lead to the blobs of its repository."""
        licences = self._known or self._manifest()
        for entry in self._list(counts):
            known = entry.licence or licences.get(entry.name) or licences.get(entry.container)
            yield replace(entry, licence=known or self._licence)

    def read(self, entry: Entry) -> bytes:
        """The encoded image; a PNG of a PDF's page. Raises BadImage where it is gone, cut short or never was
        readable, OSError where that is the fault of the disk, the network or the store."""
        with self._faults_named(entry):
            return self._read(entry)

    def text(self, entry: Entry) -> str:
        """The text layer of a PDF's page; "" for every other image. Raises BadImage like `read`."""
        with self._faults_named(entry):
            return self._pages.text(entry.container, entry.row) if is_page(entry) else ""

    def metadata(self, names: Sequence[str]) -> MetadataReader:
        """Reads what the corpus says of its images under these names."""
        return MetadataReader(self._open, self._has_file, names, self._url())

    @contextmanager
    def _faults_named(self, entry: Entry) -> Iterator[None]:
        if entry.fault:
            raise BadImage(entry.fault)
        try:
            yield
        except FileNotFoundError as error:
            self._check_there()
            raise BadImage("its file is gone") from error
        except PermissionError as error:
            if not isinstance(self._fs, LocalFileSystem):  # credentials that expired, for one
                raise
            raise BadImage("its file may not be read") from error

    def _check_there(self) -> None:
        """Raise OSError where the whole corpus is gone: its mount went away, or its store does not answer."""
        try:
            if isinstance(self._fs, LocalFileSystem):
                with os.scandir(self._root) as found:
                    is_there = any(True for _ in found)
            else:
                self._fs.invalidate_cache()
                with store_faults(self._url()):
                    is_there = bool(self._fs.info(self._root))
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise OSError(errno.EIO, "the folder of the images is gone or empty", self._url())

    def _read(self, entry: Entry) -> bytes:
        if is_page(entry):
            return self._pages.read(entry.container, entry.row)
        if entry.row_group >= 0:
            return self._rows.read(entry.container, entry.row_group, entry.row)
        if not entry.container:
            return self._bytes(entry.name)
        data = self._bytes(entry.container, entry.offset, entry.offset + entry.length) if entry.length else b""
        if len(data) < entry.length:
            raise BadImage("truncated: its tar ends early")
        return data

    def _bytes(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        with store_faults(self._url(name)):
            return cast(bytes, self._fs.cat_file(self._path(name), start=start, end=end))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _url(self, name: str = "") -> str:
        """For messages: without credentials, which a root never has."""
        path = self._path(name).rstrip("/")
        return path if isinstance(self._fs, LocalFileSystem) else str(self._fs.unstrip_protocol(path))

    def _open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, StoredFile(self._fs, self._path(name), self._url(name)))

    def _manifest(self) -> dict[str, str]:
        if not self._has_file(MANIFEST):
            return {}
        with self._open(MANIFEST) as file:
            rows = rows_of(file, self._path(MANIFEST))
            return {str(row["file"]): str(row["licence"]) for row in rows if {"file", "licence"} <= row.keys()}

    def _list(self, counts: Counter[str]) -> Iterator[Entry]:
        if not self._names:
            yield from self._walk("", counts)
        for name in self._names:
            if (num_bytes := self._size(name)) is not None:
                yield from self._file(name, num_bytes, counts)
            else:
                counts[f"skipped/{name} is not there"] += 1

    def _size(self, name: str) -> int | None:
        """A file's bytes; None where it is not there."""
        with store_faults(self._url(name)):
            return int(self._fs.size(self._path(name))) if self._fs.exists(self._path(name)) else None

    def _has_file(self, name: str) -> bool:
        """Whether there is such a file, and no symlink that leads outside the corpus."""
        try:
            with store_faults(self._url(name)):
                info = self._fs.info(self._path(name))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return info["type"] != "directory" and not self._refusal(name, info)

    def _walk(self, folder: str, counts: Counter[str]) -> Iterator[Entry]:
        path = self._path(folder).rstrip("/")
        with store_faults(self._url(folder)):
            infos = {info["name"].rstrip("/"): info for info in self._fs.ls(path, detail=True)}
        infos.pop(path, None)  # object stores list a folder's own marker
        for full, info in sorted(infos.items()):
            name = full[len(self._root) + 1 :]
            if reason := self._refusal(name, info):
                counts[reason] += 1
            elif info["type"] == "directory":
                yield from self._walk(name, counts)
            else:
                yield from self._file(name, int(info["size"]), counts)

    def _refusal(self, name: str, info: dict[str, Any]) -> str:
        """Why a listed name is left out, or ""."""
        if any("\ud800" <= char <= "\udfff" for char in name):  # how Python carries other bytes
            return "skipped/name is not UTF-8"
        if name.rpartition("/")[2].startswith("."):
            return "skipped/hidden"
        if not info.get("islink"):
            return "" if info["type"] in ("file", "directory") else "skipped/not a file"
        target = os.path.realpath(self._path(name))
        snapshot = SNAPSHOT.fullmatch(self._root)
        allowed = (f"{self._root}/", f"{snapshot[1]}/blobs/") if snapshot else (f"{self._root}/",)
        if not target.startswith(allowed):
            return "skipped/symlink leading outside the corpus"
        return "" if os.path.isfile(target) else "skipped/symlink to a folder or to nothing"

    def _file(self, name: str, num_bytes: int, counts: Counter[str]) -> Iterator[Entry]:
        if is_image(name):
            yield Entry(name=name, length=num_bytes)
        elif archive := ARCHIVES.get(os.path.splitext(name)[1].lower()):
            with self._open(name) as file:
                yield from archive(file, name, counts)
        else:
            counts[skipped_as(name)] += 1


def open_source(url: str, licence: str = "unknown", pages: PageOptions = DEFAULT_PAGES) -> Source:
    """The corpus at a path or fsspec URL: a folder, searched to its depths, or one image, tar, Parquet or PDF.
    "builtin" is six small photographs that come with scikit-image.

    Raises ValueError where there is nothing.
    """
    if url == BUILTIN:
        return _builtin()
    fs, root = open_store(url)
    root = resolved(root) if isinstance(fs, LocalFileSystem) else root.rstrip("/")
    with store_faults(str(fs.unstrip_protocol(root))):
        if fs.isdir(root):
            return Source(fs, root, (), licence, pages)
        if fs.isfile(root):
            folder, _, name = root.rpartition("/")
            return Source(fs, folder, (name,), licence, pages)
    raise ValueError(f"photos {url}: no such folder or file; give a folder, a .parquet or a .tar, or {BUILTIN!r}")


def absolute(url: str) -> str:
    """A source's URL as any process on this machine, or any node, understands it."""
    return url if url == BUILTIN or "://" in url else resolved(url)


def resolved(path: str) -> str:
    """A local path without symlinks, but for a file's own name, whose ending says what it is."""
    if os.path.isfile(path):
        return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return os.path.realpath(path)


def _builtin() -> Source:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise ValueError(f"photos {BUILTIN!r} come with scikit-image: pip install scikit-image, or name a folder")
    folder = str(Path(spec.origin).parent / "data")
    return Source(LocalFileSystem(), folder, tuple(sorted(BUILTIN_PHOTOS)), BUILTIN_PHOTOS)
