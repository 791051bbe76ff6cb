"""How long runs took, OUT/timings.jsonl: a line for each that made something. No result depends on it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.shards.files import read_manifest
from pipelines.shards.folder import Folder

TIMINGS_FILE = "timings.jsonl"


@contextmanager
def timed(out: str, part: str) -> Iterator[None]:
    """Add a line for what the block adds to the shards of OUT/part, also where it raises; none for nothing."""
    before, start = _num_rows(out, part), time.perf_counter()
    try:
        yield
    finally:
        num_images = _num_rows(out, part) - before
        line = {"part": part, "images": num_images, "seconds": round(time.perf_counter() - start, 3)}
        if num_images > 0:
            folder = Folder(out)
            lines = folder.read(TIMINGS_FILE) if folder.exists(TIMINGS_FILE) else b""
            folder.put(TIMINGS_FILE, lines + json.dumps(line).encode() + b"\n")


def _num_rows(out: str, part: str) -> int:
    return sum(info.num_rows for info in read_manifest(Folder(f"{out.rstrip('/')}/{part}")).values())


def read_timings(folder: Folder) -> dict[str, tuple[int, float]]:
    """Images and seconds of each part, all runs together."""
    totals: dict[str, tuple[int, float]] = {}
    for line in folder.read(TIMINGS_FILE).splitlines() if folder.exists(TIMINGS_FILE) else ():
        row: dict[str, Any] = json.loads(line)
        images, seconds = totals.get(row["part"], (0, 0.0))
        totals[row["part"]] = images + row["images"], seconds + row["seconds"]
    return totals
