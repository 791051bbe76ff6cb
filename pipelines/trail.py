"""Where a worker was when it died, so that an image that kills workers gets a row like any other fault."""

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

    Only deaths within one run count, since a user may stop two runs at the same row. In a remote folder, where a note
    is an upload, rows are noted only of a shard on which a worker has died before.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def clear(self) -> None:
        """Forget earlier runs."""
        for name in self._folder.list("trail"):
            self._folder.delete(name)

    def last_row(self, shard: int) -> int | None:
        """The row of a shard in the making at which its last worker was; None where that is not known."""
        rows = _attempts(self._notes(shard))[-1]
        return rows[-1] if rows else None

    @contextmanager
    def following(self, shard: int) -> Iterator[tuple[frozenset[int], Callable[[int], None]]]:
        """The rows of a shard that two workers have died on, and what is to be called before each row."""
        notes = self._notes(shard)
        try:
            with (self._noting if self._folder.is_local else self._uploading)(shard, notes) as note:
                yield _killers(notes), note
        finally:
            self._folder.delete(_name(shard))

    def _notes(self, shard: int) -> str:
        try:
            return self._folder.read(_name(shard)).decode()
        except FileNotFoundError:
            return ""

    @contextmanager
    def _noting(self, shard: int, _: str) -> Iterator[Callable[[int], None]]:
        path = Path(self._folder.url, _name(shard))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            print(BEGIN, file=file, flush=True)
            yield lambda row: print(row, file=file, flush=True)

    @contextmanager
    def _uploading(self, shard: int, notes: str) -> Iterator[Callable[[int], None]]:
        def upload(row: str) -> None:
            self._folder.put(_name(shard), f"{notes}{BEGIN}\n{row}\n".encode())

        upload("")
        yield (lambda row: upload(str(row))) if notes else lambda _: None


def _name(shard: int) -> str:
    return f"trail/{shard:06d}"


def _killers(notes: str) -> frozenset[int]:
    """The rows that came last in two attempts or more."""
    last = Counter(rows[-1] for rows in _attempts(notes) if rows)
    return frozenset(row for row, times in last.items() if times > 1)


def _attempts(notes: str) -> list[list[int]]:
    """The rows that each worker began, in order."""
    return [[int(row) for row in part.split()] for part in notes.split(BEGIN)]
