"""What an OCR engine has read, kept on disk: one file a reading, in a folder of the engine's version."""

import json
import logging
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipelines.shards.folder import Folder

log = logging.getLogger(__name__)


def cache_home(cache: str = "") -> str:
    """The folder that is named, else $SMALLPRINT_CACHE, else ~/.cache/smallprint."""
    return cache or os.environ.get("SMALLPRINT_CACHE") or str(Path.home() / ".cache" / "smallprint")


class ReadingCache:
    """Readings by kind ("pages" or "lines") and key. Files appear whole, so any number of runs may share it.

    cache: folder, by default $SMALLPRINT_CACHE or ~/.cache/smallprint. One that cannot be written is reported once.
    """

    def __init__(self, cache: str, version: str) -> None:
        self._folder = Folder(f"{cache_home(cache)}/ocr/{sha256(version.encode()).hexdigest()[:16]}")
        self._version, self._is_writable = version, True

    def get(self, kind: str, key: str) -> list[Any] | None:
        """What was read; None where that is not known."""
        with suppress(OSError, ValueError):
            value = json.loads(self._folder.read(_name(kind, key)))
            return value if isinstance(value, list) else None
        return None

    def put(self, kind: str, key: str, value: list[Any]) -> None:
        """Keep what was read."""
        if not self._is_writable:
            return
        try:
            if not self._folder.exists("engine.txt"):
                self._folder.put("engine.txt", self._version.encode())
            self._folder.put(_name(kind, key), json.dumps(value, ensure_ascii=False).encode())
        except OSError as error:
            log.warning("readings are not kept, name a writable folder for them: %s", error)
            self._is_writable = False


def _name(kind: str, key: str) -> str:
    return f"{kind}/{key[:2]}/{key[2:]}.json"
