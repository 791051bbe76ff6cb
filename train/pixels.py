"""Images as bytes, which files and loaders hold, and as floats from -1 to 1, which models take."""

import torch
from torch import Tensor


def from_bytes(images: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """uint8 (n, 3, h, w) as float32 from -1 to 1, on a device."""
    return images.to(device, non_blocking=True).float().div_(127.5).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Floats (n, 3, h, w) from -1 to 1 as the nearest uint8; what lies outside is clamped."""
    return images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
