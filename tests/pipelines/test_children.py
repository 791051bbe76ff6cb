"""Worker processes: who hears Ctrl-C, and who goes when the driver is gone."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from typing import Any

import pytest

from pipelines.children import deaf_to_interrupts


class Loading:
    """Takes a second to be unpickled, as modules take to be loaded: before a worker's own code begins."""

    def __reduce__(self) -> tuple[Any, ...]:
        return time.sleep, (1.0,)


def start_and_interrupt() -> int | None:
    """The exit code of a process that is sent SIGINT while it loads."""
    process = get_context("spawn").Process(target=print, args=(Loading(),))
    process.start()
    assert process.pid
    time.sleep(0.6)
    os.kill(process.pid, signal.SIGINT)
    process.join()
    return process.exitcode


def test_a_worker_does_not_hear_an_interrupt_even_while_it_loads(capfd):
    assert start_and_interrupt() != 0  # else the next line shows nothing
    assert "KeyboardInterrupt" in capfd.readouterr().err
    with deaf_to_interrupts():
        code = start_and_interrupt()
    assert (code, capfd.readouterr().err) == (0, "")


def test_the_first_process_of_a_driver_is_deaf_too(tmp_path):
    """The first start also starts Python's resource tracker, which lets SIGINT through when it is up."""
    script = tmp_path / "driver.py"
    script.write_text(
        "import signal\n"
        "from pipelines.children import deaf_to_interrupts\n"
        "from multiprocessing import get_context\n"
        "if __name__ == '__main__':\n"
        "    with deaf_to_interrupts():\n"
        "        process = get_context('spawn').Process(target=print)\n"
        "        process.start()\n"
        "        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
        "    process.join()\n"
        "    raise SystemExit(signal.SIGINT not in blocked)\n"
    )
    done = subprocess.run([sys.executable, script], env={**os.environ, "PYTHONPATH": os.getcwd()}, check=False)
    assert done.returncode == 0


def test_the_driver_hears_it_all_the_same():
    with pytest.raises(KeyboardInterrupt), deaf_to_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
