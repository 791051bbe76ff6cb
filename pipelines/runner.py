"""Runs a job: its missing shards go to workers, by Ray, in processes or in process; the bytes are the same.

A worker imports our packages from the driver's checkout where its node has that folder, else what is
installed there (`ray job submit --working-dir .` brings the checkout along to every node). Ray puts the
driver's working directory before both: a script leaves one that holds modules named like ours first.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from pipelines.pools import InlinePool, Outcome, Pool, ProcessPool, Task
from pipelines.progress import Progress
from pipelines.shards.files import Job, ShardInfo, read_manifest
from pipelines.shards.folder import Folder
from pipelines.shards.identity import library_versions

BACKENDS = ("ray", "processes", "inline")
MAX_RETRIES = 2  # of a shard whose worker died
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
            lines.append(f"{num_left} shards were not begun, since there is no room for them.")
        lines.append("All other shards are whole. The same command makes the missing ones.")
        super().__init__("\n".join(lines))


def run(
    make_job: Callable[[], Job],
    num_shards: int,
    folder: str,
    *,
    num_workers: int,
    backend: str = "ray",
    num_cpus: float = 1,
    num_gpus: float = 0,
) -> dict[int, ShardInfo]:
    """Make the missing shards 0 to num_shards - 1 in the folder; return all by index, without their counts.

    `make_job` can be pickled (a functools.partial of a top-level class) and is called once here and once
    in each worker. `num_workers` shards are in the making at a time, each with `num_cpus` and `num_gpus`
    under Ray; with 0 workers they are made in this process. A shard whose worker dies is tried again twice.
    Raises ShardsFailed once all others are done, ValueError where there are more rows than asked for.
    """
    if backend not in BACKENDS or num_shards < 1 or num_workers < 0:
        raise ValueError(
            f"backend {backend!r}, num_shards {num_shards}, num_workers {num_workers}: use a backend of "
            f"{', '.join(BACKENDS)}, at least 1 shard and at least 0 workers"
        )
    target = Folder(folder)
    target.sweep()
    job = make_job()
    wanted = {shard: job.num_rows(shard) for shard in range(num_shards)}
    done = _whole_shards(target, wanted)
    missing = [shard for shard in wanted if shard not in done]
    if not missing:
        return done
    task = Task(make_job=make_job, folder=target.url, versions=library_versions())
    num_done = sum(info.num_rows for info in done.values())
    try:
        pool = _pool(backend if num_workers else "inline", task, job, num_workers, (num_cpus, num_gpus))
        with pool, Progress(sum(wanted.values()), num_done) as progress:
            done |= _make(pool, missing, progress)
    finally:
        target.sweep()
    return dict(sorted(done.items()))


def _pool(backend: str, task: Task, job: Job, num_workers: int, needs: tuple[float, float]) -> Pool:
    if backend == "inline":
        return InlinePool(task, job)
    if backend == "processes":
        return ProcessPool(task, num_workers)
    return RayPool(task, num_workers, *needs)


def _whole_shards(folder: Folder, wanted: dict[int, int]) -> dict[int, ShardInfo]:
    """The shards that are there with as many rows as wanted."""
    there = read_manifest(folder)
    if any(info.num_rows > wanted.get(info.index, 0) for info in there.values()):
        num_rows = sum(info.num_rows for info in there.values())
        raise ValueError(
            f"{folder.url} holds {num_rows} rows in {len(there)} shards, more than the "
            f"{sum(wanted.values())} asked for: ask for at least as many, or name another folder"
        )
    return {index: info for index, info in there.items() if info.num_rows == wanted[index]}


def _make(pool: Pool, shards: Sequence[int], progress: Progress) -> dict[int, ShardInfo]:
    """Hand the shards to the pool and drain it; what is in flight is waited for before an error is raised."""
    queue, num_in_flight, num_left = deque(shards), 0, 0
    deaths: Counter[int] = Counter()
    done: dict[int, ShardInfo] = {}
    failed: list[Outcome] = []
    while queue or num_in_flight:
        while queue and num_in_flight < pool.capacity:
            pool.submit(queue.popleft())
            num_in_flight += 1
        outcome = pool.wait()
        num_in_flight -= 1
        if outcome.info is not None:
            done[outcome.shard] = outcome.info
            progress.advance(outcome.info.num_rows)
            continue
        deaths[outcome.shard] += outcome.crashed
        again = outcome.crashed and deaths[outcome.shard] <= MAX_RETRIES
        progress.note(f"shard {outcome.shard}: {outcome.cause}{'; trying it again' if again else ''}")
        if again:
            queue.append(outcome.shard)
        else:
            failed.append(outcome)
        if outcome.no_room:
            num_left += len(queue)
            queue.clear()
    if failed:
        raise ShardsFailed(failed, num_left)
    return done


class RayPool:
    """Ray tasks, `num_workers` in flight.

    On the cluster this process is connected to, else that of RAY_ADDRESS, else one running on this node,
    else one begun here, which serves until the process ends.
    """

    def __init__(self, task: Task, num_workers: int, num_cpus: float, num_gpus: float) -> None:
        import ray
        from ray import cloudpickle

        _connect()
        self.capacity = num_workers
        self._shards: dict[Any, int] = {}  # by object reference
        self._task = ray.put(cloudpickle.dumps(task))
        # No retries by Ray: ours are counted. No max_calls, or a GPU task would end its worker each time.
        task_of = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_retries=0, max_calls=0)
        self._make: Any = task_of(_shard_maker())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        for reference in self._shards:
            ray.cancel(reference, force=True)
        self._shards.clear()

    def submit(self, shard: int) -> None:
        self._shards[self._make.remote(_checkout(), self._task, shard)] = shard

    def wait(self) -> Outcome:
        import ray

        [reference], _ = ray.wait(list(self._shards), num_returns=1)
        shard = self._shards.pop(reference)
        try:
            outcome: Outcome = ray.get(reference)
        except ray.exceptions.RayTaskError as error:  # our packages did not import there
            return Outcome(shard=shard, cause=f"{type(error.cause).__name__}: {error.cause}", trace=str(error))
        except ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines() or [type(error).__name__]
            return Outcome(shard=shard, cause=f"its worker was lost: {cause[0]}", crashed=True)
        return outcome


def _checkout() -> str:
    """The checkout that our packages are imported from, "" where they are installed."""
    root = Path(__file__).resolve().parents[1]
    return str(root) if (root / "pyproject.toml").exists() else ""


def _shard_maker() -> Callable[[str, bytes, int], Outcome]:
    """A function that Ray sends by value, since it runs before our packages can be found."""

    def make_shard(checkout: str, task: bytes, shard: int) -> Any:
        import os
        import sys

        if checkout and sys.path[0] != checkout and os.path.exists(os.path.join(checkout, "pyproject.toml")):
            sys.path.insert(0, checkout)
        from pipelines.pools import worker_of

        return worker_of(task).make(shard)

    return make_shard


def _connect() -> None:
    """Join the cluster of RAY_ADDRESS or the one running here, else start one."""
    import ray

    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level=logging.WARNING)


def cluster_cpus() -> int:
    """CPUs of the Ray cluster at hand, started here where there is none."""
    import ray

    _connect()
    return max(1, int(ray.cluster_resources().get("CPU", 1)))
