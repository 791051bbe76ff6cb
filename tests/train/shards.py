"""Real shards for tests of what trains on them: pages of noise with a band, photographs, and rows that are broken."""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import skimage
from PIL import Image

from pipelines.runner import run
from pipelines.shards.codec import decode, encode
from pipelines.shards.record import RECORD_SCHEMA, Record, with_features
from pipelines.shards.seeds import rng_for
from train.curriculum import BANDS

PHOTOS = Path(skimage.__file__).parent / "data"
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
PACKED = with_features(
    pa.schema([*RECORD_SCHEMA, pa.field("weight", pa.float32()), pa.field("text_area", pa.float32())])
)


@cache
def photo(number: int) -> bytes:
    """One of four photographs, each a file of its own: JPEG, of 400 to 640 px."""
    pixels = decode((PHOTOS / NAMES[number % 4]).read_bytes())
    file = io.BytesIO()
    Image.fromarray(np.roll(pixels, 7 * number, axis=1)).save(file, "JPEG", quality=90)
    return file.getvalue()


@cache
def noise(number: int, side_px: int) -> bytes:
    """A page like no other, as our pipelines write it."""
    return encode(rng_for(0, "page", number).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8))


@dataclass(frozen=True, kw_only=True)
class SetJob:
    """Rows of one kind; `image` makes the file of each, `instead` holds the bytes of those that are to be broken."""

    num_images: int
    image: Callable[[int], bytes]
    kind: str
    band: Callable[[int], str] = lambda _: ""
    shard_rows: int = 30
    instead: Mapping[int, bytes] = field(default_factory=dict)
    weight: Callable[[int], float] = lambda _: 1.0
    text_area: Callable[[int], float] = lambda _: 0.0
    schema: pa.Schema = PACKED

    @property
    def num_shards(self) -> int:
        return -(-self.num_images // self.shard_rows)

    def num_rows(self, shard: int) -> int:
        return min(self.shard_rows, self.num_images - shard * self.shard_rows)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        first = shard * self.shard_rows
        for number in range(first, first + self.num_rows(shard)):
            whole = self.image(number)
            width_px, height_px = Image.open(io.BytesIO(whole)).size
            record = Record(
                id=f"{self.kind}/{number}",
                image=self.instead.get(number, whole),
                width_px=width_px,
                height_px=height_px,
                kind=self.kind,
                source="",
                licence="CC0-1.0",
                language="",
                layout="",
                band=self.band(number),
            )
            yield record.row() | {"weight": self.weight(number), "text_area": self.text_area(number)}


def write(job: SetJob, folder: Path) -> str:
    """Make a folder of shards; its path."""
    run(lambda: job, job.num_shards, str(folder), num_workers=0)
    return str(folder)


def pages(num_images: int, side_px: int = 64, **values: Any) -> SetJob:
    """Synthetic pages, their bands in turn."""
    bands = {"band": lambda number: BANDS[number % 4]} | values
    return SetJob(num_images=num_images, image=lambda number: noise(number, side_px), kind="synthetic", **bands)


def photos(num_images: int, **values: Any) -> SetJob:
    """Photographs, or, by `kind`, photographed text."""
    return SetJob(num_images=num_images, image=photo, **({"kind": "general"} | values))
