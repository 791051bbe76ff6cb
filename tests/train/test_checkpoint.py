"""Checkpoints as folders: which are kept, and which are whole."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from train.checkpoint import Checkpoint, Checkpoints, read_checkpoint
from train.weights import write_tensors


def test_a_damaged_checkpoint_that_is_set_aside_takes_no_place_among_those_kept(tmp_path: Path) -> None:
    one = Checkpoint(tensors={"weights": {"gain": torch.zeros(2)}}, numbers={})
    checkpoints = Checkpoints(tmp_path, keep=2)
    for num_images in (1000, 2000):
        checkpoints.save(num_images, one)
    (tmp_path / "000000002000/state.json").write_text("{")

    newest, faults = checkpoints.newest()
    asides = [checkpoints.set_aside(name) for name in faults]
    for num_images in (1500, 1750):
        checkpoints.save(num_images, one)

    assert newest == tmp_path / "000000001000"
    assert asides == [tmp_path / "damaged-000000002000"]
    assert checkpoints.names() == ["000000001500", "000000001750"]
    assert checkpoints.newest() == (tmp_path / "000000001750", {})


def test_the_newest_checkpoints_stay_and_the_first_behind_each_milestone(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 2, every=100)

    for num_images in range(40, 361, 40):
        checkpoints.save(num_images, Checkpoint(tensors={}, numbers={}))

    assert [int(name) for name in checkpoints.names()] == [120, 200, 320, 360]


def test_a_copy_under_another_name_is_left_alone(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 1, every=1000)
    checkpoints.save(40, one := Checkpoint(tensors={}, numbers={}))
    shutil.copytree(tmp_path / "000000000040", tmp_path / "000000000040-good")

    checkpoints.save(80, one)

    assert checkpoints.names() == ["000000000080"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000000040-good", "000000000080"]


@pytest.mark.parametrize(("before", "after"), [('"num_images": 40', '"num_images": 46'), ('"step": 5', '"step": 1')])
def test_a_changed_number_makes_a_checkpoint_a_damaged_one(tmp_path: Path, before: str, after: str) -> None:
    numbers = {"num_images": 40, "loader": {"step": 5, "positions": {"general": 20}}, "faults": {}, "ratio": 0.1}
    path = Checkpoints(tmp_path, 1).save(40, Checkpoint(tensors={}, numbers=numbers))
    assert read_checkpoint(path).numbers == numbers
    state = (path / "state.json").read_text()

    (path / "state.json").write_text(state.replace(before, after))

    assert before in state
    with pytest.raises(ValueError, match=r"is damaged \(the numbers have another sha256 than when they were written"):
        read_checkpoint(path)


def test_whoever_may_read_new_files_may_read_weights(tmp_path: Path) -> None:
    tensors = {"weights": {"gain": torch.zeros(2)}}
    (tmp_path / "new").write_bytes(b"")
    write_tensors(tmp_path / "model.safetensors", tensors["weights"])
    checkpoint = Checkpoints(tmp_path, 1).save(40, Checkpoint(tensors=tensors, numbers={}))

    modes = {os.stat(path).st_mode for path in (tmp_path / "new", *checkpoint.iterdir(), *tmp_path.glob("*.safe*"))}

    assert len(modes) == 1
