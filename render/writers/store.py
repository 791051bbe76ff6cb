"""A corpus made ready once: clean text by language, one paragraph a line, to be memory-mapped.

It lies in the cache folder (`SMALLPRINT_CACHE` moves that), takes about as much disk as the corpus
and is shared by all processes of a machine.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from fonts.cache import cache_folder
from render.writers import cleaning, sources, words
from render.writers import paragraphs as cutting
from render.writers.sources import Source

log = logging.getLogger(__name__)

_LANGUAGES = ("en", "zh", "zh-Hant")
_MAX_TITLE_CHARS = {"en": 60, "zh": 24, "zh-Hant": 24}
_NAMES = tuple(f"{language}.{kind}" for language in _LANGUAGES for kind in ("text", "titles"))
_MIN_CHARS = 2
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A corpus that was made ready."""

    folder: str
    sha256: str  # of the clean text
    num_bytes: dict[str, int]  # by file: "en.text", "en.titles", "zh.text" ...; those that hold any
    rejected: tuple[str, ...]  # "path: reason"


def open_store(files: Sequence[Source]) -> Store:
    """The store of these files, made now where the cache holds none of them as they are.

    Raises ValueError where no file holds usable text, or the cache folder cannot be written.
    """
    folder = cache_folder() / "text" / _key(files)
    try:
        with _locked(folder):
            return _read(folder) or _make(files, folder)
    except OSError as error:
        raise ValueError(f"cannot write {folder}: {error}; set SMALLPRINT_CACHE to a folder with room") from error


def _key(files: Sequence[Source]) -> str:
    """Files by path, size and time of change, and the rules by which they are read."""
    digest = hashlib.sha256()
    for module in (cleaning.__file__, cutting.__file__, sources.__file__, words.__file__, __file__):
        digest.update(Path(module).read_bytes())
    for source in files:
        stat = source.path.stat()
        state = (str(source.path.resolve()), source.column, source.language, stat.st_size, stat.st_mtime_ns)
        digest.update(json.dumps(state).encode())
    return digest.hexdigest()[:32]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time, so that a large corpus is made ready once on a machine."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(folder: Path) -> Store | None:
    """The store, where it is there and whole."""
    try:
        known = json.loads((folder / "store.json").read_bytes())
        store = Store(**{**known, "folder": str(folder), "rejected": tuple(known["rejected"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        log.warning("%s is unreadable and made again: %s", folder, error)
        return None
    whole = all(_size(folder / name) == size for name, size in store.num_bytes.items())
    return store if whole else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _make(files: Sequence[Source], folder: Path) -> Store:
    """Write the store beside its place and move it there whole."""
    megabytes = sum(source.path.stat().st_size for source in files) / 1e6
    log.info("making %d files of text (%.0f MB) ready in %s", len(files), megabytes, folder)
    shutil.rmtree(folder, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        rejected = _write_streams(files, temporary)
        store = _described(temporary, folder, rejected)
        (temporary / "store.json").write_text(json.dumps(asdict(store), ensure_ascii=False))
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return store


def _write_streams(files: Sequence[Source], folder: Path) -> list[str]:
    """Copy what is usable of every file; a file that fails is left out whole and named."""
    rejected = []
    with ExitStack() as stack:
        streams = {name: stack.enter_context((folder / name).open("wb")) for name in _NAMES}
        for source in files:
            marks = {name: stream.tell() for name, stream in streams.items()}
            try:
                _copy(source, streams)
            except (OSError, ValueError, NotImplementedError) as error:
                if getattr(error, "errno", None) in _DISK_FULL:
                    raise
                for name, stream in streams.items():
                    stream.seek(marks[name])
                    stream.truncate()
                rejected.append(f"{source.path}: {_reason(error)}")
    return rejected


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 (byte {error.object[error.start]:#04x}); convert it, for example with iconv -t UTF-8"
    return str(error)


def _copy(source: Source, streams: Mapping[str, BinaryIO]) -> None:
    """Append each paragraph to the stream of its language and kind. ValueError where there is none."""
    num_kept = 0
    for language, text in _usable(source):
        is_title = len(text) <= _MAX_TITLE_CHARS[language] and not cutting.ends_sentence(text)
        streams[f"{language}.{'titles' if is_title else 'text'}"].write(f"{text}\n".encode())
        num_kept += 1
    if not num_kept:
        raise ValueError("holds no English or Chinese text")


def _usable(source: Source) -> Iterator[tuple[str, str]]:
    """(language, paragraph) of all that can be set; where the folder names a language, of that one."""
    wanted = source.language[:2]
    chinese = source.language if wanted == "zh" else "zh"
    for text in cutting.paragraphs(source.lines(), source.is_markdown):
        kind = cleaning.text_kind(text)
        if len(text) < _MIN_CHARS or not kind or kind != (wanted or kind):
            continue
        if kind == "zh" and not wanted:
            chinese = cleaning.chinese_script(text, otherwise=chinese)
        yield ("en" if kind == "en" else chinese), text


def _described(temporary: Path, folder: Path, rejected: Sequence[str]) -> Store:
    """Sizes and hash of the streams; a language of titles alone (a list of words) has them for its text."""
    for language in _LANGUAGES:
        if not _size(temporary / f"{language}.text"):
            os.replace(temporary / f"{language}.titles", temporary / f"{language}.text")
    num_bytes = {name: _size(temporary / name) for name in _NAMES}
    num_bytes = {name: size for name, size in num_bytes.items() if size > 0}
    if not num_bytes:
        raise ValueError(f"the corpus holds no usable text ({len(rejected)} files rejected): {rejected[0]}")
    digest = hashlib.sha256()
    for name in num_bytes:
        with (temporary / name).open("rb") as file:
            digest.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return Store(folder=str(folder), sha256=digest.hexdigest(), num_bytes=num_bytes, rejected=tuple(rejected))
