"""Images, and tiny networks of transformers to compare a teacher with."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import tests.train.torchvision_ops  # noqa: F401 - before transformers


def pixels(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(seed))


def images(height: int, width: int, seed: int = 0) -> Tensor:
    return pixels(height, width, seed).tanh()


def save_networks(folder: Path) -> dict[str, tuple[Path, Any]]:
    """Tiny random networks of transformers, and the folders that save_pretrained wrote of them."""
    from transformers import Dinov2Config as TheirConfig
    from transformers import Dinov2Model
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    made = {}
    for name, fields in (("plain", {}), ("gated", {"use_swiglu_ffn": True, "qkv_bias": False})):
        sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "image_size": 70}
        torch.manual_seed(5)
        model = Dinov2Model(TheirConfig(**sizes, **fields)).eval()
        for parameter in model.parameters():  # as made, many are exactly 0 or 1 and hide what is left out
            parameter.data += 0.3 * torch.randn(parameter.shape)
        model.save_pretrained(folder / name)
        made[name] = (folder / name, model)
    return made
