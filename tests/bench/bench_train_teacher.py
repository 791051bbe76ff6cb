"""Small teachers for the alignment, as DINOv2 folders: one of random weights, and one that learnt to tell texts apart.

No pretrained DINOv2 comes along. The taught one is a DINOv2 of 0.5 M weights that names language and band (em in px)
of crops of rendered pages; it is told nothing else of them, no layout and no text.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from pipelines.shards.codec import decode
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows
from pipelines.shards.seeds import rng_for
from train.teachers.dinov2 import Dinov2, random_network
from train.teachers.dinov2_config import Dinov2Config

PATCH_PX, CROP_PX = 8, 64  # a token for each latent of an f8 model: crops are not resampled
CONFIG = Dinov2Config(width=96, depth=4, heads=4, patch_px=PATCH_PX, image_px=CROP_PX)
BLOCK = 3  # that latents are aligned with: before the last, which serves the answer alone
TAUGHT = ("language", "band")
BATCH_SIZE, LR, SEED = 32, 1e-3, 0


class Pages:
    """Rendered pages of one size in memory, with the labels that are taught, as numbers."""

    def __init__(self, folder: Path, names: dict[str, list[str]] | None = None) -> None:
        columns = ["image", *TAUGHT]
        rows = [row for table in Rows(Folder(str(folder))).tables(columns) for row in table.to_pylist()]
        self.pixels: NDArray[np.uint8] = np.stack([decode(row["image"]["bytes"]) for row in rows])
        self.names = names or {label: sorted({row[label] for row in rows}) for label in TAUGHT}
        self.classes = {label: np.array([self.names[label].index(row[label]) for row in rows]) for label in TAUGHT}

    def crops(self, rng: np.random.Generator, count: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Random crops (n, 3, CROP_PX, CROP_PX), normalised as a DINOv2 sees them, and their labels."""
        chosen = rng.integers(len(self.pixels), size=count)
        corners = rng.integers(self.pixels.shape[1] - CROP_PX + 1, size=(count, 2))
        cut = [
            self.pixels[i, top : top + CROP_PX, left : left + CROP_PX]
            for i, (top, left) in zip(chosen, corners, strict=True)
        ]
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (Dinov2.mean, Dinov2.std))
        images = torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).float() / 255
        return (images - mean) / std, {name: torch.from_numpy(values[chosen]) for name, values in self.classes.items()}


class Classifier(nn.Module):
    """A DINOv2 that names labels by the mean of its patch tokens."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        super().__init__()
        torch.manual_seed(SEED)
        self.network = random_network(CONFIG, SEED).requires_grad_(True)
        self.norm = nn.LayerNorm(CONFIG.width)
        self.heads = nn.ModuleDict({label: nn.Linear(CONFIG.width, len(known)) for label, known in names.items()})

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        tokens = self.norm(self.network(pixels, [CONFIG.depth])[0]).mean(1)
        return {label: head(tokens) for label, head in self.heads.items()}


def make_random(folder: Path) -> Path:
    """A teacher that knows nothing."""
    return _write(folder, random_network(CONFIG, SEED), {"taught": []})


def make_taught(folder: Path, pages: Path, probed: Path, num_steps: int) -> Path:
    """A teacher that learnt on `pages`; about.json says how well it names labels of crops of `probed`."""
    learnt = Pages(pages)
    classifier = Classifier(learnt.names)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=LR, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=num_steps, pct_start=0.1)
    for step in range(num_steps):
        images, classes = learnt.crops(rng_for(SEED, "crops of a teacher", step), BATCH_SIZE)
        found = classifier(images)
        torch.stack([functional.cross_entropy(found[label], classes[label]) for label in TAUGHT]).sum().backward()
        nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        schedule.step()
    sides = {"train": learnt, "probed": Pages(probed, learnt.names)}
    right = {side: _accuracies(classifier.eval(), there) for side, there in sides.items()}
    return _write(folder, classifier.network, {"taught": TAUGHT, "steps": num_steps, "right": right})


@torch.no_grad()
def _accuracies(classifier: Classifier, pages: Pages, num_batches: int = 32) -> dict[str, float]:
    """The share of crops whose label is named rightly."""
    right: dict[str, list[float]] = {label: [] for label in TAUGHT}
    for number in range(num_batches):
        images, classes = pages.crops(rng_for(SEED, "crops to try a teacher on", number), BATCH_SIZE)
        for label, found in classifier(images).items():
            right[label].append(float((found.argmax(1) == classes[label]).double().mean()))
    return {label: round(float(np.mean(values)), 4) for label, values in right.items()}


def _write(folder: Path, network: Dinov2, about: dict[str, Any]) -> Path:
    """A Hugging Face folder, about.json last."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    sizes = {"hidden_size": CONFIG.width, "num_hidden_layers": CONFIG.depth, "num_attention_heads": CONFIG.heads}
    sides = {"image_size": CONFIG.image_px, "patch_size": CONFIG.patch_px}
    (folder / "config.json").write_text(json.dumps({"model_type": "dinov2", **sizes, **sides}, indent=1) + "\n")
    (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    return folder
