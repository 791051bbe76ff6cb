"""The sizes of a DINOv2 network, as a Hugging Face config.json states them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Dinov2Config:
    """Sizes of the network; the defaults are those of DINOv2-L. `image_px` is the side its positions were learnt at."""

    width: int = 1024
    depth: int = 24
    heads: int = 16
    patch_px: int = 14
    image_px: int = 518
    mlp_ratio: float = 4
    gated: bool = False
    qkv_bias: bool = True
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("width", "depth", "heads", "patch_px", "image_px"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give a whole number from 1")
        if self.width % self.heads:
            raise ValueError(f"width is {self.width} and heads {self.heads}: the width must be a multiple")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The sizes of a Hugging Face config.json. Raises ValueError for a network of another form."""
        if values.get("hidden_act", "gelu") != "gelu" or values.get("num_channels", 3) != 3:
            given = {name: values.get(name) for name in ("hidden_act", "num_channels")}
            raise ValueError(f"config.json says {given}: only gelu and 3 channels are known")
        return cls(
            width=values["hidden_size"],
            depth=values["num_hidden_layers"],
            heads=values["num_attention_heads"],
            patch_px=_side("patch_size", values.get("patch_size", 14)),
            image_px=_side("image_size", values.get("image_size", 224)),
            mlp_ratio=values.get("mlp_ratio", 4),
            gated=values.get("use_swiglu_ffn", False),
            qkv_bias=values.get("qkv_bias", True),
            norm_eps=values.get("layer_norm_eps", 1e-6),
        )

    @property
    def side(self) -> int:
        """Patches along a side of the learnt positions."""
        return self.image_px // self.patch_px

    @property
    def mlp_width(self) -> int:
        """Hidden channels; a gated one has two thirds of them, rounded up to eights."""
        hidden = int(self.width * self.mlp_ratio)
        return (hidden * 2 // 3 + 7) // 8 * 8 if self.gated else hidden


def _side(name: str, value: Any) -> int:
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise ValueError(f"config.json says {name} {value}: only squares are known")
    return int(sides.pop())
