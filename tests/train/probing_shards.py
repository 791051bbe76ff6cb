"""Shards whose labels can be seen in the pictures, to learn from, and sources that are to be kept apart."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.runner import run
from pipelines.shards.codec import encode
from pipelines.shards.record import RECORD_SCHEMA, Record, with_features
from pipelines.shards.seeds import rng_for

SIDE_PX = 40
LAYOUTS = {"table": 60, "slide": 128, "poster": 200}  # with their mean brightness
WRONG = 7  # an image that is broken


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledJob:
    """Noise as bright as its layout says, with the tint of its source; `shuffled`: layouts say nothing."""

    num_images: int
    num_sources: int = 20
    shuffled: bool = False
    schema = with_features(pa.schema([*RECORD_SCHEMA, pa.field("number", pa.int32())]))

    def num_rows(self, shard: int) -> int:
        return self.num_images // 2

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for number in range(shard * self.num_rows(shard), (shard + 1) * self.num_rows(shard)):
            rng = rng_for(3, "labelled", number)
            drawn = str(rng.choice(list(LAYOUTS)))
            source = int(rng.integers(self.num_sources))
            layout = str(rng.choice(list(LAYOUTS))) if self.shuffled else drawn
            record = Record(
                id=f"labelled/{number}",
                image=b"broken" if number == WRONG else encode(self.picture(drawn, source, rng)),
                width_px=SIDE_PX,
                height_px=SIDE_PX,
                kind="synthetic",
                source=f"photo {source}",
                licence="CC0-1.0",
                language="en" if number % 2 else "zh",
                layout=layout,
                band="",
            )
            yield record.row() | {"number": number}

    @staticmethod
    def picture(layout: str, source: int, rng: np.random.Generator) -> Any:
        tint = rng_for(4, "tint", source).integers(-25, 26, 3)
        noise = rng.normal(LAYOUTS[layout] + tint, 20, (SIDE_PX, SIDE_PX, 3))
        return noise.clip(0, 255).astype(np.uint8)


def write_labelled(folder: Path, num_images: int, **values: Any) -> str:
    """Make two shards; the folder."""
    job = LabelledJob(num_images=num_images, **values)
    run(lambda: job, 2, str(folder), num_workers=0)
    return str(folder)
