"""The loader reads each row group once, lives with damaged ones and slow stores, and ends its threads."""

import re
import shutil
import threading
import traceback
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from pipelines.shards.folder import Folder
from tests.train.loading import MIXED, NUM_PAGES, curriculum, load
from train.data import GroupCache, Inline, Loader
from train.feeding import parquet
from train.feeding.corpus import Corpus


def test_threads_end_with_the_loader(corpus):
    before = threading.active_count()
    with Loader(corpus, curriculum(**MIXED), 0, seed=3, num_workers=2) as loader:
        next(loader)
        assert threading.active_count() > before

    assert threading.active_count() == before


def test_a_row_group_is_read_once_however_many_ask():
    read: list[int] = []

    def reading(group: int) -> int:
        read.append(group)
        return group

    cache = GroupCache(reading, 2, Inline())

    assert [cache.get(group).result() for group in (1, 2, 1, 2, 3, 1)] == [1, 2, 1, 2, 3, 1]
    assert read == [1, 2, 3, 1]


def test_an_epoch_reads_each_row_group_about_once(folders, monkeypatch):
    corpus = Corpus.of([folders["pages"]])
    read: Counter[int] = Counter()
    whole = Corpus.read_group
    monkeypatch.setattr(Corpus, "read_group", lambda self, group: read.update([group]) or whole(self, group))
    load(corpus, curriculum(mix="synthetic", num_images=NUM_PAGES * 2, batch_size=10))

    assert read == dict.fromkeys(range(corpus.num_groups), 1)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_row_group_that_is_damaged_later_is_counted_and_stood_in_for(folders, tmp_path, num_workers):
    copy = Path(shutil.copytree(folders["pages"], tmp_path / "copy"))
    corpus = Corpus.of([str(copy)])
    damaged = set(np.flatnonzero(corpus.group_places[corpus.groups_of(np.arange(len(corpus))), 0] == 2).tolist())
    (copy / "data/000002.parquet").write_bytes(b"PAR1")

    with Loader(corpus, curriculum(mix="synthetic", num_images=136), 0, seed=3, num_workers=num_workers) as loader:
        seen = [row for batch in loader for row in batch.ids.tolist()]

    assert len(seen) == 136
    assert not damaged & set(seen)
    assert set(loader.faults) == {fault for fault in loader.faults if re.search(
        r"data/000002\.parquet#\d+: row group 0 cannot be read .*give the command", fault)}  # fmt: skip
    assert len(loader.faults) == len(damaged) > 0


def test_a_damaged_row_group_leaves_no_trail_of_frames(folders, tmp_path):
    copy = Path(shutil.copytree(folders["pages"], tmp_path / "copy"))
    corpus = Corpus.of([str(copy)])
    (copy / "data/000002.parquet").write_bytes(b"PAR1")
    with Loader(corpus, curriculum(mix="synthetic", num_images=272), 0, seed=3, num_workers=0) as loader:
        assert sum(len(batch.ids) for batch in loader) == 272
        [kept] = {read.exception() for read in loader._groups._kept.values()} - {None}

    assert len(list(traceback.walk_tb(kept.__traceback__))) < 10


class StoreError(Exception):
    """As botocore's: no OSError."""


@pytest.mark.parametrize("error", [TimeoutError("it does not answer"), StoreError("it does not answer")])
@pytest.mark.parametrize(("num_failures", "is_read"), [(2, True), (3, False)])
def test_a_store_that_fails_now_and_then_is_asked_again(folders, monkeypatch, num_failures, is_read, error):
    corpus, opened, tries = Corpus.of([folders["pages"]]), Folder.open, []

    def open_later(folder, name):
        tries.append(name)
        if len(tries) <= num_failures:
            raise error
        return opened(folder, name)

    monkeypatch.setattr(Folder, "open", open_later)
    monkeypatch.setattr(parquet, "PAUSES_S", (0, 0))

    with nullcontext() if is_read else pytest.raises(OSError, match="does not answer"):
        assert all(corpus.read([0, 1]))
    assert len(tries) == 3
