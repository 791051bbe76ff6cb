from pathlib import Path

import pytest

from pipelines.runner import run
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows, spread
from tests.pipelines.toy_job import ToyJob


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 120, 120 and 10 rows; the larger ones in two row groups."""
    out = tmp_path_factory.mktemp("rows")
    job = ToyJob(num_images=250, shard_rows=120)
    run(lambda: job, job.num_shards, str(out), num_workers=0)
    return out


def test_numbers_rows_over_all_shards(folder):
    rows = Rows(Folder(str(folder)))

    assert len(rows) == 250
    assert rows.range_of(1) == range(120, 240)
    assert rows.range_of(2) == range(240, 250)
    assert {"id", "image", "lines"} <= set(rows.columns)


def test_reads_tables_a_row_group_at_a_time(folder):
    tables = list(Rows(Folder(str(folder))).tables(["id"]))

    assert [len(table) for table in tables] == [100, 20, 100, 20, 10]
    assert [name for table in tables for name in table.column("id").to_pylist()] == [
        f"toy/{index}" for index in range(250)
    ]


def test_takes_single_rows_in_order(folder):
    rows = Rows(Folder(str(folder)))
    numbers = [249, 0, 99, 100, 119, 120, 245, 120]

    assert [row["id"] for row in rows.take(numbers, ["id"])] == [f"toy/{n}" for n in sorted(set(numbers))]


def test_leaves_out_a_shard_that_is_not_whole(tmp_path):
    job = ToyJob(num_images=30)
    run(lambda: job, job.num_shards, str(tmp_path), num_workers=0)
    (tmp_path / "manifest/000001.json").unlink()
    rows = Rows(Folder(str(tmp_path)))

    assert rows.shards == (0, 2)
    assert [row["id"] for row in rows.take([9, 10], ["id"])] == ["toy/9", "toy/20"]


def test_names_a_folder_without_shards(tmp_path):
    with pytest.raises(ValueError, match=r"holds no whole shard: name a folder that one of the pipelines wrote"):
        Rows(Folder(str(tmp_path)))


@pytest.mark.parametrize(("total", "count", "numbers"), [(10, 5, [0, 2, 4, 6, 8]), (3, 9, [0, 1, 2]), (0, 4, [])])
def test_spreads_numbers_evenly(total, count, numbers):
    assert spread(total, count) == numbers
