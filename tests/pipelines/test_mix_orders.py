"""The order of a mix's rows: shards of an input are read once, and lie among those of the others."""

from itertools import groupby

import numpy as np
import pyarrow as pa

from pipelines.mixture.orders import ORDER, in_other_order

NUM_SHARDS, NUM_ROWS = 60, 25


def one_after_the_other() -> pa.Table:
    """Rows of two inputs, shard by shard."""
    places = [(number, shard, row) for number in range(2) for shard in range(NUM_SHARDS) for row in range(NUM_ROWS)]
    rows = [dict(zip(ORDER.names, (*place, 1.0), strict=True)) for place in places]
    return pa.Table.from_pylist(rows, schema=ORDER)


def test_shards_lie_among_each_other_and_each_is_whole():
    rows = one_after_the_other()
    mixed = in_other_order(rows, np.random.default_rng(3)).to_pylist()
    runs = [list(run) for _, run in groupby(mixed, lambda row: (row["input"], row["shard"]))]

    assert sorted(mixed, key=lambda row: (row["input"], row["shard"], row["row"])) == rows.to_pylist()
    assert [[row["row"] for row in run] for run in runs] == [list(range(NUM_ROWS))] * (2 * NUM_SHARDS)
    longest = max(len(list(run)) for _, run in groupby(run[0]["input"] for run in runs))
    assert longest < 16, "shards of one input"


def test_the_order_is_the_seeds_and_none_is_an_order_too():
    rows = one_after_the_other()
    same, other = (in_other_order(rows, np.random.default_rng(seed)) for seed in (3, 4))

    assert in_other_order(rows, np.random.default_rng(3)).equals(same)
    assert not other.equals(same)
    assert in_other_order(rows.slice(0, 0), np.random.default_rng(3)).num_rows == 0
