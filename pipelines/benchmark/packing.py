"""Writes the samples of a benchmark: a Hugging Face dataset, and the same images as plain PNG files."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.picture import BadImage
from curate.tokenbench import CROP_PX, Crop, Pixels, cut
from pipelines.benchmark.choosing import CANDIDATES, PLACE, Candidate
from pipelines.curation.packing import line_table
from pipelines.curation.scoring import ImageOpener, Images
from pipelines.shards.codec import encode
from pipelines.shards.files import LOST
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.record import RECORD_SCHEMA, Record, with_features
from pipelines.shards.rows import Rows

BENCH = "bench"
ABOUT = {
    "category": (pa.string(), "kind of document, as OmniDocBench names it"),
    "document": (pa.string(), "the document that the page belongs to"),
    "page": (pa.string(), "the page: number of the source and name in it"),
    "ocr_text": (pa.string(), "what OCR read, lines joined without a space in the engine's order, as NED compares it"),
    "num_chars": (pa.int32(), "recognised characters, spaces not counted"),
    "confidence": (pa.float32(), "mean confidence of the lines read, weighted by characters; 0 to 1"),
    "char_px": (pa.float32(), "side of a character's square on the page; px"),
    "shown_char_px": (pa.float32(), "the same in the sample, as the lines read show it; px"),
    "left_px": (pa.int32(), "where the crop lies on the page; px"),
    "top_px": (pa.int32(), "where the crop lies on the page; px"),
    "side_px": (pa.int32(), "side of the crop on the page; px"),
    "clarity": (pa.float32(), "probability that the sample is sharp; 0 to 1"),
    "blank_share": (pa.float32(), "largest rectangle without text; share of the sample"),
}
EXTRA = pa.schema([pa.field(name, kind, metadata={"about": about}) for name, (kind, about) in ABOUT.items()])


class BenchJob:
    """Makes the samples that candidates.parquet keeps, in its order: pages one after the other."""

    def __init__(self, images: Images, folder_url: str, images_per_shard: int) -> None:
        self._images_per_shard = images_per_shard
        self._opener = ImageOpener(images)
        with Folder(folder_url).open(CANDIDATES) as file:
            table = ParquetFile(file).read()
        self._kept = table.filter(pc.equal(table.column("reason"), ""))
        self._seen: tuple[str, Pixels] = ("", np.zeros((0, 0, 3), np.uint8))  # the page that is open
        self.schema = with_features(pa.schema([*RECORD_SCHEMA, *EXTRA]))

    @property
    def num_shards(self) -> int:
        return -(-len(self._kept) // self._images_per_shard)

    def num_rows(self, shard: int) -> int:
        return min(self._images_per_shard, len(self._kept) - shard * self._images_per_shard)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for one in self._kept.slice(shard * self._images_per_shard, self.num_rows(shard)).to_pylist():
            try:
                image = encode(self.pixels(one), "png")
            except BadImage as error:
                counts[LOST] += 1
                counts[f"lost/{one['id']}: {error.cause}"] += 1
                continue
            for name in ("category", "language", "licence"):
                counts[f"{name}/{one[name]}"] += 1
            yield record_of(one, image).row() | {name: one[name] for name in ABOUT}

    def pixels(self, one: Candidate) -> Pixels:
        """A candidate's crop, (256, 256, 3). Raises BadImage where its page is gone or another now."""
        return cut(self._page(one), crop_of(one))

    def _page(self, one: Candidate) -> Pixels:
        if self._seen[0] != one["page"]:
            place = {name: one[name] for name in PLACE} | {"fault": ""}
            self._seen = (one["page"], self._opener.open(place).rgb)
        height, width = self._seen[1].shape[:2]
        crop = crop_of(one)
        if crop.left_px + crop.side_px > width or crop.top_px + crop.side_px > height:
            raise BadImage("changed since it was read: its crop lies outside")
        return self._seen[1]


def crop_of(one: Candidate) -> Crop:
    """The crop of a candidate."""
    place = {name: one[name] for name in ("left_px", "top_px", "side_px", "char_px", "language", "expected_chars")}
    return Crop(**place)


def record_of(one: Candidate, image: bytes) -> Record:
    """A sample as a record; its lines are those that OCR read."""
    return Record(
        id=one["id"],
        image=image,
        width_px=CROP_PX,
        height_px=CROP_PX,
        kind="text",
        source=one["path"],
        licence=one["licence"],
        language=one["script"] if one["language"] == "zh" else "en",
        layout="",
        band="",
        text=one["text"],
        lines=line_table(one["lines"]),
    )


def write_bench(folder: Folder) -> int:
    """Write every image of the dataset as bench/ID.png, and take away files of samples that are no longer there;
    how many there are now."""
    there, num_files = folder.list(BENCH), 0
    wanted: set[str] = set()
    for table in Rows(folder).tables(("id", "image")) if folder.list("data") else ():
        for name, image in zip(table.column("id").to_pylist(), table.column("image").to_pylist(), strict=True):
            path = f"{BENCH}/{name}.png"
            wanted.add(path)
            num_files += 1
            if there.get(path) != len(image["bytes"]) or folder.read(path) != image["bytes"]:
                folder.put(path, image["bytes"])
    for path in there.keys() - wanted:
        folder.delete(path)
    return num_files
