"""Shards made on a Ray cluster, by tasks or by actors. The only module of pipelines that imports Ray, and only inside
functions.

A worker imports our packages from the driver's checkout where its node has that folder, else what is
installed there (`ray job submit --working-dir .` brings the checkout along to every node). Ray puts the
driver's working directory before both: a script leaves one that holds modules named like ours first.
"""

import logging
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pipelines.pools import Outcome, Task, hush_token_notice
from pipelines.raycluster import Room, check_answers, cluster_address


class RayPool:
    """Ray tasks, `num_workers` in flight.

    On the cluster this process is connected to, else that of RAY_ADDRESS, else one running on this node,
    else one begun here, which serves until the process ends.
    """

    def __init__(self, task: Task, num_workers: int, num_cpus: float, num_gpus: float) -> None:
        import ray
        from ray import cloudpickle

        _connect()
        self._room = Room(num_cpus=num_cpus, num_gpus=num_gpus)
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
        make = self._make.options(**self._room.options())
        self._shards[make.remote(_checkout(), self._task, shard)] = shard

    def wait(self) -> Outcome:
        import ray

        [reference], _ = ray.wait(list(self._shards), num_returns=1)
        outcome: Outcome = _outcome(reference, self._shards.pop(reference))
        return outcome

    def leave_out(self, node: str) -> bool:
        return _leave_out(self._room, node)


class ActorPool:
    """Ray actors, up to `num_workers`, each of which builds the job once and stays.

    A shard goes only to an actor that runs, so that a cluster with room for fewer still does them all. An actor
    that dies is replaced.
    """

    def __init__(self, task: Task, num_workers: int, num_cpus: float, num_gpus: float) -> None:
        import ray
        from ray import cloudpickle

        _connect()
        self._room = Room(num_cpus=num_cpus, num_gpus=num_gpus)
        self._room.check(ray.nodes())
        self.capacity = num_workers
        self._task = ray.put(cloudpickle.dumps(task))
        self._actor: Any = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_restarts=0)(_shard_actor())
        self._queue: deque[int] = deque()
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, int | None]] = {}  # by object reference: the actor, its shard if it has one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        for actor in [*self._idle, *(actor for actor, _ in self._busy.values())]:
            ray.kill(actor)
        self._idle.clear()
        self._busy.clear()

    def submit(self, shard: int) -> None:
        self._queue.append(shard)
        if not self._idle and len(self._busy) < self.capacity:
            actor = self._actor.options(**self._room.options()).remote(_checkout(), self._task)
            self._busy[actor.started.remote()] = (actor, None)

    def wait(self) -> Outcome:
        import ray

        while True:
            while self._idle and self._queue:
                actor, shard = self._idle.pop(), self._queue.popleft()
                self._busy[actor.make.remote(shard)] = (actor, shard)
            [reference], _ = ray.wait(list(self._busy), num_returns=1)
            if outcome := self._settle(reference):
                return outcome

    def leave_out(self, node: str) -> bool:
        return _leave_out(self._room, node)

    def _settle(self, reference: Any) -> Outcome | None:
        """What came back: a shard's outcome, or None from an actor that has started."""
        import ray

        actor, shard = self._busy.pop(reference)
        found: Outcome | None = _outcome(reference, -1 if shard is None else shard)
        if found is not None and found.unfit:
            ray.kill(actor)
        elif found is None or not found.crashed:
            self._idle.append(actor)
        if shard is None and found is not None:  # it died at its start: the shard that waits longest bears it
            return replace(found, shard=self._queue.popleft()) if self._queue else None
        return found


def _outcome(reference: Any, shard: int) -> Any:
    """The result of a call that makes a shard, an outcome also where the worker was lost."""
    import ray

    try:
        node, found = ray.get(reference)
        if isinstance(found, str):
            return Outcome(shard=shard, cause=found, unfit=True, node=node)
        return found and replace(found, node=node)
    except ray.exceptions.RayTaskError as error:
        return Outcome(shard=shard, cause=f"{type(error.cause).__name__}: {error.cause}", trace=str(error))
    except ray.exceptions.RayError as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        return Outcome(shard=shard, cause=f"its worker was lost: {cause[0]}", crashed=True)


def _leave_out(room: Room, node: str) -> bool:
    import ray

    room.left_out.add(node)
    return room.is_in(ray.nodes())


def _checkout() -> str:
    """The checkout that our packages are imported from, "" where they are installed."""
    root = Path(__file__).resolve().parents[1]
    return str(root) if (root / "pyproject.toml").exists() else ""


def _shard_maker() -> Callable[[str, bytes, int], tuple[str, Any]]:
    """A function that Ray sends by value, since it runs before our packages can be found."""

    def make_shard(checkout: str, task: bytes, shard: int) -> tuple[str, Any]:
        import os
        import sys

        import ray

        node = ray.get_runtime_context().get_node_id()
        if checkout and sys.path[0] != checkout and os.path.exists(os.path.join(checkout, "pyproject.toml")):
            sys.path.insert(0, checkout)
        try:
            from pipelines.pools import worker_of

            worker = worker_of(task)
        except Exception as error:  # our packages are not there
            return node, f"{type(error).__name__}: {error}"
        return node, worker.make(shard)

    return make_shard


def _shard_actor() -> type:
    """A class that Ray sends by value, since it runs before our packages can be found."""
    make_shard = _shard_maker()

    class ShardActor:
        def __init__(self, checkout: str, task: bytes) -> None:
            self._checkout, self._task = checkout, task

        def started(self) -> tuple[str, None]:
            """Answers once the actor runs."""
            return "", None

        def make(self, shard: int) -> Any:
            return make_shard(self._checkout, self._task, shard)

    return ShardActor


def _connect() -> None:
    """Join the cluster of RAY_ADDRESS or the one running here, else start one. Raises ValueError where it is dead."""
    import ray

    if not ray.is_initialized():
        if address := cluster_address():
            check_answers(address)
        else:
            print(
                "starting Ray on this machine (seconds; --backend processes does without)", file=sys.stderr, flush=True
            )
        hush_token_notice()
        ray.init(include_dashboard=False, logging_level=logging.WARNING)


def cluster_cpus() -> int:
    """The CPUs of the cluster, which is joined."""
    import ray

    _connect()
    return max(1, int(ray.cluster_resources().get("CPU", 1)))
