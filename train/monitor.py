"""What a run tells: a line on the terminal, log.jsonl, boards of figures, the report."""

import json
import math
import sys
import time
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Self

from tqdm import tqdm

from train.boards import Boards
from train.curriculum import VALUES, Now, Stage
from train.log import CHECKPOINT, EVALUATION, LOG_FILE, STEP, open_log
from train.pace import Pace
from train.run_report import write_report
from train.settings import Run
from train.world import World

LINE_SECONDS = 10.0


class Monitor:
    """The first rank's; on the others it says nothing."""

    def __init__(self, out: Path, run: Run, total_images: int, num_images: int, world: World) -> None:
        self._out, self._run, self._total = out, run, total_images
        self._speaks = world.is_first
        self._start, self._before, self._last = time.monotonic(), num_images, 0.0
        self._steps, self._pace = 0, Pace(num_images)
        if not self._speaks:
            return
        self._log = open_log(out / LOG_FILE, num_images)
        self._bar = tqdm(total=total_images, initial=num_images, unit=" images", smoothing=0.05, disable=None)
        self._boards = Boards(run, num_images)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._speaks:
            return
        for close in (
            self._bar.close,
            self._log.close,
            self._boards.close,
            partial(write_report, self._out, self._run),
        ):
            with suppress(OSError) if kind else nullcontext():  # what ended the run is told, not what followed
                close()

    def begin_stage(self, stage: Stage, left_out: tuple[str, ...]) -> None:
        """Say which stage begins, and what of its mix the data lacks."""
        without = f", without {', '.join(left_out)} (not in the data)" if left_out else ""
        self._pace.restart(self._pace.seen)
        self._say(f"stage {stage.name}: {stage.num_images:,} images at {stage.resolution_px} px{without}")

    def step(self, num_images: int, figures: dict[str, float], now: Now, waited_s: float) -> None:
        """Count a step, which waited so long for its data, and log it where its turn is."""
        self._steps += 1
        self._pace.step(num_images, waited_s)
        if not self._speaks:
            return
        self._bar.update(num_images - self._bar.n)
        if figures["is_bad"]:
            self._say(f"step at {num_images:,} images skipped: its gradient is not finite")
        elif self._steps % self._run.execution.log_steps and num_images < self._total:
            return
        schedules = {name: getattr(now, name) for name in VALUES}
        self._write(STEP, num_images, figures | schedules | self._pace.take())
        self._bar.set_postfix({name: f"{figures[name]:.4f}" for name in ("l1", "total") if name in figures})
        if self._bar.disable and time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            print(self._line(num_images, figures), file=sys.stderr, flush=True)

    def evaluation(self, num_images: int, figures: dict[str, float]) -> None:
        """Log what the held-out images gave."""
        if self._speaks:
            self._write(EVALUATION, num_images, figures)
            shown = ", ".join(f"{name[5:]} {value:.2f}" for name, value in figures.items() if name.startswith("psnr/"))
            self._say(f"{num_images:,} images: held-out PSNR, dB: {shown}")
            write_report(self._out, self._run)
        self._pace.restart(num_images)

    def checkpoint(self, num_images: int) -> None:
        """Log that all was saved."""
        if self._speaks:
            self._write(CHECKPOINT, num_images, {})
        self._pace.restart(num_images)

    def _line(self, num_images: int, figures: dict[str, float]) -> str:
        rate = (num_images - self._before) / max(time.monotonic() - self._start, 1e-9)
        left = (self._total - num_images) / rate if rate else float("inf")
        return f"{num_images:,} of {self._total:,} images, {rate:.1f}/s, {left:,.0f} s left, l1 {figures['l1']:.4f}"

    def _write(self, kind: str, num_images: int, values: dict[str, float]) -> None:
        known = {name: value if math.isfinite(value) else None for name, value in values.items()}  # JSON has no nan
        self._log.write(json.dumps({"kind": kind, "images": num_images} | known) + "\n")
        self._log.flush()
        self._boards.write(num_images, values)

    def _say(self, message: str) -> None:
        if self._speaks:
            tqdm.write(message, file=sys.stderr)
