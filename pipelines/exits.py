"""How a command ends: faults and Ctrl-C told in a sentence, and the process's exit code."""

import atexit
import signal
import sys
from collections.abc import Callable
from functools import cache

FAULT, STOPPED = 1, 130
GOES_ON = "stopped; the same command goes on from here"


def exit_code(
    name: str,
    command: Callable[[], int | None],
    *,
    faults: tuple[type[Exception], ...] = (),
    stopped: str = GOES_ON,
) -> int:
    """Run a command; its exit code, 0 where it gives none. A ValueError, an OSError and the faults named are told
    under the command's name."""
    told: tuple[type[Exception], ...] = (ValueError, OSError, *faults)
    try:
        return command() or 0
    except told as error:
        print(f"{name}: {error}", file=sys.stderr)
        return FAULT
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
        return STOPPED
    finally:
        _end_in_peace()


@cache
def _end_in_peace() -> None:
    """Ctrl-C while the interpreter ends changes nothing: all was said, and it would kill the process as by a fault."""
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
