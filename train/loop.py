"""The training loop: stages of batches, each step a function of the images seen; resumes exactly, stops cleanly."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from torch import Tensor

from pipelines.shards.folder import Folder
from train.building import Ready, aligned_with
from train.checkpoint import ALIGNED, ARCHITECTURE, CHECKPOINTS, LATENTS, Checkpoints, read_checkpoint
from train.data import Loader
from train.fitting import Fitting
from train.log import CHECKPOINT, EVALUATION, LOG_FILE, read_log
from train.monitor import Monitor
from train.samples import Samples
from train.settings import Run
from train.vae_config import architecture_of, latents_of
from train.world import World

FAULTS_FILE = "faults.json"


class Diverged(RuntimeError):  # noqa: N818 - what the run did
    """The gradient has not been finite for too many steps in a row."""


class Stop:
    """Whether someone asked for an end: Ctrl-C or SIGTERM. A second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Signals are heard within, where this is the main thread."""
        try:
            before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not the main thread: a Ray worker
            before = {}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True


class Training:
    """A run on this rank, from its newest checkpoint or the beginning."""

    def __init__(self, run: Run, ready: Ready, world: World) -> None:
        self.run, self.world, self.corpus = run, world, ready.corpus
        self._aligned = aligned_with(ready.identity)
        self.curriculum = run.curriculum()
        self.out = Path(run.execution.out)
        self.fitting = Fitting(ready.objective, run.optimiser, run.execution, world)
        self.samples = Samples(ready.held_out, run, world, ready.objective.lpips)
        execution = run.execution
        self.checkpoints = Checkpoints(self.out / CHECKPOINTS, execution.keep_checkpoints, execution.keep_every_images)
        self._stage_index = 0
        self._saved = 0  # images seen at the last checkpoint
        self._evaluated = -1  # images seen at the last evaluation
        self._loader_state: dict[str, Any] | None = None
        self._resume()
        self.monitor = Monitor(self.out, run, self.curriculum.total_images, self.fitting.num_images, world)

    def _resume(self) -> None:
        newest = self.world.from_first(self._newest)
        if newest is None:
            return
        checkpoint = read_checkpoint(newest)
        self.fitting.restore(checkpoint)
        self._stage_index = checkpoint.numbers["stage_index"]
        self._loader_state = checkpoint.numbers["loader"]
        self._saved = self.fitting.num_images
        self._evaluated = self.world.from_first(self._last_evaluation)
        if self.world.is_first:
            print(f"resumed at {self.fitting.num_images:,} images", flush=True)

    def _newest(self) -> Path | None:
        """The checkpoint to go on from. Raises ValueError where the log tells of one and there is none: the run would
        begin anew unnoticed."""
        newest, faults = self.checkpoints.newest()
        for name, fault in faults.items():
            aside = self.checkpoints.set_aside(name)
            print(f"WARNING: {fault}; going on from the one before it. It is now {aside}", flush=True)
        for line in read_log(self.out / LOG_FILE) if newest is None else ():
            if line["kind"] == CHECKPOINT:
                raise ValueError(
                    f"{self.out} was saved at {line['images']:,} images, but {self.out / CHECKPOINTS} holds no "
                    "checkpoint: put it back, or name another folder with --out"
                )
        return newest

    def _last_evaluation(self) -> int:
        """The images seen at the last evaluation that the log tells of, up to where the run goes on; -1: at none."""
        told = [line["images"] for line in read_log(self.out / LOG_FILE) if line["kind"] == EVALUATION]
        return max((num_images for num_images in told if num_images <= self.fitting.num_images), default=-1)

    def fit(self) -> bool:
        """Train to the end; False where someone asked for an earlier one. Either way a checkpoint is there."""
        with self.monitor, Stop().listening() as stop:
            if not self.fitting.num_images:
                self._evaluate()
            while self._stage_index < len(self.curriculum.stages):
                if not self._train_stage(stop):
                    return False
                self._stage_index, self._loader_state = self._stage_index + 1, None
            if self.fitting.num_images != self._evaluated:
                self._evaluate()  # the curve ends with the model that is written
            self.save()
            return True

    def _train_stage(self, stop: Stop) -> bool:
        """Train to the stage's end; False where someone asked for an earlier one."""
        with self._open_loader() as loader:
            known = self.fitting.faults.copy()
            self.monitor.begin_stage(loader.stage, loader.left_out)
            for batch in loader:
                self.fitting.faults = known + loader.faults
                if self._step(batch.images, loader, stop):
                    self.save()  # before the readers end, who may be waiting for a store
                    return False
        return True

    def _open_loader(self) -> Loader:
        return Loader(
            self.corpus,
            self.curriculum,
            self._stage_index,
            seed=self.run.optimiser.seed,
            rank=self.world.rank,
            num_ranks=self.world.size,
            num_workers=self.run.execution.num_workers,
            state=self._loader_state,
            pin_memory=self.world.device.type == "cuda",
        )

    def _step(self, images: Tensor, loader: Loader, stop: Stop) -> bool:
        """Take one step, tell it, evaluate and save where that is due; whether all ranks are to stop behind it."""
        stage, now = loader.stage, self.curriculum.at(self.fitting.num_images)
        micro_batch = stage.at_once(self.run.execution.micro_batch)
        figures = self.fitting.step(images, now, micro_batch, is_asked=stop.asked)
        is_told = figures.pop("is_asked") > 0  # of any rank, before this step
        if not figures["is_bad"]:
            self.fitting.update_ema(stage.batch_size)
        self._loader_state = loader.state
        self.monitor.step(self.fitting.num_images, figures, now, loader.waited_s)
        self._check(figures)
        self._at_intervals(stage.batch_size)
        return is_told or (stop.asked and self.world.size == 1)

    def _check(self, figures: dict[str, float]) -> None:
        if self.fitting.bad_in_row < self.run.optimiser.max_bad_steps:
            return
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if name != "is_bad")
        raise Diverged(
            f"the gradient was not finite for {self.fitting.bad_in_row} steps in a row, up to "
            f"{self.fitting.num_images:,} images ({shown}). Go on with --precision fp32; or begin another run with a "
            "lower lr from the last checkpoint, which is from before: --init "
            f"{self.out / CHECKPOINTS}/IMAGES --out ANOTHER"
        )

    def _at_intervals(self, step_images: int) -> None:
        """Evaluate, and save, whenever the images seen pass a multiple of the interval."""
        execution, seen = self.run.execution, self.fitting.num_images
        if seen % execution.eval_images < step_images:
            self._evaluate()
        passed = seen // execution.checkpoint_images > self._saved // execution.checkpoint_images
        if passed and not self.fitting.bad_in_row:
            self.save()

    def _evaluate(self) -> None:
        figures = self.samples.measure(self.fitting.ema, self.fitting.num_images)
        self.monitor.evaluation(self.fitting.num_images, figures)
        self._evaluated = self.fitting.num_images

    def save(self) -> None:
        """Write a checkpoint, where something was trained since the last; its parts are gathered from all ranks."""
        if self.fitting.num_images == self._saved > 0:
            return
        numbers = {"stage_index": self._stage_index, "loader": self._loader_state}
        config = self.fitting.ema.config
        numbers |= {ARCHITECTURE: architecture_of(config), LATENTS: latents_of(config), ALIGNED: self._aligned}
        checkpoint = self.fitting.capture(numbers)
        if self.world.is_first:
            self.checkpoints.save(self.fitting.num_images, checkpoint)
            faults = dict(Counter(checkpoint.numbers["faults"]).most_common())
            Folder(str(self.out)).put(FAULTS_FILE, json.dumps(faults, indent=1, ensure_ascii=False).encode())
            self.monitor.checkpoint(self.fitting.num_images)
        self._saved = self.fitting.num_images
        self.world.wait()
