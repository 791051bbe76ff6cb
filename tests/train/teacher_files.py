"""A small teacher of random weights as a Hugging Face folder."""

import json
from pathlib import Path

from safetensors.torch import save_file

from train.teachers.dinov2 import random_network
from train.teachers.dinov2_config import Dinov2Config


def write_teacher(folder: Path, seed: int) -> Path:
    """A DINOv2 of two blocks."""
    folder.mkdir(parents=True)
    network = random_network(Dinov2Config(width=8, depth=2, heads=1, patch_px=8, image_px=32), seed)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "model.safetensors")
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 1, "image_size": 32, "patch_size": 8}
    (folder / "config.json").write_text(json.dumps({"model_type": "dinov2", **sizes}))
    return folder
