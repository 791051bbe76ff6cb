"""A small real rendering job for tests: run in this process or from the command line, caught midway."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pipelines import dataset
from pipelines.settings import parse_settings

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "pipelines/render.py"
NUM_IMAGES, SHARD_ROWS, NUM_SHARDS = 32, 4, 8
FLAGS = f"--image-size 128 --num-images {NUM_IMAGES} --images-per-shard {SHARD_ROWS} --seed 5"


@dataclass(frozen=True, kw_only=True)
class SmallJob:
    """32 images of 128 px in eight shards, on the photos of a folder."""

    photos: Path
    index: Path  # made by the first run

    def flags(self, out: Path, *more: str) -> list[str]:
        places = ["--photos", str(self.photos), "--photo-index", str(self.index), "--out", str(out)]
        return [*FLAGS.split(), *places, *more]

    def make(self, out: Path, *more: str) -> int:
        """Run it in this process; its exit code."""
        args = self.flags(out, "--workers", "0", *more)
        return dataset.make(parse_settings(args, "", "render.py").absolute())

    def start(
        self,
        out: Path,
        *more: str,
        script: Path = SCRIPT,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Run it as a user would, on two workers, in a process group of its own."""
        return start_script(script, self.flags(out, "--workers", "2", *more), cwd, env)


def start_script(
    script: Path, args: Sequence[str], cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a script as a user would, in a process group of its own; what it says comes as one stream."""
    return subprocess.Popen(
        [sys.executable, str(script), *args],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def ended() -> Iterator[list[subprocess.Popen[str]]]:
    """A list of which no process outlives the block, nor one that it started in its group."""
    processes: list[subprocess.Popen[str]] = []
    try:
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def shards(folder: Path) -> dict[str, str]:
    """The sha256 of everything in data/ and manifest/, temporary files included."""
    files = sorted(path for part in ("data", "manifest") for path in (folder / part).glob("*"))
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def sidecars(folder: Path) -> list[Path]:
    """The sidecars of the shards that are whole."""
    return sorted((folder / "manifest").glob("*.json"))


def wait_until(happened: Callable[[], T], seconds: float = 180) -> T:
    """The first value that counts as true."""
    end = time.monotonic() + seconds
    while not (value := happened()):
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.02)
    return value


def writers(folder: Path) -> set[int]:
    """The processes that are in the middle of a shard of this folder."""
    found: set[int] = set()
    if not any((folder / "data").glob(".*.tmp")):
        return found
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it has just been closed
            target = os.readlink(link)
            if target.startswith(f"{folder}/data/") and target.endswith(".tmp"):
                found.add(int(link.parts[2]))
    return found


def stop_writer(folder: Path, but_of: int = 0) -> int:
    """Stop a process in the middle of a shard, one whose parent is another than `but_of`; its number."""

    def stopped() -> int:
        for pid in writers(folder):
            if parent_of(pid) == but_of:
                continue
            os.kill(pid, signal.SIGSTOP)
            if pid in writers(folder):
                return pid
            os.kill(pid, signal.SIGCONT)
        return 0

    return wait_until(stopped)


def parent_of(pid: int) -> int:
    """The parent of a process, 0 where it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0
