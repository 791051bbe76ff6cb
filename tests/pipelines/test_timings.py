import pytest

from pipelines.curation.timings import TIMINGS_FILE, read_timings, timed
from pipelines.runner import run
from pipelines.shardloop import ShardsFailed
from pipelines.shards.folder import Folder
from tests.pipelines.scored import Twins


def make(out: str, num_shards: int) -> None:
    run(lambda: Twins(["a", "b"], 2), num_shards, f"{out}/scores", num_workers=0, backend="inline")


def test_adds_up_what_each_run_made(tmp_path):
    folder = Folder(str(tmp_path))
    for num_shards in (1, 3, 3):
        with timed(str(tmp_path), "scores"):
            make(str(tmp_path), num_shards)
    images, seconds = read_timings(folder)["scores"]

    assert images == 6
    assert seconds > 0
    assert len(folder.read(TIMINGS_FILE).splitlines()) == 2  # the third made nothing


def test_counts_what_was_made_before_an_error(tmp_path):
    (tmp_path / "scores/data").mkdir(parents=True)
    (tmp_path / "scores/data/000001.parquet").mkdir()  # in the way of the second shard

    with pytest.raises(ShardsFailed, match="1 failed"), timed(str(tmp_path), "scores"):
        make(str(tmp_path), 2)

    assert read_timings(Folder(str(tmp_path)))["scores"][0] == 2


def test_nothing_ran(tmp_path):
    assert read_timings(Folder(str(tmp_path))) == {}
