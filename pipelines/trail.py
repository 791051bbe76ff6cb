"""Where a worker was when it died, so that an image that kills workers gets a row like any other fault."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.shards.folder import Folder

KILLED = "killed its worker"
KILLED_REASON = "the worker died on it, twice"
BEGIN = "begin"


class Trail:
    """Notes of each shard in the making which row comes next: a file a shard, gone when the shard is done.

    Only deaths within one run count, since a user may stop two runs at the same row. Remote folders have none.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = Path(folder.url, "trail") if folder.is_local else None

    def clear(self) -> None:
        """Forget earlier runs."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def last_row(self, shard: int) -> int | None:
        """The row of a shard in the making at which its last worker was; None where it had begun none."""
        path = self._path(shard)
        if path is None or not path.exists():
            return None
        rows = _attempts(path.read_text())[-1]
        return rows[-1] if rows else None

    def _path(self, shard: int) -> Path | None:
        return self._folder / f"{shard:06d}" if self._folder is not None else None

    @contextmanager
    def following(self, shard: int) -> Iterator[tuple[frozenset[int], Callable[[int], None]]]:
        """The rows of a shard that two workers have died on, and what is to be called before each row."""
        path = self._path(shard)
        if path is None:
            yield frozenset(), lambda _: None
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("a+") as file:
                file.seek(0)
                killers = _killers(file.read())
                print(BEGIN, file=file, flush=True)
                yield killers, lambda row: print(row, file=file, flush=True)
        finally:
            path.unlink(missing_ok=True)


def _killers(notes: str) -> frozenset[int]:
    """The rows that came last in two attempts or more."""
    last = Counter(rows[-1] for rows in _attempts(notes) if rows)
    return frozenset(row for row, times in last.items() if times > 1)


def _attempts(notes: str) -> list[list[int]]:
    """The rows that each worker began, in order."""
    return [[int(row) for row in part.split()] for part in notes.split(BEGIN)]
