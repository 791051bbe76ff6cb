"""Parts of a mix by themselves: the smallest of many, shares, near matches, documents."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from curate.matches import MAX_DISTANCE, MAX_FINE, KnownHashes
from pipelines.mixture.inputs import Input
from pipelines.mixture.orders import Cell
from pipelines.mixture.plan import Plan, configs_there
from pipelines.mixture.ratios import check_ratios, targets
from pipelines.mixture.settings import Mixture
from pipelines.mixture.smallest import smallest
from pipelines.mixture.without import REMOVED_FILE, read_removed
from pipelines.shards.folder import Folder
from render.mix import Mix


def test_the_smallest_of_many_streams_are_exact():
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.random(3000), rng.integers(0, 5, 2000), rng.exponential(1e-9, 1000)])
    streams = rng.integers(-1, 3, len(values))
    wanted = np.array([1, 700, int((streams == 2).sum())])
    limits = smallest(lambda: zip(np.split(streams, 6), np.split(values, 6), strict=True), wanted)
    for stream, (limit, count) in enumerate(zip(limits, wanted, strict=True)):
        mine = np.sort(values[streams == stream])

        assert limit.value == mine[count - 1]
        assert (mine < limit.value).sum() + limit.num_equal == count


def test_targets_share_bands_by_what_there_is():
    available = {"general": 100, "text": 30, "synthetic-5-7": 20, "synthetic-7-10": 60}
    found = targets(Mix.parse("general=0.4,text=0.3,synthetic=0.3"), available)

    assert found == {"general": 40, "text": 30, "synthetic-5-7": 8, "synthetic-7-10": 22}
    assert targets(Mix.parse("all"), available) == available
    with pytest.raises(ValueError, match="text has 30 of the 60"):
        targets(Mix.parse("general=0.4,text=0.3,synthetic=0.3"), available, 200)


@pytest.mark.parametrize(
    ("ratios", "message"),
    [
        ("general=0.4,text=0.3,synthetic=0.3", r"\(the default, .*--ratios general=0\.571,synthetic=0\.429$"),
        ("text=3,general=1", r"ratios text=3,general=1 name 'text', .*leave it out: --ratios general=1$"),
        ("text=1,synthetic-7-10=1,general=2", r"name 'text', 'synthetic-7-10', .*: --ratios general=1$"),
        ("text", r"ratios text=1 name 'text', .*leave it out: --ratios all$"),
    ],
)
def test_ratios_of_what_is_not_there_are_answered_with_those_that_can_be_had(ratios, message):
    with pytest.raises(ValueError, match=message):
        check_ratios(Mix.parse(ratios), ["synthetic-10-14", "synthetic-5-7", "general"])


def test_few_shards_are_looked_at_for_the_configurations_there_are(monkeypatch):
    inputs = [
        Input(name=kind, url="", shards=tuple(range(10_000)), num_rows=(1,) * 10_000, digest="")
        for kind in ("general", "text", "synthetic")
    ]
    opened = []

    def tables(one, shard, columns):
        opened.append((one.name, shard))
        yield pa.table({"kind": [one.name], "band": ["5-7" if one.name == "synthetic" else ""]})

    monkeypatch.setattr("pipelines.mixture.plan.row_groups", tables)

    assert configs_there(inputs, ("general", "text", "synthetic")) == {"general", "text", "synthetic-5-7"}
    assert opened == [("general", 0), ("text", 0), ("synthetic", 0)]
    assert configs_there(inputs, ("general", "synthetic-7-10")) is None, "which all rows will tell"
    assert len(opened) == 3 + 64
    few = [replace(one, shards=(0, 1), num_rows=(1, 1)) for one in inputs[:2]]
    assert configs_there(few, ("general", "synthetic")) == {"general", "text"}


def test_the_configurations_that_only_the_train_split_has_are_known():
    cells = [
        Cell(split=split, config=config, available=9, images=images)
        for split, config, images in (
            ("train", "general", 5),
            ("train", "synthetic-5-7", 5),
            ("train", "text", 0),
            ("test", "general", 1),
            ("test", "synthetic-5-7", 0),
        )
    ]

    def plan(cells):
        return Plan(cells=tuple(cells), near=0, num_held=1, unprinted={}, copies=0)

    assert plan(cells).untested == ("synthetic-5-7",)
    assert plan(cells[:3]).untested == (), "no test split was asked for"


def test_matches_miss_nothing():
    rng = np.random.default_rng(8)
    known, fine = rng.integers(0, 2**64, 300, np.uint64), rng.integers(0, 2**64, (300, 4), np.uint64)
    asked, words = known[rng.integers(0, 300, 2000)].copy(), fine[rng.integers(0, 300, 2000)].copy()
    for row in range(2000):
        at = int(rng.integers(0, 300))
        asked[row], words[row] = known[at], fine[at]
        for bit in rng.choice(64, int(rng.integers(0, 12)), replace=False):
            asked[row] ^= np.uint64(1 << int(bit))
        for bit in rng.choice(64, int(rng.integers(0, 30)), replace=False):
            words[row, 1] ^= np.uint64(1 << int(bit))
    found = KnownHashes(known, fine).near(asked, words)
    away = np.bitwise_count(asked[:, None] ^ known[None])
    finely = np.bitwise_count(words[:, None] ^ fine[None]).sum(2)

    assert (found == ((away <= MAX_DISTANCE) & (finely <= MAX_FINE)).any(1)).all()
    assert 0 < found.sum() < 2000
    assert not KnownHashes(known[:0], fine[:0]).near(asked, words).any()


def test_names_with_ends_of_lines_are_read_back(tmp_path):
    removed = [{"source": f"a{char}b.png"} for char in "\u2028\u2029\u0085\n\r\x0b\x1c"]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in removed)
    Folder(str(tmp_path)).put(REMOVED_FILE, lines.encode())

    assert read_removed(Folder(str(tmp_path))) == removed


def test_pages_of_a_pdf_are_one_document_by_default():
    pattern = re.compile(Mixture().document)

    assert pattern.sub(r"\1", "papers/a.pdf#page=12") == "papers/a.pdf"
    assert pattern.fullmatch("photos/a.png") is None
