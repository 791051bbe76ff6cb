"""The same random weights for networks of ours and of the libraries they are compared with; real ones are downloads."""

import math
from unittest.mock import patch  # for a download that is handed over instead

import torch
from torch import Tensor

import tests.train.torchvision_ops  # noqa: F401  (first: pytorch_fid imports torchvision)
from train.evaluation.inception import Inception
from train.teachers.perceptual import STAGES


def inception_state(seed: int = 1) -> dict[str, Tensor]:
    """Weights by the names of pytorch-fid's file, spread so that features stay apart."""
    generator = torch.Generator().manual_seed(seed)
    state = {name: _value(name, value, generator) for name, value in Inception().state_dict().items()}
    return state | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


def _value(name: str, value: Tensor, generator: torch.Generator) -> Tensor:
    if not value.is_floating_point():
        return value
    if value.ndim == 4:
        return torch.randn(value.shape, generator=generator) * math.sqrt(2 / math.prod(value.shape[1:]))
    if name.endswith(("running_var", "weight")):
        return torch.rand(value.shape, generator=generator) * 0.5 + 0.75
    return torch.randn(value.shape, generator=generator) * 0.1


def vgg_state(seed: int = 2) -> dict[str, Tensor]:
    """Weights of VGG16's convolutions by torchvision's names."""
    generator, state = torch.Generator().manual_seed(seed), {}
    for stage in STAGES:
        for name, inputs, outputs in stage:
            spread = math.sqrt(2 / (9 * inputs))
            state[f"features.{name}.weight"] = torch.randn((outputs, inputs, 3, 3), generator=generator) * spread
            state[f"features.{name}.bias"] = torch.randn(outputs, generator=generator) * 0.1
    return state


def pytorch_fid_network(state: dict[str, Tensor]):
    """pytorch-fid's network with these weights in place of its download."""
    from pytorch_fid import inception

    with patch.object(inception, "load_state_dict_from_url", lambda *_, **__: state):
        return inception.InceptionV3([3]).eval()
