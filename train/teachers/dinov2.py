"""DINOv2 (Oquab et al., 2023): hidden states of a network in a Hugging Face folder, without transformers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.teachers.dinov2_config import Dinov2Config
from train.weights import check_shapes

KIND = "dinov2"  # model_type in config.json
# Other spellings of the names below: of files on disk, and of transformers since version 5.
RENAMED = (
    (r"^dinov2\.", ""),
    (r"attention\.attention\.(query|key|value)\.", r"attention.\1."),
    (r"attention\.q_proj\.", "attention.query."),
    (r"attention\.k_proj\.", "attention.key."),
    (r"attention\.v_proj\.", "attention.value."),
    (r"attention\.(o_proj|output\.dense)\.", "attention.output."),
    (r"mlp\.down_proj\.", "mlp.weights_out."),
)
# Left out: the mask of pretraining, the final norm and heads; hidden states end before them.
UNUSED = re.compile(r"^(embeddings\.mask_token|layernorm\.|pooler\.|classifier\.)")
KEPT_SIZES = 8  # of resized positions, 64 MiB each at 2,048 px


class Dinov2(nn.Module):
    """`network(pixels, blocks)`: the patch tokens after some of its blocks.

    Parameters carry the names of files on disk. Made without values: `read` fills them.
    """

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which pixels are normalised by

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.config = config
        self.width, self.depth, self.patch_px = config.width, config.depth, config.patch_px
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)

    def forward(self, pixels: Tensor, blocks: Sequence[int]) -> list[Tensor]:
        """Patch tokens (n, rows * columns, width) after each of `blocks`; 0 is the input of the first block.

        `pixels` (n, 3, rows * patch_px, columns * patch_px) are normalised by `mean` and `std`. Block k is
        hidden_states[k] of transformers, without the class token and before the final norm.
        """
        tokens: Tensor = self.embeddings(pixels)
        states = {0: tokens}
        for i in range(max(blocks)):
            tokens = self.encoder.layer[i](tokens)
            if i + 1 in blocks:
                states[i + 1] = tokens
        return [states[block][:, 1:] for block in blocks]

    def keep(self, blocks: int) -> None:
        """Drop what comes after the first so many blocks."""
        del self.encoder.layer[blocks:]


class _Encoder(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Block(config) for _ in range(config.depth))


class _Patches(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, config.width, config.patch_px, config.patch_px)

    def forward(self, pixels: Tensor) -> Tensor:
        patches: Tensor = self.projection(pixels)
        return patches


class _Embeddings(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.side = config.side
        self._resized: dict[tuple[int, int], Tensor] = {}  # positions by rows and columns: a stage has a few
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width))
        self.position_embeddings = nn.Parameter(torch.empty(1, 1 + config.side**2, config.width))
        self.patch_embeddings = _Patches(config)

    def forward(self, pixels: Tensor) -> Tensor:
        patches: Tensor = self.patch_embeddings(pixels)
        tokens = torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches.flatten(2).transpose(1, 2)], 1)
        return tokens + self._positions(patches.shape[2], patches.shape[3])

    def _positions(self, rows: int, columns: int) -> Tensor:
        """The learnt positions for another number of patches, which are remembered: a GPU takes milliseconds."""
        if (rows, columns) == (self.side, self.side):
            return self.position_embeddings
        known = self._resized.pop((rows, columns), None)
        own = self.position_embeddings
        if known is None or (known.device, known.dtype) != (own.device, own.dtype):
            known = self._interpolated(rows, columns)
        self._resized[rows, columns] = known  # the last one asked for stands last
        if len(self._resized) > KEPT_SIZES:
            del self._resized[next(iter(self._resized))]
        return known

    def _interpolated(self, rows: int, columns: int) -> Tensor:
        """Bicubic, in float32, as transformers does."""
        table = self.position_embeddings[:, 1:].float().view(1, self.side, self.side, -1).permute(0, 3, 1, 2)
        table = functional.interpolate(table, size=(rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([self.position_embeddings[:, :1], table.flatten(2).transpose(1, 2)], 1)


class _Block(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(config.width, config.norm_eps) for _ in range(2))
        self.attention = _Attention(config)
        self.layer_scale1, self.layer_scale2 = _Scale(config.width), _Scale(config.width)
        self.mlp = _GatedMlp(config) if config.gated else _Mlp(config)

    def forward(self, tokens: Tensor) -> Tensor:
        attended: Tensor = self.layer_scale1(self.attention(self.norm1(tokens)))
        tokens = tokens + attended
        changed: Tensor = self.layer_scale2(self.mlp(self.norm2(tokens)))
        return tokens + changed


class _Attention(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.query, self.key, self.value = (
            nn.Linear(config.width, config.width, bias=config.qkv_bias) for _ in range(3)
        )
        self.output = nn.Linear(config.width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        shape = (*tokens.shape[:2], self.heads, -1)
        query, key, value = (part(tokens).view(shape).transpose(1, 2) for part in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        y: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return y


class _Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.empty(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.lambda1


class _Mlp(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.mlp_width)
        self.fc2 = nn.Linear(config.mlp_width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        y: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return y


class _GatedMlp(nn.Module):
    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.weights_in = nn.Linear(config.width, 2 * config.mlp_width)
        self.weights_out = nn.Linear(config.mlp_width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        gate, value = self.weights_in(tokens).chunk(2, -1)
        y: Tensor = self.weights_out(functional.silu(gate) * value)
        return y


def read(values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Dinov2:
    """The network of a config.json and the tensors beside it, frozen, in float32.

    Names may be those of files on disk or of transformers' modules, with or without the prefix "dinov2.".
    Raises ValueError naming what is missing, misshapen or unknown.
    """
    return fill(Dinov2Config.from_json(values), _renamed(tensors))


def fill(config: Dinov2Config, tensors: Mapping[str, Tensor]) -> Dinov2:
    """The network of these sizes with these tensors, by the names of files on disk less "attention.". Raises
    ValueError naming a tensor that is missing, of another shape, or not known."""
    with torch.device("meta"):  # so that no value is drawn: the global generator stays as it is
        network = Dinov2(config)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    check_shapes("DINOv2", tensors, shapes)
    if unknown := sorted(name for name in tensors.keys() - shapes.keys() if not UNUSED.match(name)):
        raise ValueError(f"DINOv2 has {len(unknown)} tensors that config.json does not explain: {unknown[:3]}")
    network.load_state_dict({name: tensors[name].float() for name in shapes}, assign=True)
    return network.eval().requires_grad_(False)


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by our names; gate and up projections joined as they are on disk."""
    named = {}
    for name, tensor in tensors.items():
        for pattern, replacement in RENAMED:
            name = re.sub(pattern, replacement, name)
        named[name] = tensor
    for name in [name for name in named if ".mlp.gate_proj." in name]:
        up = named.pop(name.replace("gate_proj", "up_proj"))
        named[name.replace("gate_proj", "weights_in")] = torch.cat([named.pop(name), up])
    return named


def random_network(config: Dinov2Config, seed: int) -> Dinov2:
    """The network of these sizes with random weights; the same seed, the same weights."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in Dinov2(config).state_dict().items()}
    return fill(config, {name: _random(name, shape, generator) for name, shape in shapes.items()})


def _random(name: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Ones for gains, zeros for biases, the rest so that features keep their size."""
    if "norm" in name or "lambda1" in name:
        return torch.full(shape, float(not name.endswith("bias")))
    if name.endswith("bias"):
        return torch.zeros(shape)
    spread = shape[1:].numel() ** -0.5 if name.endswith("weight") else 0.02
    return torch.randn(shape, generator=generator) * spread
