"""The Qwen-Image-VAE-2.0 family: attention-free, a light encoder, a heavy decoder, a skip from pixels to latents.

Technical report, section 2 and table 1; widths, blocks and norms are what its parameter counts leave possible.
"""

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from pipelines.shards.folder import Folder
from train.layers import Down, Level, ResidualBlock, RmsSilu, Up, folded_mean
from train.tiling import Halo, halo_of, map_tiles
from train.vae_config import CONFIG_FILE, DECODER_BLOCKS, ENCODER_BLOCKS, MIDDLE_BLOCKS, VaeConfig, read_config
from train.weights import write_tensors

WEIGHTS_FILE = "model.safetensors"


class Encoder(nn.Module):
    """Images (n, 3, h, w) to (n, 2 * latent_channels, h / f, w / f); the second half is not used."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.encoder_width * m for m in (1, *config.multipliers)]
        local = config.skip == "local"
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.levels = nn.Sequential()
        for i, (a, b) in enumerate(pairwise(widths)):
            last = i == len(config.multipliers) - 1
            self.levels.append(Level(a, b, ENCODER_BLOCKS, nn.Identity() if last else Down(b), local))
        self.middle = nn.Sequential(*(ResidualBlock(widths[-1], widths[-1]) for _ in range(MIDDLE_BLOCKS)))
        self.norm = RmsSilu(widths[-1])
        self.head = nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.norm(self.middle(self.levels(self.stem(x)))))
        return y


class Decoder(nn.Module):
    """Latents (n, latent_channels, h / f, w / f) to images (n, 3, h, w)."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        multipliers = config.multipliers[::-1]
        widths = [config.decoder_width * m for m in (multipliers[0], *multipliers)]
        self.stem = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.middle = nn.Sequential(*(ResidualBlock(widths[0], widths[0]) for _ in range(MIDDLE_BLOCKS)))
        self.levels = nn.Sequential()
        for i, (a, b) in enumerate(pairwise(widths)):
            last = i == len(multipliers) - 1
            skip = config.skip == "local" and not last
            self.levels.append(Level(a, b, DECODER_BLOCKS, nn.Identity() if last else Up(b), skip))
        self.norm = RmsSilu(widths[-1])
        self.head = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        y: Tensor = self.head(self.norm(self.levels(self.middle(self.stem(z)))))
        return y


@dataclass(frozen=True, slots=True)
class Latents:
    """A distribution of one point: the model is trained without KL, so its latents have no variance."""

    mean: Tensor

    def mode(self) -> Tensor:
        """The latents (n, latent_channels, h / f, w / f)."""
        return self.mean

    def sample(self) -> Tensor:
        """The latents; the same as `mode`."""
        return self.mean


@dataclass(frozen=True, slots=True)
class Encoded:
    """What `encode` returns: the latents, and the height and width in px of the images before they were padded."""

    latent_dist: Latents
    size_px: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What `decode` returns: images (n, 3, h, w), about -1 to 1, not clamped."""

    sample: Tensor


class Vae(nn.Module):
    """An autoencoder of images: `encode(x).latent_dist.mode()` and `decode(z).sample`, x from -1 to 1.

    tile_px: above 0, larger images are encoded and decoded in tiles of so many px with a margin as wide as the
    network sees, which gives the same result in memory bounded by the tile. Not for training.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.tile_px = 0

    def encode(self, x: Tensor) -> Encoded:
        """Images (n, 3, h, w) of any size, padded by their last row and column to a multiple of the factor."""
        height, width = x.shape[-2:]
        f = self.config.factor
        x = functional.pad(x, (0, -width % f, 0, -height % f), mode="replicate")
        return Encoded(Latents(self._tiled(self.latents, x, halo_of(self.config).encoder, f, 1)), (height, width))

    def decode(self, z: Tensor, size_px: tuple[int, int] | None = None) -> Decoded:
        """Latents (n, c, h / f, w / f) to images (n, 3, h, w), about -1 to 1; cut to `size_px` (height, width), as
        `encode` recorded it, where given."""
        x = self._tiled(self.decoder, z, halo_of(self.config).decoder, 1, self.config.factor)
        return Decoded(x if size_px is None else x[..., : size_px[0], : size_px[1]])

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of images (n, 3, h, w) from -1 to 1, in their size."""
        encoded = self.encode(x)
        return self.decode(encoded.latent_dist.mode(), encoded.size_px).sample

    def latents(self, x: Tensor) -> Tensor:
        """Latents (n, c, h / f, w / f) of images (n, 3, h, w) from -1 to 1 whose sides are multiples of the factor f;
        untiled. The global skip is the report's (section 2)."""
        c = self.config.latent_channels
        z: Tensor = self.encoder(x)[:, :c]
        return z + folded_mean(x, self.config.factor, c) if self.config.skip == "global" else z

    def _tiled(self, apply: Any, x: Tensor, halo: Halo, shrink: int, grow: int) -> Tensor:
        if not self.tile_px:
            y: Tensor = apply(x)
            return y
        tile = max(1, self.tile_px // self.config.factor)  # in latents
        with torch.no_grad():  # else what gradients need of every tile is kept
            return map_tiles(apply, x, tile=tile, halo=halo, shrink=shrink, grow=grow)

    def normalise(self, z: Tensor) -> Tensor:
        """Latents with mean 0 and deviation 1 in each channel, as a diffusion model wants them."""
        mean, std = self._statistics(z)
        return (z - mean) / std

    def denormalise(self, z: Tensor) -> Tensor:
        """The inverse of `normalise`: what `decode` takes."""
        mean, std = self._statistics(z)
        return z * std + mean

    def _statistics(self, z: Tensor) -> tuple[Tensor, Tensor]:
        if not self.config.latents_std:
            raise ValueError(
                "latents_mean and latents_std of this model are not known: they are measured as it is saved"
            )
        return tuple(  # type: ignore[return-value]
            torch.tensor(values, dtype=z.dtype, device=z.device).view(1, -1, 1, 1)
            for values in (self.config.latents_mean, self.config.latents_std)
        )

    def recompute(self, on: bool = True) -> Self:
        """Keep only the inputs of residual blocks while training: a fifth of the memory, a third more work."""
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.recompute = on
        return self

    def count_parameters(self) -> tuple[int, int]:
        """How many the encoder and the decoder have."""
        encoder, decoder = (sum(p.numel() for p in half.parameters()) for half in (self.encoder, self.decoder))
        return encoder, decoder

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors."""
        config = {"_class_name": "SmallprintVae"} | asdict(self.config)
        write_tensors(Path(folder, WEIGHTS_FILE), self.state_dict())
        Folder(str(folder)).put(CONFIG_FILE, json.dumps(config, indent=1).encode())

    @classmethod
    def from_pretrained(cls, folder: str | Path, torch_dtype: torch.dtype = torch.float32) -> Self:
        """Read what `save_pretrained` wrote, ready for use (eval mode).

        Raises FileNotFoundError naming the file, ValueError where it is damaged or another model's.
        """
        vae = cls(read_config(folder))
        path = Path(folder, WEIGHTS_FILE)
        try:
            vae.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(f"{path} does not hold this model's weights: {error}") from error
        return vae.to(torch_dtype).eval()
