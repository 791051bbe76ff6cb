"""Encoders and decoders as they lie in folders and files of different makers, made alike."""

import importlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train.peers import taef2
from train.peers.autoencoders import Halves, Running

DEFAULT_FACTOR = 32  # to whose multiples images are padded for a file that does not say
PROBE_PX = 128
SIGNATURE = "encode(images) and decode(latents), images a float tensor (n, 3, h, w) from -1 to 1"


def of_ours(folder: Path, running: Running) -> Halves:
    """A folder that train/run.py wrote."""
    from train.vae import Vae

    vae = Vae.from_pretrained(folder).to(running.torch_device)
    vae.tile_px = running.tile_px
    return Halves(
        encode=lambda x: vae.encode(x).latent_dist.mode(),
        decode=lambda z: vae.decode(z).sample,
        factor=vae.config.factor,
        tiles_itself=True,
    )


def of_taef2(folder: Path, running: Running) -> Halves:
    """The folder of TAEF2's two files."""
    model = taef2.Taef2.from_pretrained(folder).to(running.torch_device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # on a CPU a third faster
    return Halves(encode=model.encode, decode=model.decode, factor=taef2.FACTOR)


def of_module(file: Path, running: Running) -> Halves:
    """A Python file with `encode(images)` and `decode(latents)`: images are float tensors (n, 3, h, w) from -1 to 1,
    on `device` where the file has a function `setup(device)`, else on the CPU or the GPU that was chosen; latents are
    whatever its decode takes. `FILES = ("weights.pt",)` names what it reads beside itself: figures made with another
    content of these are made anew. `FACTOR`, where the file sets it, is what sides are padded to a multiple of (32).
    Raises ValueError where a function is missing or FACTOR is no whole number.
    """
    module = _import_file(file)
    for name in ("encode", "decode"):
        if not callable(getattr(module, name, None)):
            raise ValueError(f"{file} has no function {name}: it needs {SIGNATURE}")
    factor = getattr(module, "FACTOR", DEFAULT_FACTOR)
    if not isinstance(factor, int) or factor < 1:
        raise ValueError(f"FACTOR of {file} is {factor!r}: give a whole number from 1")
    if hasattr(module, "setup"):
        module.setup(running.torch_device)
    return Halves(encode=module.encode, decode=module.decode, factor=factor)


def _import_file(file: Path) -> Any:
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: name a Python file with {SIGNATURE}")
    spec = importlib.util.spec_from_file_location(f"smallprint_module_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file: name one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file does
        raise ValueError(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def of_diffusers(folder: Path, running: Running) -> Halves:
    """A folder of a diffusers autoencoder, or of a pipeline with one in vae/: of images or, as one frame, of videos;
    RGB, or RGBA with full alpha. Raises ValueError where it takes neither."""
    folder = folder / "vae" if (folder / "vae" / "config.json").is_file() else folder
    model = _load_diffusers(folder).to(running.torch_device).eval()
    has_alpha = _config(folder).get("in_channels", 3) == 4
    faults = []
    for has_frames in (False, True):
        halves = _halves_of(model, has_frames, has_alpha)
        try:
            return replace(halves, factor=_probe(halves, running.torch_device))
        except (ValueError, RuntimeError, IndexError, TypeError) as error:  # what its layers raise on other dimensions
            faults.append(str(error).splitlines()[0])
    raise ValueError(f"{folder} takes neither images nor one frame of a video: {' / '.join(faults)}")


def _halves_of(model: Any, has_frames: bool, has_alpha: bool) -> Halves:
    def encode(x: Tensor) -> Tensor:
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1) if has_alpha else x
        return _latents(model.encode(x[:, :, None] if has_frames else x))

    def decode(z: Tensor) -> Tensor:
        y: Tensor = model.decode(z).sample
        return (y[:, :, 0] if has_frames else y)[:, :3]

    return Halves(encode=encode, decode=decode, factor=1)


@torch.inference_mode()
def _probe(halves: Halves, device: torch.device) -> int:
    """By what the sides of an image shrink. Raises ValueError where no image comes back."""
    x = torch.zeros(1, 3, PROBE_PX, PROBE_PX, device=device)
    z = halves.encode(x)
    y = halves.decode(z)
    if y.shape != x.shape:
        raise ValueError(f"images {tuple(x.shape)} come back as {tuple(y.shape)}")
    return PROBE_PX // z.shape[-1]


def _latents(encoded: Any) -> Tensor:
    z: Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded[0]
    return z


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: name the folder of a diffusers autoencoder")
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    return values if isinstance(values, dict) else {}


def _load_diffusers(folder: Path) -> Any:
    name = str(_config(folder).get("_class_name", ""))
    try:
        diffusers = importlib.import_module("diffusers")  # only here, and by name: nothing else of ours needs it
        kind = getattr(diffusers, name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{folder} needs diffusers: pip install diffusers ({error})") from error
    except AttributeError:
        raise ValueError(f"{folder}/config.json has _class_name {name!r}, which this diffusers does not have") from None
    try:
        return kind.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder} does not hold a whole {name}: {error}") from error


OPENERS: dict[str, Callable[[Path, Running], Halves]] = {
    "model": of_ours,
    "diffusers": of_diffusers,
    "module": of_module,
    "taef2": of_taef2,
}
