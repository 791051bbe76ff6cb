"""Faults of file systems and stores (S3, a network mount) told apart from those of the files they hold."""

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from fsspec.core import url_to_fs

NUMBERS = {FileNotFoundError: errno.ENOENT, PermissionError: errno.EACCES, TimeoutError: errno.ETIMEDOUT}


@contextmanager
def store_faults(url: str) -> Iterator[None]:
    """Makes what the library of a store raises, such as botocore's own errors, an OSError with a number that names
    the URL. Those of Arrow about a damaged file have none."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise OSError(NUMBERS.get(type(error), errno.EIO), str(error), url) from error
    except (ValueError, ImportError):
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", url) from error


def open_store(url: str, **options: Any) -> tuple[Any, str]:
    """The file system of a path or fsspec URL, and the path in it.

    Raises ValueError where the scheme is not known, or its library is missing.
    """
    scheme = url.partition("://")[0]
    try:
        with store_faults(f"{scheme}://"):
            fs, path = url_to_fs(url, **options)
    except ImportError as error:
        remedy = ": pip install '.[s3]'" if scheme in ("s3", "s3a") else ""
        raise ValueError(f"{scheme}:// cannot be opened: {error}{remedy}") from error
    except ValueError as error:
        raise ValueError(
            f"{url} cannot be opened ({error}): use a local path or a URL such as s3://bucket/name"
        ) from error
    return fs, path


class StoredFile(io.RawIOBase):
    """A file open for reading, on any fsspec file system, whose faults are those of store_faults."""

    def __init__(self, fs: Any, path: str, url: str) -> None:
        self._url = url
        with store_faults(url):
            self._file: BinaryIO = fs.open(path, "rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        with store_faults(self._url):
            return self._file.read(-1 if size is None else size)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
