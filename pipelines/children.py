"""Worker processes of ours: how many there is room for; Ctrl-C is for the driver alone, and none outlives it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, parent_process, resource_tracker


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Processes started inside never hear SIGINT, not even while they load their modules: a terminal sends it to all,
    and the driver, which hears it when the block ends at the latest, stops them."""
    resource_tracker.ensure_running()  # else the first process would start it, which lets signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def usable_cpus() -> int:
    """The CPUs of this machine, or those that a scheduler leaves to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def leave_with_parent() -> None:
    """End this process at once when the one that started it is gone, however that ended."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    assert parent is not None, "only a child process waits for its parent"
    connection.wait([parent.sentinel])
    os._exit(1)
