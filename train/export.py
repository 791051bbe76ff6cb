"""Writes a model with the local skip as the stock class of diffusers, AutoencoderKLQwenImage21 (0.42 or later).

python train/export.py MODEL --to FOLDER
Then `AutoencoderKLQwenImage21.from_pretrained(FOLDER)`; images are (n, 3, 1, h, w) there, and its output is clamped.
That class has an attention layer in its middle and convolutions around its latents: the first is written with an output
of zero, the others as identities.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from train.vae import Vae
    from train.vae_config import VaeConfig

CLASS, VERSION = "AutoencoderKLQwenImage21", "0.42.0"
WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
NAMES = (  # ours -> theirs, in order
    (r"^encoder\.stem\.", "encoder.conv_in."),
    (r"^decoder\.stem\.", "decoder.conv_in."),
    (r"^(encoder|decoder)\.head\.", r"\1.conv_out."),
    (r"^(encoder|decoder)\.norm\.gain$", r"\1.norm_out.gamma"),
    (r"^encoder\.levels\.(\d+)\.blocks\.", r"encoder.down_blocks.\1.resnets."),
    (r"^decoder\.levels\.(\d+)\.blocks\.", r"decoder.up_blocks.\1.resnets."),
    (r"^encoder\.levels\.(\d+)\.resample\.conv\.", r"encoder.down_blocks.\1.downsampler.resample.1."),
    (r"^decoder\.levels\.(\d+)\.resample\.conv\.", r"decoder.up_blocks.\1.upsampler.resample.1."),
    (r"^(encoder|decoder)\.middle\.", r"\1.mid_block.resnets."),
    (r"\.(norm[12])\.gain$", r".\1.gamma"),
    (r"\.skip\.", ".conv_shortcut."),
)


def to_diffusers(vae: "Vae") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration and the weights by the names of diffusers. Raises ValueError for another skip than local."""
    config = vae.config
    if config.skip != "local":
        raise ValueError(f"skip is {config.skip!r}: diffusers has no such model; train one with --skip local")
    weights = {_theirs(name): value for name, value in vae.state_dict().items()}
    weights = {name: value.view(-1, 1, 1, 1) if name.endswith("gamma") else value for name, value in weights.items()}
    for half, width in (("encoder", config.encoder_width), ("decoder", config.decoder_width)):
        weights |= _no_attention(f"{half}.mid_block.attentions.0", width * config.multipliers[-1])
    weights |= _identity("quant_conv", 2 * config.latent_channels) | _identity(
        "post_quant_conv", config.latent_channels
    )
    return _config(config), weights


def _theirs(name: str) -> str:
    for ours, theirs in NAMES:
        name = re.sub(ours, theirs, name)
    return name


def _no_attention(name: str, width: int) -> dict[str, Tensor]:
    return {
        f"{name}.norm.gamma": torch.ones(width, 1, 1),
        f"{name}.to_qkv.weight": torch.zeros(3 * width, width, 1, 1),
        f"{name}.to_qkv.bias": torch.zeros(3 * width),
        f"{name}.proj.weight": torch.zeros(width, width, 1, 1),
        f"{name}.proj.bias": torch.zeros(width),
    }


def _identity(name: str, channels: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.eye(channels).view(channels, channels, 1, 1), f"{name}.bias": torch.zeros(channels)}


def _config(config: "VaeConfig") -> dict[str, Any]:
    from train.vae_config import ENCODER_BLOCKS

    channels = config.latent_channels
    return {
        "_class_name": CLASS,
        "_diffusers_version": VERSION,
        "base_dim": config.encoder_width,
        "decoder_base_dim": config.decoder_width,
        "z_dim": channels,
        "dim_mult": list(config.multipliers),
        "num_res_blocks": ENCODER_BLOCKS,
        "attn_scales": [],
        "temperal_downsample": [False] * (len(config.multipliers) - 1),
        "latents_mean": list(config.latents_mean) or [0.0] * channels,
        "latents_std": list(config.latents_std) or [1.0] * channels,
        "is_residual": True,
        "in_channels": 3,
        "out_channels": 3,
        "patch_size": None,
        "scale_factor_temporal": 1,
        "scale_factor_spatial": config.factor,
    }


def write_diffusers(vae: "Vae", folder: Path) -> None:
    """Write config.json and the weights, as `from_pretrained` of diffusers reads them. Raises ValueError for a folder
    that holds one of our own models."""
    from pipelines.shards.folder import Folder
    from train.vae import WEIGHTS_FILE as OURS
    from train.weights import write_tensors

    config, weights = to_diffusers(vae)
    if (folder / OURS).exists():
        raise ValueError(f"{folder} holds a model of ours, which would be lost: name another folder with --to")
    write_tensors(folder / WEIGHTS_FILE, weights)
    Folder(str(folder)).put("config.json", json.dumps(config, indent=1).encode())


def main(args: Sequence[str]) -> int:
    import tyro

    from pipelines.exits import exit_code
    from train.vae import Vae

    @dataclass(frozen=True, slots=True)
    class Export:
        model: Annotated[Path, tyro.conf.Positional]
        """Folder of a model trained with --skip local."""
        to: Path
        """Folder to write."""

    flags = tyro.cli(Export, args=args, prog="export.py", description=__doc__)

    def export() -> None:
        write_diffusers(Vae.from_pretrained(flags.model), flags.to)
        print(f"{CLASS} in {flags.to}")

    return exit_code("export.py", export)


def find_packages() -> None:
    """Import our packages from the checkout that this script lies in, else what is installed; never its folder.

    Python puts that folder first on the path, where its modules would hide others of their names.
    """
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    if (here.parent / "pyproject.toml").is_file():
        sys.path.insert(0, str(here.parent))


if __name__ == "__main__":
    find_packages()
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # while its modules load
        print("\nexport.py: stopped", file=sys.stderr)
        raise SystemExit(130) from None
