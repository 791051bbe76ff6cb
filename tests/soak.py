"""Runs the pipeline in a loop while it is killed, starved of disk and spoiled, and compares what it leaves with a run
that nothing disturbed. By hand, for it takes long; Linux alone; a really full disk takes root (else files are limited).

SMALLPRINT_DATA=DIR python tests/soak.py --out /tmp/soak --minutes 20 --seed 0
Exit code 1, and the files kept in OUT/failed-*, where anything is lost, double, or another byte.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipelines.shards.seeds import rng_for
from tests.soak_stages import NUM_RENDERED, Command, Stage, census, make_corpus, stages
from tests.soak_troubles import TROUBLES, Disk, Scene, spoil

MAX_TROUBLES = 4  # of a stage, before it is left alone
HANG_SECONDS = 400


class Soak:
    """One soak: the undisturbed run, then rounds of the same with troubles."""

    def __init__(self, out: Path, seed: int) -> None:
        self.out, self.seed = out, seed
        self.work, self.disk = out / "work", Disk(out / "work")
        self.stages = stages(out / "corpus", self.work)
        self.whole: dict[str, dict[str, str]] = {}
        self.seconds: dict[str, float] = {}
        self.bytes: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    def tell(self, where: str, what: str) -> None:
        """A line of the log."""
        line = f"{time.strftime('%H:%M:%S')} {where:<16} {what}"
        print(line, flush=True)
        with (self.out / "soak.log").open("a", encoding="utf-8") as log:
            print(line, file=log)

    def fault(self, where: str, what: str) -> None:
        """Something that must not be."""
        self.faults.append(f"{where}: {what}")
        self.tell(where, f"FAULT {what}")

    def undisturbed(self) -> None:
        """The run that all others are compared with."""
        self.disk.open()
        for stage in self.stages:
            start = time.monotonic()
            command = stage.start(self.work)
            if command.wait(HANG_SECONDS) != 0:
                raise SystemExit(f"{stage.name} does not run at all:\n{command.told()}")
            self.seconds[stage.name] = time.monotonic() - start
            self.whole[stage.name] = stage.digests(self.work)
            self.bytes[stage.name] = stage.num_bytes(self.work)
            self.tell(
                "undisturbed", f"{stage.name}: {self.seconds[stage.name]:.0f} s, {len(self.whole[stage.name])} files"
            )
        self.ids = census(self.work)
        double = {name: len(ids) - len(set(ids)) for name, ids in self.ids.items() if len(ids) > len(set(ids))}
        if double or len(self.ids["rendered"]) != NUM_RENDERED:
            self.fault("undisturbed", f"ids double {double}, rendered {len(self.ids['rendered'])} of {NUM_RENDERED}")
        self.disk.close()

    def round(self, number: int, end: float) -> None:
        """The pipeline once from the beginning, each stage in trouble until it is left alone; then compared."""
        self.disk.open()
        known = len(self.faults)
        for stage in self.stages:
            where = f"round {number} {stage.name}"
            rng = rng_for(self.seed, f"soak/{stage.name}", number)
            if not (self.troubled(stage, where, rng, end) or self.alone(stage, where)):
                break
            if rng.random() < 0.7:
                self.spoiled(stage, where, rng)
            self.compare(stage, where)
        else:
            self.take_census(f"round {number}")
        if len(self.faults) > known:
            shutil.copytree(self.work, self.out / f"failed-{number}")
        self.disk.close()

    def troubled(self, stage: Stage, where: str, rng: np.random.Generator, end: float) -> bool:
        """Start the stage and trouble it, some times; whether it came to its end all the same."""
        for attempt in range(int(rng.integers(1, MAX_TROUBLES + 1))):
            if time.monotonic() > end:
                return False
            name = str(rng.choice([name for name in TROUBLES if stage.has_workers or name != "worker killed"]))
            seconds = self.seconds[stage.name] / (1 + attempt / 2)  # what is left takes less
            scene = Scene(stage=stage, work=self.work, disk=self.disk, rng=rng,
                          seconds=seconds, num_bytes=self.bytes[stage.name])  # fmt: skip
            happened, command = TROUBLES[name](scene)
            code = command.wait(HANG_SECONDS)
            self.disk.widen()
            self.count(where, stage.name, name, happened, code)
            self.check_end(where, name, code, command.told())
            self.check_gone(where, command)
            if code == 0:
                return True
        return False

    def count(self, where: str, stage: str, name: str, happened: int, code: int | None) -> None:
        """Log a trouble, and count it where it came before the end."""
        self.counts[f"{stage}: {name}"] += happened
        end = {None: "hung", 0: "finished"}.get(code, f"left with {code}")
        self.tell(where, f"{name}{f' x {happened}' if happened > 1 else ''}: "
                         f"{end}{'' if happened else ' before the trouble came'}")  # fmt: skip

    def check_end(self, where: str, name: str, code: int | None, told: str) -> None:
        """A command that was not itself killed ends well, or says in a sentence why not."""
        told_by_us = re.sub(r"Exception in thread .*\nTraceback", "", told)  # TensorBoard's writer tells its own
        is_clean = not re.search("^Traceback", told_by_us, re.MULTILINE)
        if code is None:
            self.fault(where, f"hung for {HANG_SECONDS} s: {told[-2000:]}")
        elif name == "interrupt":
            if code not in (0, 130) or not is_clean:
                self.fault(where, f"interrupted, it ended with {code}: {told[-3000:]}")
        elif code > 0 and not (is_clean and name == "full disk" and "no room" in told.lower()):
            self.fault(where, f"{name}: it ended with {code}: {told[-3000:]}")

    def check_gone(self, where: str, command: Command) -> None:
        """No process outlives its driver for long."""
        end = time.monotonic() + 30
        while left := command.group():
            if time.monotonic() > end:
                self.fault(where, f"processes {left} outlived their driver")
                command.kill_all()
                return
            time.sleep(0.1)

    def alone(self, stage: Stage, where: str) -> bool:
        """The same command, undisturbed; whether it finished."""
        command = stage.start(self.work)
        code = command.wait(HANG_SECONDS)
        self.tell(where, f"the same command, left alone: {'finished' if code == 0 else f'left with {code}'}")
        if code:
            self.fault(where, f"does not resume, code {code}: {command.told()[-3000:]}")
        return code == 0

    def spoiled(self, stage: Stage, where: str, rng: np.random.Generator) -> None:
        """Damage a file of the finished stage, as a disk does, and give the same command."""
        kind, name, fault = spoil(stage, self.work, rng)
        if not kind:
            return
        self.counts[f"{stage.name}: {kind}"] += 1
        self.tell(where, f"{kind}: {name}")
        if fault:
            self.fault(where, fault)
        self.alone(stage, where)

    def compare(self, stage: Stage, where: str) -> None:
        """Every file has the bytes of the undisturbed run, and there is no other."""
        mine, whole = stage.digests(self.work), self.whole[stage.name]
        lost, more = sorted(whole.keys() - mine.keys()), sorted(mine.keys() - whole.keys())
        other = sorted(name for name in mine.keys() & whole.keys() if mine[name] != whole[name])
        if lost or more or other:
            self.fault(where, f"lost {lost}, left behind {more}, other bytes {other}")
        else:
            self.tell(where, f"same bytes: {len(mine)} files")

    def take_census(self, where: str) -> None:
        """Nothing lost, nothing twice."""
        found = census(self.work)
        for name, ids in found.items():
            if len(set(ids)) < len(ids) or sorted(ids) != sorted(self.ids[name]):
                self.fault(where, f"{name}: {len(ids)} rows of {len(set(ids))} ids, undisturbed {len(self.ids[name])}")
        self.tell(where, "rows: " + ", ".join(f"{len(ids)} {name}" for name, ids in found.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder, made anew")
    parser.add_argument("--minutes", type=float, default=20.0, help="of rounds; the last one is finished in peace")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if not Path(os.environ.get("SMALLPRINT_DATA", "")).joinpath("natural").is_dir():
        parser.error("SMALLPRINT_DATA names no folder of real photos")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs this in the background has it ignored
    out = args.out.resolve()
    if (out / "work").is_mount():
        raise SystemExit(f"{out}/work is mounted: umount it first")
    shutil.rmtree(out, ignore_errors=True)
    make_corpus(Path(os.environ["SMALLPRINT_DATA"]), out / "corpus")
    soak = Soak(out, args.seed)
    soak.tell(
        "soak", f"seed {args.seed}, {args.minutes:g} minutes, {'a disk of its own' if soak.disk.is_own else 'no root'}"
    )
    soak.undisturbed()
    end, number = time.monotonic() + 60 * args.minutes, 0
    while time.monotonic() < end:
        number += 1
        soak.round(number, end)
    for name, count in sorted(soak.counts.items()):
        soak.tell("survived", f"{name}: {count}")
    soak.tell("verdict", f"{number} rounds, {soak.counts.total()} troubles, {len(soak.faults)} faults")
    for fault in soak.faults:
        soak.tell("verdict", fault.splitlines()[0])
    return 1 if soak.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
