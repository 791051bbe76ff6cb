"""Whose a run's folder is: the run's that was begun there, and one process's at a time."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO, Any

from pipelines.shards.folder import Folder
from pipelines.shards.identity import check_free, difference
from train.checkpoint import CHECKPOINTS, Checkpoints
from train.log import CHECKPOINT, LOG_FILE, STEP, read_log
from train.samples import FOLDER as SHEETS
from train.world import World

RUN_FILE, LOCK_FILE = "run.json", "run.lock"


@contextmanager
def claimed(out: Path, identity: Mapping[str, Any], world: World) -> Iterator[None]:
    """The folder is this run's, and no other process trains in it within.

    Raises ValueError, on every rank, where it was begun otherwise, holds something else, or is in use.
    """
    held: list[IO[bytes]] = []
    world.from_first(lambda: held.append(_claim(out, json.loads(json.dumps(identity)))))
    try:
        yield
    finally:
        for file in held:
            file.close()


def _claim(out: Path, mine: dict[str, Any]) -> IO[bytes]:
    """The locked file of the process that trains there; what says whose the folder is, is read and written under it."""
    if not (out / RUN_FILE).exists():
        check_free(Folder(str(out)), (RUN_FILE, LOCK_FILE, CHECKPOINTS, SHEETS))
    out.mkdir(parents=True, exist_ok=True)
    file = _locked(out)
    try:
        if not (out / RUN_FILE).exists() or not _has_trained(out):
            Folder(str(out)).put(RUN_FILE, json.dumps(mine, indent=1).encode())
        _check(out / RUN_FILE, mine)
    except BaseException:
        file.close()
        raise
    Folder(str(out)).sweep()  # what a killed run was writing
    return file


def _has_trained(out: Path) -> bool:
    """Whether a run took a step there: one that was refused or stopped before that binds no other."""
    is_logged = any(line["kind"] in (STEP, CHECKPOINT) for line in read_log(out / LOG_FILE))
    return is_logged or bool(Checkpoints(out / CHECKPOINTS, 1).names())


def _locked(out: Path) -> IO[bytes]:
    """A file that is never replaced, and so is the same one for all who want to train there."""
    file = (out / LOCK_FILE).open("ab")  # for writing: what a lock over a network needs
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ValueError(
            f"{out} is in use: another process trains there. Wait for it or stop it, or name another folder with --out"
        ) from None
    except OSError:  # a file system without locks
        pass
    return file


def _check(path: Path, mine: dict[str, Any]) -> None:
    """Raise ValueError where the run in the folder was begun with another model, losses, stages or data."""
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
        _take_over(theirs, mine)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): name another folder with --out, or put it back") from error
    if lines := difference(theirs, mine):
        shown = "\n".join(f"  {line}" for line in lines[:20])
        newest = Checkpoints(path.parent / CHECKPOINTS, 1).names()[-1:]
        hint = f" Another run may begin with the weights of this one: --init {path.parent / CHECKPOINTS}/"
        raise ValueError(
            f"{path.parent} was begun otherwise (there -> now):\n{shown}\nName another folder with --out, or go back "
            f"to what it was begun with.{hint + newest[0] if newest else ''}"
        )


def _take_over(theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    """Make alike, in what a run was begun with, all that makes no other run of it."""
    if "init_sha256" not in mine["model"]:  # the model is gone, and the checkpoint holds what was made of it
        theirs["model"].pop("init_sha256", None)
    for part, name in (("terms", "teacher"), ("model", "init")):  # the same files in a folder of another name
        digest = mine[part].get(f"{name}_sha256")
        if digest is not None and digest == theirs[part].get(f"{name}_sha256"):
            theirs[part][name] = mine[part][name]
