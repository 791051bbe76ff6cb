"""Font files mapped into memory: once a process, for every library that reads them."""

import ctypes
import mmap
from functools import cache
from typing import Any


@cache
def mapped(path: str, sha256: str) -> "MappedFile":
    """The file at `path`; another sha256 maps it anew. Raises OSError or ValueError where it cannot be."""
    return MappedFile(path)


class MappedFile:
    """A file's bytes as FreeType and HarfBuzz take them, without a copy."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # ctypes asks for a writable one
        if hasattr(pages, "madvise"):
            pages.madvise(mmap.MADV_RANDOM)  # else each glyph brings 64 KiB of its neighbours into memory
        self._chars = (ctypes.c_char * len(pages)).from_buffer(pages)

    def read(self) -> Any:
        """All bytes, as a ctypes array."""
        return self._chars
