"""Shards made on a Ray cluster, by tasks or by actors. It and rayworkers.py alone of pipelines import Ray, and only
inside functions."""

import logging
import sys
import time
from collections import deque
from dataclasses import replace
from threading import Event
from typing import Any, Self

from pipelines.pools import Outcome, Task, hush_token_notice
from pipelines.raycluster import Room, check_answers, cluster_address
from pipelines.rayworkers import checkout, shard_actor, shard_maker

COUNT_SECONDS = 5.0  # between two looks at the nodes
JOIN_SECONDS = 600.0  # that nodes of a cluster which grows have to come
_BEGUN = Event()  # set where this process began the cluster, which then does not grow


class _ClusterPool:
    """What both kinds of workers share: the cluster, the room that a worker needs there, how many there may be.

    On the cluster this process is connected to, else that of RAY_ADDRESS, else one running on this node,
    else one begun here, which serves until the process ends. `num_workers` of -1: as many as its nodes hold, also those
    that come later, and `ahead` times so many. Waiting raises ValueError where no node has room for a worker: at once
    where this process began the cluster, else after JOIN_SECONDS, for it may grow.
    """

    ahead = 1

    def __init__(self, num_workers: int, num_cpus: float, num_gpus: float) -> None:
        _connect()
        self._room = Room(num_cpus=num_cpus, num_gpus=num_gpus)
        self._asked, self._held, self._due = num_workers, 1, 0.0
        self._roomless = 0.0  # since when no node has room

    @property
    def capacity(self) -> int:
        """Shards in the making at a time."""
        import ray

        if self._asked >= 0:
            return self._asked
        if time.monotonic() >= self._due:
            self._held = max(1, self.ahead * self._room.workers_in(ray.nodes()))
            self._due = time.monotonic() + COUNT_SECONDS
        return self._held

    def leave_out(self, node: str) -> bool:
        """Give a node no more shards; whether another is left."""
        import ray

        self._room.left_out.add(node)
        return self._room.is_in(ray.nodes())

    def _check_room(self) -> None:
        """Tell, and after JOIN_SECONDS raise, that no node has room for a worker."""
        import ray

        nodes = ray.nodes()
        if self._room.is_in(nodes) or (_BEGUN.is_set() and self._room.left_out):  # then what runs still ends
            self._roomless = 0.0
            return
        lacking = self._room.lacking(nodes)
        if not self._roomless and not _BEGUN.is_set():
            self._roomless = time.monotonic()
            print(f"{lacking}; waiting {JOIN_SECONDS:g} s for one to join", file=sys.stderr, flush=True)
        if _BEGUN.is_set() or time.monotonic() > self._roomless + JOIN_SECONDS:
            raise ValueError(lacking)


class RayPool(_ClusterPool):
    """Ray tasks. Of a number that follows the cluster as many again wait, so that one that grows by demand does."""

    ahead = 2

    def __init__(self, task: Task, num_workers: int, num_cpus: float, num_gpus: float) -> None:
        import ray
        from ray import cloudpickle

        super().__init__(num_workers, num_cpus, num_gpus)
        self._shards: dict[Any, int] = {}  # by object reference
        self._task = ray.put(cloudpickle.dumps(task))
        # No retries by Ray: ours are counted. No max_calls, or a GPU task would end its worker each time.
        task_of = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_retries=0, max_calls=0)
        self._make: Any = task_of(shard_maker())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        for reference in self._shards:
            ray.cancel(reference, force=True)
        self._shards.clear()

    def submit(self, shard: int) -> None:
        make = self._make.options(**self._room.options())
        self._shards[make.remote(checkout(), self._task, shard)] = shard

    def wait(self) -> Outcome | None:
        import ray

        for reference in ray.wait(list(self._shards), num_returns=1, timeout=COUNT_SECONDS)[0]:
            outcome: Outcome = _outcome(reference, self._shards.pop(reference))
            self._roomless = self._roomless if outcome.crashed else 0.0
            return outcome
        self._check_room()
        return None


class ActorPool(_ClusterPool):
    """Ray actors, up to `num_workers`, each of which builds the job once and stays.

    A shard goes only to an actor that runs, so that a cluster with room for fewer still does them all. An actor
    that dies is replaced.
    """

    def __init__(self, task: Task, num_workers: int, num_cpus: float, num_gpus: float) -> None:
        import ray
        from ray import cloudpickle

        super().__init__(num_workers, num_cpus, num_gpus)
        self._check_room()
        self._task = ray.put(cloudpickle.dumps(task))
        self._actor: Any = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_restarts=0)(shard_actor())
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

    def wait(self) -> Outcome | None:
        import ray

        self._hand_out()
        for reference in ray.wait(list(self._busy), num_returns=1, timeout=COUNT_SECONDS)[0]:
            return self._settle(reference)
        self._check_room()
        return None

    def _hand_out(self) -> None:
        """Queued shards to idle actors, and actors for those that are left."""
        while self._idle and self._queue:
            actor, shard = self._idle.pop(), self._queue.popleft()
            self._busy[actor.make.remote(shard)] = (actor, shard)
        num_starting = sum(shard is None for _, shard in self._busy.values())
        for _ in range(min(len(self._queue) - num_starting, self.capacity - len(self._busy))):
            actor = self._actor.options(**self._room.options()).remote(checkout(), self._task)
            self._busy[actor.started.remote()] = (actor, None)

    def _settle(self, reference: Any) -> Outcome | None:
        """What came back: a shard's outcome, or None from an actor that has started."""
        import ray

        actor, shard = self._busy.pop(reference)
        found: Outcome | None = _outcome(reference, -1 if shard is None else shard)
        self._roomless = self._roomless if found and found.crashed else 0.0
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


def _connect() -> None:
    """Join the cluster of RAY_ADDRESS or the one running here, else start one. Raises ValueError where it is dead."""
    import ray

    if ray.is_initialized():
        return
    address = cluster_address()
    if begins := address in ("", "local"):
        print("starting Ray on this machine (seconds; --backend processes does without)", file=sys.stderr, flush=True)
    else:
        check_answers(address)
    hush_token_notice()
    ray.init(include_dashboard=False, logging_level=logging.WARNING)
    if begins:
        _BEGUN.set()
