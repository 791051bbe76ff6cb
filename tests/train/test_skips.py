"""What the report shows in its figure 1, at a size that a test can afford: the global skip learns faster."""

import os
from pathlib import Path

import torch

from tests.train.skips import fit, make_data


def test_the_global_skip_learns_faster_than_the_local_one_and_than_none(data: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    shards = make_data(tmp_path, os.fspath(data), num_pages=40)

    found = {skip: fit(skip, 0, 40, shards, tmp_path / skip) for skip in ("global", "local", "none")}

    for other in ("local", "none"):
        assert found["global"][0] < 0.95 * found[other][0], found
        assert found["global"][1] > 0.3 + found[other][1], found
