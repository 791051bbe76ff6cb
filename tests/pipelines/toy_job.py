"""A small job for tests of the runner: noise images with three lines, and faults on request."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.runner import run
from pipelines.shards.codec import encode
from pipelines.shards.files import ShardInfo
from pipelines.shards.record import RECORD_SCHEMA, LineTable, Record
from pipelines.shards.seeds import rng_for

SIDE_PX = 16
NUM_IMAGES, SHARD_ROWS = 65, 10  # the last shard holds 5
NUM_SHARDS = 7


def toy_record(index: int, side_px: int = SIDE_PX) -> Record:
    rng = rng_for(0, "toy", index)
    num_lines = index % 4  # some images have none
    numbers: dict[str, Any] = {
        name: rng.random(num_lines, dtype=np.float32)
        for name in ("size_px", "ink_px", "x_height_px", "contrast", "ink_density", "ground_std")
    }
    words: dict[str, Any] = {
        name: [f"{name} {i}" for i in range(num_lines)] for name in ("face", "language", "role", "style")
    }
    texts = [f"第 {index} 行 {i}" for i in range(num_lines)]
    quads = rng.random((num_lines, 4, 2), dtype=np.float32)
    return Record(
        id=f"toy/{index}",
        image=encode(rng.integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)),
        width_px=side_px,
        height_px=side_px,
        kind="synthetic",
        source=f"photo {index % 3}",
        licence="CC0-1.0",
        language="zh",
        layout="list",
        band="5-7",
        text="\n".join(texts),
        lines=LineTable(text=texts, quad_px=quads, **numbers, **words),
    )


@dataclass(frozen=True, kw_only=True)
class ToyJob:
    """`num_images` records in shards of `shard_rows`, with the faults asked for."""

    num_images: int
    shard_rows: int = 10
    side_px: int = SIDE_PX
    seconds_a_row: float = 0.0
    bad_shards: tuple[int, ...] = ()  # raise
    short_shards: tuple[int, ...] = ()  # make one row too few
    deaths: Path | None = None  # a file here "die-<shard>" holds how often that shard's worker is still to die
    pids: Path | None = None  # each worker that begins a shard leaves a file named by its process id
    schema: pa.Schema = RECORD_SCHEMA

    @property
    def num_shards(self) -> int:
        return -(-self.num_images // self.shard_rows)

    def num_rows(self, shard: int) -> int:
        return min(self.shard_rows, self.num_images - shard * self.shard_rows)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        if self.pids is not None:
            (self.pids / str(os.getpid())).touch()
        first = shard * self.shard_rows
        num_rows = self.num_rows(shard) - (shard in self.short_shards)
        for index in range(first, first + num_rows):
            if index == first + num_rows // 2:
                self._fail(shard)
            time.sleep(self.seconds_a_row)
            counts["band/5-7"] += 1
            counts[f"char/{index % 3}"] += index
            yield toy_record(index, self.side_px).row()

    def _fail(self, shard: int) -> None:
        if shard in self.bad_shards:
            raise RuntimeError(f"the photo of shard {shard} is broken")
        if self.deaths is not None and (left := self.deaths / f"die-{shard}").exists():
            times = int(left.read_text())
            if times > 1:
                left.write_text(str(times - 1))
            else:
                left.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def make(folder: Path | str, backend: str = "inline", num_workers: int = 2, **faults: Any) -> dict[int, ShardInfo]:
    """Run a toy job of NUM_IMAGES images into the folder; the backend "actors" is Ray with workers that stay."""
    actors, backend = backend == "actors", "ray" if backend == "actors" else backend
    faults = {"num_images": NUM_IMAGES, "shard_rows": SHARD_ROWS} | faults
    job = ToyJob(**faults)
    make_job = partial(ToyJob, **faults)
    return run(make_job, job.num_shards, str(folder), num_workers=num_workers, backend=backend, actors=actors)
