"""What befalls a stage in a soak: kills, an interrupt, a full disk; and, when it is done, a file that is damaged."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.shards.files import read_manifest, shard_name, sidecar_name, verify_shard
from pipelines.shards.folder import Folder
from tests.soak_stages import Command, Stage

DISK_BYTES = 400_000_000
PAGE_BYTES = 4096
KILL = signal.SIGKILL


class Disk:
    """The place of a round: a disk in memory of its own where we may mount one, else a folder."""

    def __init__(self, place: Path) -> None:
        self.place, self.is_own = place, os.geteuid() == 0

    def open(self) -> None:
        """Make it, empty."""
        self.place.mkdir(parents=True)
        if self.is_own:
            options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(self.place)]
            self.is_own = subprocess.run(["mount", *options], check=False).returncode == 0

    def close(self) -> None:
        """Remove it and all that it holds."""
        if self.is_own:
            subprocess.run(["umount", str(self.place)], check=True)
            self.place.rmdir()
        else:
            subprocess.run(["rm", "-r", str(self.place)], check=True)

    def leave(self, num_bytes: int) -> None:
        """Leave so much free."""
        there = os.statvfs(self.place)
        used = (there.f_blocks - there.f_bfree) * there.f_frsize
        self._resize(used + max(PAGE_BYTES, num_bytes // PAGE_BYTES * PAGE_BYTES))

    def widen(self) -> None:
        """Someone has freed space."""
        if self.is_own:
            self._resize(DISK_BYTES)

    def _resize(self, num_bytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={num_bytes}", str(self.place)], check=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A stage that is about to be troubled; `seconds` and `num_bytes` are what it takes in peace."""

    stage: Stage
    work: Path
    disk: Disk
    rng: np.random.Generator
    seconds: float
    num_bytes: int

    def start(self) -> Command:
        return self.stage.start(self.work)

    def pause(self, command: Command) -> bool:
        """Wait for a moment by chance, by half in the middle of writing a file; whether the command still runs."""
        moment = time.monotonic() + self.rng.uniform(0.05, 0.75) * self.seconds
        writing = self.rng.random() < 0.5
        while time.monotonic() < moment and command.process.poll() is None:
            time.sleep(0.02)
        while writing and command.process.poll() is None and not self._is_writing():
            time.sleep(0.002)
        return command.process.poll() is None

    def _is_writing(self) -> bool:
        with suppress(FileNotFoundError):  # a folder that goes as it is listed
            return any(any((self.work / folder).rglob(".*.tmp")) for folder in self.stage.folders)
        return True


def kill_driver(scene: Scene) -> tuple[int, Command]:
    """The driver dies; its workers are to leave by themselves."""
    command = scene.start()
    runs = scene.pause(command)
    if runs:
        command.process.send_signal(KILL)
    return int(runs), command


def kill_all(scene: Scene) -> tuple[int, Command]:
    """Driver and workers die at once, as when a machine does."""
    command = scene.start()
    runs = scene.pause(command)
    if runs:
        command.kill_all()
    return int(runs), command


def interrupt(scene: Scene) -> tuple[int, Command]:
    """Ctrl-C."""
    command = scene.start()
    runs = scene.pause(command)
    if runs:
        os.killpg(command.process.pid, signal.SIGINT)
    return int(runs), command


def kill_worker(scene: Scene) -> tuple[int, Command]:
    """A worker dies; the driver is to go on. (Scoring calls an image on which two died a killer, so it loses one.)"""
    command, num_killed = scene.start(), 0
    for _ in range(1 if scene.stage.name == "curate" else 2):
        while command.process.poll() is None and not command.workers():
            time.sleep(0.02)
        time.sleep(scene.rng.uniform(0, 0.2) * scene.seconds)
        if command.process.poll() is None and (workers := command.workers()):
            with suppress(ProcessLookupError):
                os.kill(workers[int(scene.rng.integers(len(workers)))], KILL)
                num_killed += 1
    return num_killed, command


def full_disk(scene: Scene) -> tuple[int, Command]:
    """There is room for a part of the files alone."""
    share = scene.rng.uniform(0.0, 0.8)
    if scene.disk.is_own:
        scene.disk.leave(int(share * scene.num_bytes))
        return 1, scene.start()
    command = scene.start()
    limit = int(share * scene.num_bytes / 4)
    resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    return 1, command


TROUBLES: dict[str, Callable[[Scene], tuple[int, Command]]] = {
    "driver killed": kill_driver,
    "all killed": kill_all,
    "interrupt": interrupt,
    "worker killed": kill_worker,
    "full disk": full_disk,
}


def spoil(stage: Stage, work: Path, rng: np.random.Generator) -> tuple[str, str, str]:
    """Damage a file of a finished stage: the kind of damage, the file, and what is wrong with how it is noticed."""
    if stage.name == "train":
        return _spoil_checkpoint(work / "run", rng)
    kept = [name for name in stage.folders if not name.endswith(".plan")]  # what led to a plan is read no more
    places = sorted({path.parents[1] for name in kept for path in (work / name).rglob("manifest/*.json")})
    folder = Folder(str(places[int(rng.integers(len(places)))]))
    infos = read_manifest(folder)
    index = int(rng.choice(sorted(infos)))
    shard, sidecar = (Path(folder.url, name(index)) for name in (shard_name, sidecar_name))
    kind = str(rng.choice(["shard cut", "shard gone", "sidecar gone", "sidecar garbled", "shard flipped"]))
    if kind == "shard cut":
        os.truncate(shard, int(rng.integers(infos[index].num_bytes)))
    elif kind == "sidecar garbled":
        sidecar.write_bytes(sidecar.read_bytes()[: int(rng.integers(20))])
    elif kind == "shard flipped":
        _flip(shard, rng)
        if not verify_shard(folder, infos[index]):
            return kind, str(shard), "a flipped bit of a shard went unnoticed by its sha256"
        shard.unlink()  # what the user does who is told so
    else:
        (shard if kind == "shard gone" else sidecar).unlink()
    return kind, str(shard.relative_to(work)), ""


def _spoil_checkpoint(run: Path, rng: np.random.Generator) -> tuple[str, str, str]:
    """The newest checkpoint is damaged, and the model lost: the run is to go on from the one before."""
    newest = max((run / "checkpoints").iterdir())
    path = newest / str(rng.choice(["weights.safetensors", "optimiser.safetensors", "state.json"]))
    if path.suffix == ".json":
        os.truncate(path, int(rng.integers(path.stat().st_size)))
    else:
        _flip(path, rng)
    (run / "model/model.safetensors").unlink()
    return "checkpoint damaged", str(path.relative_to(run.parent)), ""


def _flip(path: Path, rng: np.random.Generator) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
