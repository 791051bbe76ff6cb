"""Workers that make shards, in this process or in processes of our own; none knows of another."""

import logging
import os
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, Self

from pipelines.children import deaf_to_interrupts, leave_with_parent
from pipelines.shards.files import Job, ShardInfo, write_shard
from pipelines.shards.folder import NO_ROOM, Folder
from pipelines.shards.identity import difference, library_versions

TRACE_LINES = 12
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker is to do: the job, where its shards go, and the library versions it must have."""

    make_job: Callable[[], Job]
    folder: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a shard went: `info` without counts, or the cause of its failure and the end of the traceback."""

    shard: int
    info: ShardInfo | None = None
    cause: str = ""
    trace: str = ""
    crashed: bool = False  # the worker died: worth another try
    no_room: bool = False  # the next shard would fail the same way
    unfit: bool = False  # the worker could not build the job: its node would fail any shard
    node: str = ""  # that the worker was on, as Ray names it


class Pool(Protocol):
    """Takes shards, at most `capacity` at a time, and hands back outcomes in any order."""

    @property
    def capacity(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None:
        """Stop the workers; what is in flight is given up."""

    def submit(self, shard: int) -> None: ...
    def wait(self) -> Outcome | None:
        """What came of a shard; None after a while without, so that `capacity` is looked at again."""

    def leave_out(self, node: str) -> bool:
        """Give no more shards to the node; whether another can take them."""


class Worker:
    """Builds the job once and makes shards; what goes wrong comes back as an outcome."""

    def __init__(self, task: Task, job: Job | None = None) -> None:
        self._task, self._job = task, job

    def make(self, shard: int) -> Outcome:
        try:
            if self._job is None:
                self._job = self._build()
        except FileNotFoundError as error:  # a mount that is not there
            return replace(_failed(shard, error), unfit=True)
        except Exception as error:  # another OSError passes: a store that did not answer
            return replace(_failed(shard, error), unfit=not isinstance(error, OSError))
        try:
            info = write_shard(Folder(self._task.folder), shard, self._job, self._task.versions)
        except Exception as error:  # any fault of a job is the shard's, named in the end
            return _failed(shard, error)
        return Outcome(shard=shard, info=replace(info, counts={}))

    def _build(self) -> Job:
        if lines := difference(self._task.versions, library_versions()):
            raise RuntimeError("this worker has other library versions (driver -> worker): " + "; ".join(lines))
        return self._task.make_job()


def _failed(shard: int, error: Exception) -> Outcome:
    trace = "\n".join("".join(traceback.format_exception(error)).splitlines()[-TRACE_LINES:])
    no_room = isinstance(error, OSError) and error.errno in NO_ROOM
    return Outcome(shard=shard, cause=f"{type(error).__name__}: {error}", trace=trace, no_room=no_room)


def hush_token_notice() -> None:
    """Keep Ray from telling at each start that its cluster asks for a token, as docs/ray.md says; never that it
    asks for none."""
    logging.getLogger("ray._private.authentication.authentication_token_setup").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return "Token authentication is enabled" not in record.getMessage()


def one_thread() -> None:
    """Keep this process to one core: shards are what runs in parallel."""
    import cv2
    import pyarrow as pa

    cv2.setNumThreads(1)
    pa.set_cpu_count(1)


@lru_cache(maxsize=1)
def worker_of(task: bytes) -> Worker:
    """The worker of a pickled task: one a process, for backends that send each shard by itself."""
    one_thread()
    return Worker(pickle.loads(task))


class InlinePool:
    """Makes each shard in this process, when it is waited for."""

    capacity = 1

    def __init__(self, task: Task, job: Job) -> None:
        self._worker = Worker(task, job)
        self._shards: deque[int] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shards.clear()

    def submit(self, shard: int) -> None:
        self._shards.append(shard)

    def wait(self) -> Outcome:
        return self._worker.make(self._shards.popleft())

    def leave_out(self, node: str) -> bool:
        return False


@dataclass(slots=True, kw_only=True)
class _Peer:
    """A worker process as its driver sees it."""

    process: BaseProcess
    pipe: Any  # multiprocessing.connection.Connection
    shard: int | None = None


class ProcessPool:
    """Processes, started by spawn as shards come in; where one dies, the next shard starts another."""

    def __init__(self, task: Task, num_workers: int) -> None:
        self.capacity = num_workers
        self._task = task
        self._peers: list[_Peer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self._peers:
            peer.pipe.close()
            if peer.shard is not None:
                peer.process.terminate()
        for peer in self._peers:
            peer.process.join(5)
            if peer.process.is_alive():
                peer.process.kill()
                peer.process.join()
        self._peers.clear()

    def submit(self, shard: int) -> None:
        peer = next((peer for peer in self._peers if peer.shard is None), None) or self._start()
        peer.shard = shard
        try:
            peer.pipe.send(shard)
        except OSError:
            return  # it died idle: wait() sees that and reports the shard

    def wait(self) -> Outcome:
        busy = [peer for peer in self._peers if peer.shard is not None]
        ready = connection.wait([peer.pipe for peer in busy] + [peer.process.sentinel for peer in busy])
        peer = next(peer for peer in busy if peer.pipe in ready or peer.process.sentinel in ready)
        try:
            outcome: Outcome = peer.pipe.recv()
        except (EOFError, OSError):
            return self._bury(peer)
        peer.shard = None
        return outcome

    def leave_out(self, node: str) -> bool:
        return False

    def _start(self) -> _Peer:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._task, theirs))
        with _one_thread_environment(), deaf_to_interrupts():
            process.start()
        theirs.close()
        self._peers.append(_Peer(process=process, pipe=ours))
        return self._peers[-1]

    def _bury(self, peer: _Peer) -> Outcome:
        assert peer.shard is not None, "only a worker with a shard is waited for"
        peer.process.join()
        peer.pipe.close()
        self._peers.remove(peer)
        code = peer.process.exitcode or 0
        cause = f"killed by {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
        return Outcome(shard=peer.shard, cause=f"its worker was {cause}", crashed=True)


@contextmanager
def _one_thread_environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(task: Task, pipe: Any) -> None:
    """A worker process: shards in, outcomes out, until the pipe or the driver is gone."""
    leave_with_parent()
    one_thread()
    worker = Worker(task)
    while True:
        try:
            shard = pipe.recv()
        except EOFError:
            return
        pipe.send(worker.make(shard))
