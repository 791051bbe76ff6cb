"""What the demo makes by itself: a corpus of a few photographs and copies spoilt on purpose, and held-out images as
files."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curate.damage import DAMAGES
from curate.picture import decode
from pipelines.corpora.metadata import MANIFEST
from pipelines.corpora.sources import BUILTIN, BUILTIN_PHOTOS, open_source
from pipelines.mixture.inputs import config_order
from pipelines.shards.codec import encode
from pipelines.shards.folder import Folder
from pipelines.shards.images import suffix
from pipelines.shards.rows import Rows, spread
from pipelines.shards.seeds import rng_for

TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A copy of a photograph, spoilt on purpose; mirrored too, unless it is to be found as a near duplicate."""

    photo: str
    damage: str  # a name of curate.damage.DAMAGES, or "truncated"
    strength: float = 0.0
    is_mirrored: bool = True

    @property
    def name(self) -> str:
        """The file's name, which says what was done."""
        return f"{self.photo.rpartition('.')[0]}-{self.damage}{f'-{self.strength:g}' if self.strength else ''}.png"

    @property
    def about(self) -> str:
        """What was done, with its strength, for people."""
        about = DAMAGES[self.damage].about if self.damage in DAMAGES else "the last two thirds of the file cut off"
        done = f"{about}: {self.strength:g}" if self.strength else about
        return f"mirrored; {done}" if self.is_mirrored else done

    def apply(self, data: bytes) -> bytes:
        """The copy's file, of the photograph's file."""
        rgb = decode(data)
        if self.is_mirrored:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        if self.damage == TRUNCATED:
            whole = encode(rgb)
            return whole[: len(whole) // 3]
        return encode(DAMAGES[self.damage](rgb, self.strength, rng_for(0, f"spoil {self.name}", 0)))


SPOILT = (
    Spoilt(photo="astronaut.png", damage="motion", strength=15),
    Spoilt(photo="camera.png", damage="defocused_subject", strength=8),
    Spoilt(photo="chelsea.png", damage="upscale", strength=3),
    Spoilt(photo="coffee.png", damage="jpeg", strength=10),
    Spoilt(photo="rocket.jpg", damage="noise", strength=25),
    Spoilt(photo="coffee.png", damage="contrast", strength=0.8, is_mirrored=False),
    Spoilt(photo="astronaut.png", damage=TRUNCATED),
)


def write_corpus(folder: Folder) -> int:
    """Write the photographs as they are, the spoilt copies, and last a manifest of licences; how many files."""
    source = open_source(BUILTIN)
    files = {entry.name: source.read(entry) for entry in source.entries(Counter())}
    licences = {name: BUILTIN_PHOTOS[name] for name in files}
    for spoilt in SPOILT:
        if spoilt.photo in licences:
            files[spoilt.name] = spoilt.apply(files[spoilt.photo])
            licences[spoilt.name] = licences[spoilt.photo]
    for name, data in files.items():
        folder.put(name, data)
    lines = (json.dumps({"file": name, "licence": licence}) for name, licence in sorted(licences.items()))
    folder.put(MANIFEST, "".join(f"{line}\n" for line in lines).encode())
    return len(files)


def write_held_out(mix: str, folder: Folder, count: int) -> int:
    """Write up to `count` images of the test split's rendered text as files, as many of each band as there are;
    how many."""
    written = 0
    for band, data in _held_out(mix, count):
        folder.put(f"{band}-{written:03d}.{suffix(data)}", data)
        written += 1
    return written


def _held_out(mix: str, count: int) -> Iterator[tuple[str, bytes]]:
    """The band and the file of each image."""
    names = {name.split("/")[1] for name in Folder(mix).list("test")}
    bands = sorted((name for name in names if name.startswith("synthetic-")), key=config_order)
    for i, band in enumerate(bands):
        rows = Rows(Folder(f"{mix}/test/{band}"))
        share = (count * (i + 1)) // len(bands) - (count * i) // len(bands)
        for row in rows.take(spread(len(rows), share), ["image"]):
            yield band.removeprefix("synthetic-"), row["image"]["bytes"]
