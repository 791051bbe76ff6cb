"""Runs the steps of the demo, keeps what each took, and leaves alone what is done."""

import json
import resource
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pipelines.demonstration.commands import Step
from pipelines.shards.folder import Folder

RECORD_FILE = "steps.json"
STOPPED, BY_CTRL_C = 130, -2  # exit codes of what Ctrl-C ended


@dataclass(slots=True, kw_only=True)
class Taken:
    """What a command took, all attempts and processes together."""

    command: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    is_done: bool = False


class StepError(Exception):
    """A step ended with another exit code than 0."""

    def __init__(self, step: Step, code: int) -> None:
        super().__init__(f"the step {step.name} failed (exit code {code}). Its command was:\n  {step.command}")


class Runner:
    """Runs steps; what they took is kept in OUT/steps.json.

    A step is left out where the same command has done it, what it makes is there, and no step before it ran.
    """

    def __init__(self, out: Folder) -> None:
        self._out = out
        rows = json.loads(out.read(RECORD_FILE)) if out.exists(RECORD_FILE) else {}
        self.taken = {name: Taken(**row) for name, row in rows.items()}
        self._has_run = False

    def is_done(self, step: Step) -> bool:
        """Whether there is nothing left to do of a step, as far as the steps before it were run here."""
        found = self.taken.get(step.name, Taken(command=""))
        same = found.is_done and found.command == step.command
        return same and not self._has_run and self._out.exists(step.makes)

    def run(self, step: Step) -> None:
        """Do a step, or what is missing of it, telling its command and its time.

        Raises StepError, and KeyboardInterrupt where Ctrl-C ended it.
        """
        self._has_run = True
        found = self.taken.get(step.name)
        if not found or found.is_done or found.command != step.command:
            found = self.taken[step.name] = Taken(command=step.command)
        print(f"\n$ {step.command}", flush=True)
        start, before = time.monotonic(), _cpu_seconds()
        try:
            code = _exit_code(step)
        finally:
            found.seconds += time.monotonic() - start
            found.cpu_seconds += _cpu_seconds() - before
            self._keep()
        if code in (STOPPED, BY_CTRL_C):
            raise KeyboardInterrupt
        if code:
            raise StepError(step, code)
        found.is_done = True
        self._keep()
        print(f"-- {step.name}: {found.seconds:.1f} s, {found.cpu_seconds:.1f} CPU s", flush=True)

    def _keep(self) -> None:
        rows = {name: asdict(one) for name, one in self.taken.items()}
        self._out.put(RECORD_FILE, json.dumps(rows, indent=1, ensure_ascii=False).encode())


def _exit_code(step: Step) -> int:
    """Run the command to its end. Ctrl-C reaches it too: then it is waited for, since it may save its state first."""
    with subprocess.Popen(step.argv) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _cpu_seconds() -> float:
    """What all processes took that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def total_seconds(taken: Iterable[Taken]) -> tuple[float, float]:
    """Seconds and CPU seconds together."""
    found = list(taken)
    return sum(one.seconds for one in found), sum(one.cpu_seconds for one in found)
