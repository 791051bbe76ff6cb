"""What a model of the Qwen-Image-VAE-2.0 family is made of: its fields, their file, the published four."""

import json
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any

SKIPS = ("global", "local", "none")
ENCODER_BLOCKS, DECODER_BLOCKS, MIDDLE_BLOCKS = 2, 3, 2  # a level, a level, before and after the latents
MAX_MULTIPLIER = 8
MAX_FACTOR, MAX_WIDTH = 256, 8192  # far above any use: a configuration may come from outside
CONFIG_FILE = "config.json"
MODEL = "model"  # the folder in a run's that holds what it trained


def _is_whole(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeConfig:
    """What a model is made of. Latents have `latent_channels` channels at 1 / `factor` of the image's sides.

    skip: "global" adds the folded pixels to the latents (the report's choice), "local" adds a shortcut around every
    level of both halves, "none" neither. latents_mean, latents_std: of each channel, once measured; else empty.
    """

    factor: int = 16
    latent_channels: int = 64
    encoder_width: int = 96
    decoder_width: int = 144
    skip: str = "global"
    latents_mean: tuple[float, ...] = ()
    latents_std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not _is_whole(self.factor, 2, MAX_FACTOR) or self.factor & (self.factor - 1):
            raise ValueError(f"factor is {self.factor}: use a power of two from 2 to {MAX_FACTOR}, such as 16")
        for name in ("latent_channels", "encoder_width", "decoder_width"):
            if not _is_whole(getattr(self, name), 1, MAX_WIDTH):
                raise ValueError(f"{name} is {getattr(self, name)}: use at least 1 and at most {MAX_WIDTH}")
        if self.skip not in SKIPS:
            raise ValueError(f"skip is {self.skip!r}: use one of {', '.join(SKIPS)}")
        if self.skip == "global" and 3 * self.factor**2 % self.latent_channels:
            raise ValueError(
                f"latent_channels is {self.latent_channels}: the global skip needs a divisor of "
                f"{3 * self.factor**2} (3 colours of {self.factor} x {self.factor} pixels)"
            )
        for name in ("latents_mean", "latents_std"):
            if len(getattr(self, name)) not in (0, self.latent_channels):
                raise ValueError(f"{name} has {len(getattr(self, name))} values for {self.latent_channels} channels")
            if not all(isinstance(value, int | float) and isfinite(value) for value in getattr(self, name)):
                raise ValueError(f"{name} holds what is no finite number: measure it anew")

    @property
    def multipliers(self) -> tuple[int, ...]:
        """Width of each level over that of the first: doubling to 8, the last twice, ones before them if need be."""
        num_levels = self.factor.bit_length()
        doubling = [2**k for k in range(num_levels - 1) if 2**k <= MAX_MULTIPLIER]
        return (*[1] * (num_levels - 1 - len(doubling)), *doubling, doubling[-1])


VAES = {
    "f16c64": VaeConfig(factor=16, latent_channels=64),
    "f16c128": VaeConfig(factor=16, latent_channels=128),
    "f32c128": VaeConfig(factor=32, latent_channels=128),
    "f32c192": VaeConfig(factor=32, latent_channels=192),
}


def architecture_of(config: VaeConfig) -> dict[str, Any]:
    """What weights must have been made as to be of use in a model; shapes alone do not tell the skip."""
    names = ("factor", "latent_channels", "skip", "encoder_width", "decoder_width")
    return {name: getattr(config, name) for name in names}


def latents_of(config: VaeConfig) -> dict[str, tuple[float, ...]]:
    """Mean and deviation of each channel of a model's latents; empty where they are not known."""
    return {"latents_mean": config.latents_mean, "latents_std": config.latents_std}


def read_config(folder: str | Path) -> VaeConfig:
    """The configuration in a model's folder. Raises FileNotFoundError where it has none, ValueError where it is
    damaged."""
    path = Path(folder, CONFIG_FILE)
    if not path.is_file():
        inner = Path(folder, MODEL)
        found = (
            f"the model of this run is {inner}" if Path(inner, CONFIG_FILE).is_file() else "name a folder that has one"
        )
        raise FileNotFoundError(f"{path} is missing: {found}, as train/run.py (RUN/{MODEL}) and save_pretrained write")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("_class_name") != "SmallprintVae":
            raise ValueError("_class_name is not SmallprintVae")
        known = {field.name for field in fields(VaeConfig)}
        plain: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in known
        }
        return VaeConfig(**plain)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no configuration of ours: {error!r}") from error


def make_config(name: str, **changes: Any) -> VaeConfig:
    """A configuration by its name ("f16c64", or any "f<factor>c<channels>"), with fields changed. Raises
    ValueError for a name of another form, or a value out of range."""
    if name in VAES:
        return replace(VAES[name], **changes)
    factor, _, channels = name.removeprefix("f").partition("c")
    if not (name.startswith("f") and factor.isdigit() and channels.isdigit()):
        raise ValueError(f"model is {name!r}: use {', '.join(VAES)}, or f<factor>c<channels> such as f8c32")
    return VaeConfig(factor=int(factor), latent_channels=int(channels), **changes)
