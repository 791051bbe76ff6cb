"""What a mixed dataset holds, by split and configuration: sums of its shards' counts, and pixel values of a sample."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.picture import BadImage
from pipelines.mixture.inputs import config_order
from pipelines.mixture.plan import SPLITS, Plan
from pipelines.shards.codec import decode
from pipelines.shards.files import counts_under, read_manifest, shard_name, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.rows import spread

STATISTICS_FILE = "statistics.json"
UNDER = ("licence", "language", "layout", "category", "origin", "side")
SAMPLE_IMAGES, SAMPLE_SHARDS = 32, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A configuration in a split, as its shards say."""

    split: str
    config: str
    counts: Counter[str]

    @property
    def images(self) -> int:
        return self.counts["images"]

    def under(self, name: str) -> dict[str, int]:
        """Counts under a name, the largest first."""
        return counts_under(self.counts, name)


def part_folder(url: str, split: str, config: str) -> Folder:
    """The shards of a configuration in a split."""
    return Folder(f"{url}/{split}/{config}")


def parts_of(url: str) -> list[Part]:
    """The parts of a dataset that hold an image, by split and name."""
    root = Folder(url)
    places = sorted({tuple(name.split("/")[:2]) for split in SPLITS for name in root.list(f"{split}")})
    found = [
        Part(split=split, config=config, counts=sum_counts(part_folder(url, split, config)))
        for split, config in sorted(places, key=lambda place: (SPLITS.index(place[0]), config_order(place[1])))
    ]
    return [part for part in found if part.images]


def check_planned(parts: Sequence[Part], plan: Plan) -> None:
    """Raise ValueError where a part holds other than the images planned for it: another run is writing it, too."""
    found = {f"{part.split}/{part.config}": part.images for part in parts}
    planned = {cell.place: cell.images for cell in plan.cells if cell.images}
    for place in planned | found:
        if found.get(place, 0) != planned.get(place, 0):
            raise ValueError(
                f"{place} holds {found.get(place, 0):,} images and {planned.get(place, 0):,} are planned: perhaps "
                "another run is writing here; give the command again when it has ended"
            )


def statistics_of(url: str, parts: list[Part]) -> dict[str, Any]:
    """Totals of each part, and the mean and deviation of its red, green and blue over a sample of its images."""
    found: dict[str, Any] = {}
    for part in parts:
        totals = {name.replace(" ", "_"): part.counts[name] for name in ("images", "pixels", "image bytes")}
        totals |= {name: part.counts[name] for name in ("lines", "characters")}
        shares = {name: part.under(name) for name in UNDER}
        values = pixel_values(part_folder(url, part.split, part.config))
        found.setdefault(part.split, {})[part.config] = totals | {"pixel_values": values} | shares
    return found


def pixel_values(folder: Folder) -> dict[str, Any]:
    """Mean and deviation of the channels, 0 to 255, each image of the sample weighing the same."""
    means = [_moments(data) for data in sample(folder, SAMPLE_IMAGES)]
    known = np.array([moment for moment in means if moment is not None]).reshape(-1, 2, 3)
    if not len(known):
        return {"images": 0}
    mean = known[:, 0].mean(0)
    deviation = np.sqrt(np.maximum(known[:, 1].mean(0) - mean**2, 0))
    return {"images": len(known), "mean": mean.round(2).tolist(), "deviation": deviation.round(2).tolist()}


def _moments(data: bytes) -> NDArray[np.float64] | None:
    try:
        rgb = decode(data).astype(np.float64)
    except (ValueError, BadImage, cv2.error):
        return None
    return np.array([rgb.mean((0, 1)), (rgb**2).mean((0, 1))])


def sample(folder: Folder, num_images: int) -> list[bytes]:
    """Some images of a part, from row groups spread over it."""
    shards = list(read_manifest(folder))
    chosen = [shards[place] for place in spread(len(shards), SAMPLE_SHARDS)]
    images: list[bytes] = []
    for shard in chosen:
        with folder.open(shard_name(shard)) as file:
            column = ParquetFile(file).read_row_group(0, columns=["image"]).column("image")
        places = spread(len(column), -(-num_images // len(chosen)))
        images += [column[place]["bytes"].as_py() for place in places]
    return images[:num_images]
