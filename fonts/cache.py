"""The folder that keeps what was learned of font files. Files appear whole; a bad one is made again."""

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """`$SMALLPRINT_CACHE`, or `~/.cache/smallprint`."""
    return Path(os.environ.get("SMALLPRINT_CACHE") or Path.home() / ".cache" / "smallprint")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that others see complete or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def keep(name: str, content: bytes) -> None:
    """Write `name` into the cache; one that cannot be written costs time, so it is only reported."""
    path = cache_folder() / name
    try:
        write_whole(path, content)
    except OSError as error:
        log.warning("not cached, set SMALLPRINT_CACHE to a writable folder: %s: %s", path, error)


def kept_json(name: str) -> Any:
    """The cached JSON value, or None where there is none that can be read."""
    path = cache_folder() / name
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("cache file %s is unreadable and made again: %s", path, error)
        return None


def rules_key(*modules: str) -> str:
    """A short hash of the source of these modules: what older rules wrote is never read again."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update((Path(__file__).parent / f"{module}.py").read_bytes())
    return digest.hexdigest()[:12]


def file_sha256(path: Path) -> str:
    """The file's SHA-256, remembered by absolute path, size and time of change. Raises OSError."""
    stat = path.stat()
    place = str(path.resolve())
    name = f"digests/{hashlib.sha256(os.fsencode(place)).hexdigest()[:32]}.json"
    state = {"path": place, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    known = kept_json(name)
    if isinstance(known, dict) and known.get("state") == state:
        return str(known["sha256"])
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    keep(name, json.dumps({"state": state, "sha256": sha256}).encode())
    return sha256
