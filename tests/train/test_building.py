"""What a run is begun with, and that it goes on with nothing else."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import save_file

from tests.train.runs import STAGES, small_run
from tests.train.shards import pages, write
from train.building import build
from train.teachers.dinov2 import random_network
from train.teachers.dinov2_config import Dinov2Config
from train.training import train

STAGE = replace(STAGES[1], blend_images=0)  # pages alone


def write_teacher(folder: Path, seed: int) -> Path:
    """A DINOv2 of two blocks and random weights as a Hugging Face folder."""
    folder.mkdir(parents=True)
    network = random_network(Dinov2Config(width=8, depth=2, heads=1, patch_px=8, image_px=32), seed)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "model.safetensors")
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 1, "image_size": 32, "patch_size": 8}
    (folder / "config.json").write_text(json.dumps({"model_type": "dinov2", **sizes}))
    return folder


def test_a_run_goes_on_with_its_teacher_wherever_it_lies_and_with_no_other_of_its_name(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]
    first, other = (write_teacher(tmp_path / str(seed) / "teacher", seed) for seed in range(2))
    run = small_run(data, tmp_path / "run", stages=(STAGE,), align_weight=0.5, teacher=str(first))
    moved = small_run(data, tmp_path / "run", stages=(STAGE,), align_weight=0.5, teacher=str(tmp_path / "2/teacher"))
    assert train(run)

    shutil.copytree(other, tmp_path / "2/teacher")
    with pytest.raises(ValueError, match=r"begun otherwise[^$]*teacher_sha256"):
        train(moved)
    shutil.rmtree(tmp_path / "2/teacher")
    first.rename(tmp_path / "2/teacher")

    assert train(moved)


def test_without_alignment_no_teacher_is_asked_for(tmp_path: Path) -> None:
    data = [write(pages(20, side_px=96, shard_rows=10), tmp_path / "pages")]

    ready = build(small_run(data, tmp_path / "run", stages=(STAGE,), teacher=str(tmp_path / "nowhere")))

    assert "teacher_sha256" not in ready.identity["terms"]
    assert "align" not in ready.objective.terms()
