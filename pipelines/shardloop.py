"""Hands shards to a pool until all are whole or named: those whose worker died are tried again."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence

from pipelines.pools import Outcome, Pool
from pipelines.progress import Progress
from pipelines.shards.files import ShardInfo, read_manifest
from pipelines.shards.folder import Folder

MAX_RETRIES = 2  # of a shard whose worker died, from the same row
MAX_DEATHS = 40  # of a shard in all: what kills at more rows than this allows is at fault, not they
MAX_SHOWN = 10


class ShardsFailed(Exception):  # noqa: N818
    """Some shards could not be made; the others were. `outcomes` holds each of them with its cause."""

    def __init__(self, outcomes: Sequence[Outcome], num_left: int) -> None:
        self.outcomes = tuple(sorted(outcomes, key=lambda outcome: outcome.shard))
        names = ", ".join(str(outcome.shard) for outcome in self.outcomes)
        lines = [f"{len(self.outcomes)} failed, shard {names}:"]
        for outcome in self.outcomes[:MAX_SHOWN]:
            lines.append(f"shard {outcome.shard}: {outcome.cause}")
            lines += [f"    {line}" for line in outcome.trace.splitlines()]
        if num_left:
            lines.append(f"{num_left} shards were not begun, since they would fail the same way.")
        lines.append("All other shards are whole. The same command makes the missing ones.")
        super().__init__("\n".join(lines))


def whole_shards(folder: Folder, wanted: dict[int, int]) -> dict[int, ShardInfo]:
    """The shards that are there with as many rows as `wanted` has by shard.

    Raises ValueError where one holds more rows, or is not wanted at all.
    """
    there = read_manifest(folder)
    if any(info.num_promised > wanted.get(info.index, 0) for info in there.values()):
        num_rows = sum(info.num_promised for info in there.values())
        raise ValueError(
            f"{folder.url} holds {num_rows} rows in {len(there)} shards, more than the "
            f"{sum(wanted.values())} asked for: ask for at least as many, or name another folder"
        )
    return {index: info for index, info in there.items() if info.num_promised == wanted[index]}


class Deaths:
    """Counts the workers that died on each shard, apart for each row: a later row shows that the shard goes on.

    `row_of` gives the row at which a shard's last worker was, None where that is not known.
    """

    def __init__(self, row_of: Callable[[int], int | None]) -> None:
        self._row_of = row_of
        self._rows: defaultdict[int, Counter[int | None]] = defaultdict(Counter)

    def allow_another(self, shard: int) -> bool:
        """Count a death; whether the shard may be tried again."""
        row, deaths = self._row_of(shard), self._rows[shard]
        deaths[row] += 1
        return deaths[row] <= MAX_RETRIES and deaths.total() < MAX_DEATHS


def make_shards(
    pool: Pool, shards: Sequence[int], progress: Progress, row_of: Callable[[int], int | None]
) -> dict[int, ShardInfo]:
    """Hand the shards to the pool and drain it; what is in flight is waited for before an error is raised.

    `row_of` as for Deaths. Raises ShardsFailed where a shard could not be made, and what the pool raises (ValueError
    where no node is left that has room) where none had failed before.
    """
    return _Loop(pool, shards, progress, row_of).run()


class _Loop:
    """Shards on their way: those that wait, how many the pool has, and what came of the others."""

    def __init__(
        self, pool: Pool, shards: Sequence[int], progress: Progress, row_of: Callable[[int], int | None]
    ) -> None:
        self._pool, self._progress, self._deaths = pool, progress, Deaths(row_of)
        self._queue, self._num_in_flight, self._num_left = deque(shards), 0, 0
        self._done: dict[int, ShardInfo] = {}
        self._failed: list[Outcome] = []
        self._left_out: set[str] = set()  # nodes
        self._stopped = False  # no shard can be made any more

    def run(self) -> dict[int, ShardInfo]:
        while self._queue or self._num_in_flight:
            while self._queue and self._num_in_flight < self._pool.capacity:
                self._pool.submit(self._queue.popleft())
                self._num_in_flight += 1
            outcome = self._wait()
            if outcome is not None:
                self._settle(outcome)
        if self._failed:
            raise ShardsFailed(self._failed, self._num_left)
        return self._done

    def _wait(self) -> Outcome | None:
        try:
            return self._pool.wait()
        except ValueError as error:  # no node is left that has room
            if self._failed:
                num_left = self._num_left + len(self._queue) + self._num_in_flight
                raise ShardsFailed(self._failed, num_left) from error
            raise

    def _settle(self, outcome: Outcome) -> None:
        self._num_in_flight -= 1
        if outcome.info is not None:
            self._done[outcome.shard] = outcome.info
            self._progress.advance(outcome.info.num_promised)
        elif self._may_try_again(outcome):
            self._queue.append(outcome.shard)
        else:
            self._failed.append(outcome)
        if self._stopped:
            self._num_left += len(self._queue)
            self._queue.clear()

    def _may_try_again(self, outcome: Outcome) -> bool:
        """Leave out an unfit node, count a death; whether that leaves the shard another try, which is told."""
        elsewhere = outcome.unfit and self._pool.leave_out(outcome.node)
        self._stopped = self._stopped or outcome.no_room or (outcome.unfit and not elsewhere)
        again = not self._stopped and (elsewhere or (outcome.crashed and self._deaths.allow_another(outcome.shard)))
        if not (elsewhere and outcome.node in self._left_out):  # told once a node
            self._progress.note(f"shard {outcome.shard}: {outcome.cause}{_what_next(again, outcome)}")
        if outcome.unfit:
            self._left_out.add(outcome.node)
        return again


def _what_next(again: bool, outcome: Outcome) -> str:
    if not again:
        return ""
    return f"; no more shards for node {outcome.node}" if outcome.unfit else "; trying it again"
