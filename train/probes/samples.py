"""Images of shards with labels and sources, and their latents: what probes are fitted on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipelines.progress import Progress
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.seeds import rng_for
from train.feeding.crops import BadImage, Cut, Pixels, crop
from train.feeding.parquet import Shard, open_images, shards_of
from train.pixels import from_bytes

UNKNOWN = ""  # a label or source that is not there
KIND = "kind"


class Encoder(Protocol):
    """What gives latents: `train.vae.Vae`, or anything with its `encode`."""

    def encode(self, x: Tensor) -> Any:
        """Images (n, 3, h, w) in [-1, 1]; `.latent_dist.mode()` of the result are latents (n, C, h / f, w / f)."""
        ...

    def to(self, device: torch.device) -> Self:
        """The same object with its weights on a device."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """n images of one size, their sources and the columns that label them; "" where a value is not known."""

    pixels: NDArray[np.uint8]  # (n, h, w, 3) RGB
    sources: NDArray[np.str_]  # (n,)
    columns: dict[str, NDArray[np.str_]]  # (n,) each
    faults: Counter[str] = field(default_factory=Counter)  # images left out, by cause

    def __len__(self) -> int:
        return len(self.pixels)

    def batches(self, batch_size: int, device: torch.device) -> Iterator[Tensor]:
        """Images (b, 3, h, w) in [-1, 1], in order."""
        for start in range(0, len(self), batch_size):
            yield from_bytes(torch.from_numpy(self.pixels[start : start + batch_size]).permute(0, 3, 1, 2), device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """How latents are made and averaged: over side x side cells, so many images at a time."""

    side: int
    batch_size: int
    device: torch.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label of the images, a column or several joined, as classes that enough sources have."""

    name: str
    rows: NDArray[np.int64]  # (m,) which images have it
    classes: NDArray[np.int64]  # (m,) the class of each, from 0
    names: tuple[str, ...]  # of the classes
    num_dropped: int  # images whose class is unknown or of too few sources


def read_samples(
    folders: Sequence[str], columns: Sequence[str], *, source: str, num_images: int, size_px: int, seed: int
) -> Samples:
    """Up to `num_images` images drawn from the shards, cut at the centre to squares of `size_px`.

    General images are made smaller until one side fits, text and synthetic ones (by the column kind) cut as they are.
    `source` is the column that says what may not lie on both sides of a split; "": every image is its own.
    Broken images and those smaller than the square are left out and counted. Raises ValueError for a column that is
    not there, or where nothing is left.
    """
    shards = [shard for folder in folders for shard in shards_of(Folder(folder))]
    rows = [_num_rows(shard, [*columns, *([source] if source else [])]) for shard in shards]
    chosen = np.sort(rng_for(seed, "images of a probe", 0).permutation(sum(rows))[:num_images])
    pixels: list[Pixels] = []
    kept: dict[str, list[str]] = {name: [] for name in {*columns, source or KIND}}
    faults: Counter[str] = Counter()
    first = 0
    with Progress(len(chosen), 0, "images read") as progress:
        for shard, num_rows in zip(shards, rows, strict=True):
            mine = chosen[(chosen >= first) & (chosen < first + num_rows)] - first
            first += num_rows
            for data, row in _read(shard, mine, list(kept)):
                progress.advance(1)
                try:
                    pixels.append(crop(data, _centre(size_px, row.get(KIND, "general"))))
                except BadImage as error:
                    faults[str(error)] += 1
                    continue
                for name, values in kept.items():
                    values.append(row.get(name, UNKNOWN))
    if not pixels:
        raise ValueError(f"none of {len(chosen)} images of {', '.join(folders)} can be used: {dict(faults)}")
    sources = kept[source] if source else [f"image {i}" for i in range(len(pixels))]
    labels = {name: np.array(kept[name]) for name in columns}
    return Samples(pixels=np.stack(pixels), sources=np.array(sources), columns=labels, faults=faults)


def _num_rows(shard: Shard, columns: Sequence[str]) -> int:
    with shard.folder.open(shard.name) as file:
        parquet = ParquetFile(file)
        for name in columns:
            if name not in parquet.schema_arrow.names:
                known = ", ".join(parquet.schema_arrow.names[:20])
                raise ValueError(f"{shard.path} has no column {name!r}: it has {known}")
        return int(parquet.metadata.num_rows)


def _read(shard: Shard, rows: NDArray[np.int64], columns: Sequence[str]) -> Iterator[tuple[bytes, dict[str, str]]]:
    """The encoded image of each of the rows, with its columns as text; row groups without any are not read."""
    with shard.folder.open(shard.name) as file:
        parquet = ParquetFile(file)
        there = [name for name in {*columns, KIND} if name in parquet.schema_arrow.names]
        first = 0
        for group in range(parquet.metadata.num_row_groups):
            num_rows = parquet.metadata.row_group(group).num_rows
            mine = rows[(rows >= first) & (rows < first + num_rows)] - first
            first += num_rows
            if len(mine):
                images, table = open_images(shard, group), parquet.read_row_group(group, columns=there)
                for row in mine.tolist():
                    values = table.slice(row, 1).to_pylist()[0]
                    text = {name: UNKNOWN if value is None else str(value) for name, value in values.items()}
                    yield images[row].as_py() or b"", text


def _centre(size_px: int, kind: str) -> Cut:
    size = (size_px, size_px)
    return Cut(size=size, native=kind in ("text", "synthetic"), down=0.5, right=0.5, mirrored=False)


def make_label(samples: Samples, name: str, min_sources: int) -> Label:
    """A label of columns "a" or "a,b", the classes of the latter being pairs; those of fewer sources are left out."""
    values = np.stack([samples.columns[column] for column in name.split(",")], axis=1)
    joined = np.array([" / ".join(row) if all(row) else UNKNOWN for row in values.tolist()])
    sources_of = {one: len(set(samples.sources[joined == one])) for one in np.unique(joined)}
    names = tuple(str(one) for one, count in sources_of.items() if one != UNKNOWN and count >= min_sources)
    rows = np.flatnonzero(np.isin(joined, names))
    classes = np.searchsorted(np.array(names), joined[rows]) if names else np.zeros(0, np.int64)
    return Label(name=name, rows=rows, classes=classes, names=names, num_dropped=len(samples) - len(rows))


@torch.no_grad()
def pooled_latents(encoder: Encoder, samples: Samples, options: Pooling) -> Tensor:
    """Latents of all images averaged over side x side cells, (n, C * side * side) in float32 on the CPU."""
    encoder, pooled = encoder.to(options.device), []
    with Progress(len(samples), 0, "images encoded") as progress:
        for images in samples.batches(options.batch_size, options.device):
            latents = encoder.encode(images).latent_dist.mode().float()
            pooled.append(functional.adaptive_avg_pool2d(latents, options.side).flatten(1).cpu())
            progress.advance(len(images))
    return torch.cat(pooled)
