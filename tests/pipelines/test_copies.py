"""Which rows are copies of a file, against a plain reckoning, in parts of any size."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.mixture.copies import copies_among, write_copies
from pipelines.mixture.facts import FACTS
from pipelines.mixture.held import HeldOut
from pipelines.shards.files import ShardInfo, shard_name, sidecar_name
from pipelines.shards.folder import Folder
from render.mix import Mix

NUM_ROWS, NUM_FILES, SHARD_ROWS = 1200, 300, 170
CONFIGS = ("general", "text", "synthetic-5-7")
EVERYTHING = Mix.parse("all")
NONE = np.zeros(0, np.uint64)
HELD = HeldOut(bound=2**61, extra=NONE, files=NONE, hashes=NONE, fine=NONE.reshape(0, 4))


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    """Rows of which many share a file; a document's pages share their unit, and some rows have no file."""
    rng = np.random.default_rng(5)
    files = rng.integers(0, 2**64, NUM_FILES, np.uint64).tolist()
    rows: list[dict[str, Any]] = [
        {name: 0 for name in FACTS.names if name not in ("phash", "phash_fine")} for _ in range(NUM_ROWS)
    ]
    for row in rows:
        row["file"] = files[rng.integers(NUM_FILES)] if rng.random() < 0.9 else None
        row["config"] = CONFIGS[rng.integers(3)]
        row["unit"] = int(rng.integers(0, 2**64, dtype=np.uint64))
    return rows


def write(rows: list[dict[str, Any]], folder: Folder) -> None:
    for shard, start in enumerate(range(0, len(rows), SHARD_ROWS)):
        table = pa.Table.from_pylist(rows[start : start + SHARD_ROWS], FACTS)
        with folder.writing(shard_name(shard)) as file:
            pq.write_table(table, file)
        size = Path(folder.url, shard_name(shard)).stat().st_size
        info = ShardInfo(index=shard, num_rows=len(table), num_bytes=size, sha256="", counts={}, versions={})
        folder.put(sidecar_name(shard), json.dumps(asdict(info)).encode())


def plainly(rows: list[dict[str, Any]]) -> list[int]:
    """All but the best row of each file: a held-out one, then one of text, then the first."""
    best: dict[int, tuple[bool, bool, int]] = {}
    ranks = {}
    for place, row in enumerate(rows):
        if row["file"] is not None and not row["config"].startswith("synthetic"):
            ranks[place] = (row["unit"] >= HELD.bound, row["config"] != "text", place)
            best[row["file"]] = min(best.get(row["file"], ranks[place]), ranks[place])
    return [place for place, rank in ranks.items() if best[rows[place]["file"]] != rank]


@pytest.mark.parametrize("part_rows", [10_000, 100, 7])
def test_all_but_the_best_row_of_a_file_are_copies(facts, tmp_path, part_rows):
    folder, choice = Folder(str(tmp_path / "facts")), Folder(str(tmp_path / "choice"))
    write(facts, folder)
    write_copies(folder, choice, HELD, EVERYTHING, part_rows)
    found = [
        start + place
        for start in range(0, NUM_ROWS, SHARD_ROWS)
        for place in copies_among(choice, start, SHARD_ROWS).tolist()
    ]

    assert sorted(found) == plainly(facts)
    assert NUM_ROWS / 4 < len(found) < NUM_ROWS / 2


def test_what_the_ratios_leave_out_keeps_no_file_from_the_others(facts, tmp_path):
    folder, choice = Folder(str(tmp_path / "facts")), Folder(str(tmp_path / "choice"))
    write(facts, folder)
    write_copies(folder, choice, HELD, Mix.parse("general=1,text=0"))
    general = [row if row["config"] == "general" else row | {"file": None} for row in facts]

    assert copies_among(choice, 0, NUM_ROWS).tolist() == plainly(general)


def test_no_copies_are_none(tmp_path):
    row = {name: 0 for name in FACTS.names if name not in ("phash", "phash_fine")} | {"config": "text"}
    folder, choice = Folder(str(tmp_path / "facts")), Folder(str(tmp_path / "choice"))
    write([row | {"file": number} for number in range(9)], folder)
    write_copies(folder, choice, HELD, EVERYTHING)

    assert not len(copies_among(choice, 0, 9))
    assert not len(copies_among(Folder(str(tmp_path / "none")), 0, 9))
