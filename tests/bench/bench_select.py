"""How selecting and planning a mix fare with many rows: rows a second and the most memory, for score rows made up here.

python tests/bench/bench_select.py 1000000 10000000

Each step runs in a process of its own, so that its peak is its own; the peak should not grow with the rows.
"""

import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))

from curate.rulesfile import parse_rules
from pipelines.curation.selecting import select_from
from pipelines.mixture.facts import FACTS, FINE_BYTES
from pipelines.mixture.inputs import Input
from pipelines.mixture.plan import plan_from_facts
from pipelines.mixture.settings import Mixture
from pipelines.pools import one_thread
from pipelines.shards.files import ShardInfo, shard_name, sidecar_name
from pipelines.shards.folder import Folder
from pipelines.shards.seeds import rng_for
from render.mix import Mix

BATCH_ROWS, SHARD_ROWS = 65536, 4096
REPEAT_EVERY = 8  # one row of so many repeats the one before it
NUMBERS = {
    "width_px": 2000,
    "height_px": 2000,
    "clarity": 1,
    "blockiness": 2,
    "noise_sigma": 12,
    "ocr_chars": 2000,
    "ocr_chars_per_mpx": 4000,
    "text_area": 0.2,
}
RULES = """
general:
  rules:
    - {column: "min(width_px, height_px)", at_least: 256}
    - {column: clarity, at_least: 20%}
    - {column: blockiness, at_most: 1.2}
    - {column: noise_sigma, at_most: 95%}
text-rich:
  kind: text
  rules:
    - {column: ocr_chars_per_mpx, at_least: 90%, where: "text_area >= 0.03"}
  weight: {column: ocr_chars_per_mpx, at: 1000, exponent: 0.5, low: 0.25, high: 4}
  categories:
    - {name: dense, share: 0.6, where: "ocr_chars >= 1000", max_images: 100000}
    - {name: rest, share: 0.4}
"""


class MadeUpScores:
    """A score table whose rows are drawn when they are read."""

    def __init__(self, num_rows: int) -> None:
        self.num_rows = num_rows
        numbers = [(name, pa.float32()) for name in NUMBERS]
        texts = [(name, pa.string()) for name in ("id", "status", "duplicate_of", "duplicate_kind")]
        self.schema = pa.schema([*texts, *numbers])

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for number, start in enumerate(range(0, self.num_rows, BATCH_ROWS)):
            count = min(BATCH_ROWS, self.num_rows - start)
            rng = rng_for(0, "bench/scores", number)
            found = {name: pa.array((rng.random(count) * high).astype(np.float32)) for name, high in NUMBERS.items()}
            ids = np.arange(start, start + count)
            found |= {
                "id": pa.array(ids).cast(pa.string()),
                "status": pa.array(["ok"] * count),
                "duplicate_of": pa.array(ids - ids % REPEAT_EVERY, mask=ids % REPEAT_EVERY != 1).cast(pa.string()),
                "duplicate_kind": pa.array(["near"] * count, mask=ids % REPEAT_EVERY != 1),
            }
            yield pa.RecordBatch.from_arrays([found[name] for name in columns], names=list(columns))


def select_step(num_rows: int, folder: str) -> str:
    found = select_from(MadeUpScores(num_rows), list(parse_rules(RULES, "bench").values()), folder)
    return ", ".join(f"{one.name} keeps {one.num_kept:,}" for one in found)


def facts_step(num_rows: int, folder: str) -> str:
    """Write facts as fingerprinting writes them; sources have four rows each."""
    target = Folder(f"{folder}/facts")
    configs = np.array(["general", "text", "synthetic-5-7", "synthetic-7-10"], dtype=object)
    for shard, start in enumerate(range(0, num_rows, BATCH_ROWS)):
        count = min(BATCH_ROWS, num_rows - start)
        rng = rng_for(1, "bench/facts", shard)
        units = np.repeat(rng.integers(0, 2**64, -(-count // 4), np.uint64), 4)[:count]
        weights = rng.lognormal(0, 0.5, count).astype(np.float32)
        columns = [
            pa.array(configs[rng.integers(0, 4, count)], pa.string()),
            pa.array(units),
            pa.array(units),
            pa.array(units ^ np.uint64(0x9E3779B97F4A7C15)),
            pa.array([unit.tobytes() * 4 for unit in units], pa.binary(FINE_BYTES)),
            pa.array(weights),
            pa.array(rng.random(count) / weights),
            pa.array(rng.integers(200_000, 4_000_000, count)),
            pa.array(rng.integers(50_000, 900_000, count)),
        ]
        with target.writing(shard_name(shard)) as file:
            pq.write_table(pa.Table.from_arrays(columns, schema=FACTS), file, compression="zstd")
        size = (Path(folder) / "facts" / shard_name(shard)).stat().st_size
        info = ShardInfo(index=shard, num_rows=count, num_bytes=size, sha256="", counts={}, versions={})
        target.put(sidecar_name(shard), json.dumps(asdict(info)).encode())
    return "made up, not measured"


def plan_step(num_rows: int, folder: str) -> str:
    rows = [min(SHARD_ROWS, num_rows - start) for start in range(0, num_rows, SHARD_ROWS)]
    one = Input(name="bench", url="", shards=tuple(range(len(rows))), num_rows=tuple(rows), digest="")
    mixture = Mixture(ratios=Mix.parse("general=0.4,text=0.3,synthetic=0.3"), test_share=0.001)
    plan = plan_from_facts([one], mixture, folder)
    images = {split: sum(cell.images for cell in plan.cells if cell.split == split) for split in ("train", "test")}
    return f"train {images['train']:,}, test {images['test']:,}, {plan.num_held:,} sources held out, {plan.near:,} near"


STEPS = {"select": select_step, "facts": facts_step, "plan": plan_step}


def measured(step: Callable[[int, str], str], num_rows: int, folder: str, answers: Any) -> None:
    one_thread()
    before, start = time.process_time(), time.perf_counter()
    about = step(num_rows, folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - before
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.put((seconds, cpu, peak_mb, about))


def main(sizes: Sequence[int]) -> None:
    context = multiprocessing.get_context("spawn")
    print(f"{'step':<8} {'rows':>12} {'seconds':>9} {'CPU s':>8} {'rows/CPU s':>12} {'peak MB':>8}")
    for num_rows in sizes:
        folder = tempfile.mkdtemp(prefix="smallprint-bench-")
        try:
            for name, step in STEPS.items():
                answers = context.Queue()
                process = context.Process(target=measured, args=(step, num_rows, folder, answers))
                process.start()
                seconds, cpu, peak_mb, about = answers.get()
                process.join()
                speed = f"{seconds:>9.1f} {cpu:>8.1f} {num_rows / cpu:>12,.0f} {peak_mb:>8.0f}"
                print(f"{name:<8} {num_rows:>12,} {speed}  {about}", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000_000, 10_000_000])
