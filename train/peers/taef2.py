"""TAEF2, a public tiny autoencoder (f8, 32 channels, distilled from FLUX.2's), from its two files of weights.

github.com/madebyollin/taesd, MIT. Images are 0 to 1 inside; here they are -1 to 1, as everywhere in train.
"""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from train.weights import read_tensors

FILES = ("taef2_encoder.pth", "taef2_decoder.pth")
FACTOR = 8
LATENT_CHANNELS = 32
WIDTH = 64
POOLED = 256


class Block(nn.Module):
    """Three convolutions around a skip; with `pooled`, a branch normalised over the whole image comes first."""

    def __init__(self, pooled: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(*[part for _ in range(3) for part in (_conv(), nn.ReLU())][:-1])
        if pooled:
            self.pool = nn.Sequential(
                nn.Conv2d(WIDTH, POOLED, 1, bias=False),
                nn.GroupNorm(4, POOLED),
                nn.ReLU(),
                nn.Conv2d(POOLED, WIDTH, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        if hasattr(self, "pool"):
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


class Squash(nn.Module):
    """Keeps latents within -3 to 3."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(z / 3) * 3


def _conv(stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(WIDTH, WIDTH, 3, stride=stride, padding=1, bias=bias)


def _encoder() -> nn.Sequential:
    parts: list[nn.Module] = [nn.Conv2d(3, WIDTH, 3, padding=1), Block()]
    for pooled in (False, False, True):
        parts += [_conv(stride=2, bias=False), *(Block(pooled) for _ in range(3))]
    return nn.Sequential(*parts, nn.Conv2d(WIDTH, LATENT_CHANNELS, 3, padding=1))


def _decoder() -> nn.Sequential:
    parts: list[nn.Module] = [Squash(), nn.Conv2d(LATENT_CHANNELS, WIDTH, 3, padding=1), nn.ReLU()]
    for pooled in (True, False, False):
        parts += [*(Block(pooled) for _ in range(3)), nn.Upsample(scale_factor=2), _conv(bias=False)]
    return nn.Sequential(*parts, Block(), nn.Conv2d(WIDTH, 3, 3, padding=1))


class Taef2(nn.Module):
    """Images (n, 3, h, w) from -1 to 1, sides multiples of 8, to latents (n, 32, h / 8, w / 8) and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = _encoder(), _decoder()

    def encode(self, x: Tensor) -> Tensor:
        """Latents of images."""
        z: Tensor = self.encoder(x / 2 + 0.5)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Images of latents."""
        y: Tensor = self.decoder(z)
        return y.clamp(0, 1) * 2 - 1

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Read the two files of a folder, ready for use. Raises FileNotFoundError or ValueError naming the file."""
        model = cls()
        for name, part in zip(FILES, (model.encoder, model.decoder), strict=True):
            _load(part, Path(folder, name))
        return model.eval()


def _load(part: nn.Sequential, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: name the folder that holds {' and '.join(FILES)}")
    weights = read_tensors(path)
    try:
        part.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} does not hold TAEF2's weights: {error}") from error
