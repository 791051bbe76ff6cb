"""Runs a job: its missing shards go to workers, by Ray, in processes or in process; the bytes are the same."""

from collections.abc import Callable
from functools import partial

from pipelines.children import usable_cpus
from pipelines.pools import InlinePool, Pool, ProcessPool, Task
from pipelines.progress import Progress
from pipelines.raypools import ActorPool, RayPool
from pipelines.shardloop import make_shards, whole_shards
from pipelines.shards.files import Job, ShardInfo
from pipelines.shards.folder import Folder
from pipelines.shards.identity import library_versions
from pipelines.trail import Trail

BACKENDS = ("ray", "processes", "inline")


def run(
    make_job: Callable[[], Job],
    num_shards: int,
    folder: str,
    *,
    num_workers: int,
    backend: str = "ray",
    num_cpus: float = 1,
    num_gpus: float = 0,
    actors: bool = False,
    unit: str = "images",
) -> dict[int, ShardInfo]:
    """Make the missing shards 0 to num_shards - 1 in the folder; return all by index, without their counts.

    `make_job` can be pickled (a functools.partial of a top-level class) and is called once here and once
    in each worker. `num_workers` shards are in the making at a time, each with `num_cpus` and `num_gpus`
    under Ray: a task each, or with `actors` a pool of workers that stay, for jobs that are slow to build. With
    0 workers they are made in this process; with -1 there is one a CPU, under Ray as many as the cluster's nodes hold,
    also those that join later. A shard whose worker dies is tried again, twice from the same row. Raises ShardsFailed
    once all others are done, ValueError where there are more rows than asked for.
    """
    _check(num_shards, num_workers, backend)
    target = Folder(folder)
    target.sweep()
    job = make_job()
    wanted = {shard: job.num_rows(shard) for shard in range(num_shards)}
    done = whole_shards(target, wanted)
    missing = [shard for shard in wanted if shard not in done]
    if not missing:
        return done
    task = Task(make_job=make_job, folder=target.url, versions=library_versions())
    num_done = sum(info.num_promised for info in done.values())
    ray_pool = partial(ActorPool if actors else RayPool, num_cpus=num_cpus, num_gpus=num_gpus)
    try:
        pool = _pool(task, job, num_workers, backend, ray_pool)
        with pool, Progress(sum(wanted.values()), num_done, unit) as progress:
            done |= make_shards(pool, missing, progress, Trail(target).last_row)
    finally:
        target.sweep()
    return dict(sorted(done.items()))


def _check(num_shards: int, num_workers: int, backend: str) -> None:
    if backend not in BACKENDS or num_shards < 1 or num_workers < -1:
        raise ValueError(
            f"backend {backend!r}, num_shards {num_shards}, num_workers {num_workers}: use a backend of "
            f"{', '.join(BACKENDS)}, at least 1 shard, and 0 workers or more (-1: one a CPU)"
        )


def _pool(task: Task, job: Job, num_workers: int, backend: str, ray_pool: Callable[[Task, int], Pool]) -> Pool:
    """The workers asked for; the job is for this process, where it is to be the only one."""
    if backend == "inline" or not num_workers:
        return InlinePool(task, job)
    return ProcessPool(task, workers_of(num_workers)) if backend == "processes" else ray_pool(task, num_workers)


def workers_of(asked: int) -> int:
    """Processes to start: as asked, or for -1 one a CPU that this one may use."""
    return asked if asked >= 0 else usable_cpus()
