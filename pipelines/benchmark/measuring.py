"""The job that reads pages for a benchmark: a row a page, with every crop and what was measured of it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import pyarrow as pa

from curate.benchreading import Bounds, CropReader
from curate.ocr import OcrEngine, open_engine
from curate.omnidoc import blocks_of
from curate.pageblocks import find_blocks
from curate.picture import BadImage, Picture
from curate.textcolumns import LINE
from curate.tokenbench import HOPELESS_ANNOTATED, HOPELESS_FOUND, Block, Crop, crops_of
from pipelines.benchmark.pages import parts_of
from pipelines.corpora.listing import PLACE_FIELDS, Listing
from pipelines.curation.columns import OUTCOME_FIELDS
from pipelines.curation.scoring import NOT_DECODED, OK, ImageOpener, Images, image_id, tally, trailed
from pipelines.shards.folder import Folder
from pipelines.trail import Trail

CROP_FIELDS = ("left_px", "top_px", "side_px", "char_px", "language", "expected_chars", "block_text")
MEASURED_FIELDS = [
    ("text", pa.string()),
    ("ocr_text", pa.string()),
    ("lines", pa.list_(LINE)),
    ("num_chars", pa.int32()),
    ("text_language", pa.string()),
    ("script", pa.string()),
    ("confidence", pa.float32()),
    ("clarity", pa.float32()),
    ("blank_share", pa.float32()),
    ("phash", pa.uint64()),
    ("phash_fine", pa.binary(32)),
]
CROP = pa.struct(
    [
        *((name, pa.int32()) for name in CROP_FIELDS[:3]),
        ("char_px", pa.float32()),
        ("language", pa.string()),
        ("expected_chars", pa.float32()),
        ("block_text", pa.string()),
        ("reason", pa.string()),
        *MEASURED_FIELDS,
    ]
)
SKIPPED = pa.struct([("reason", pa.string()), ("count", pa.int32())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        *OUTCOME_FIELDS,
        *PLACE_FIELDS,
        ("category", pa.string()),
        ("document", pa.string()),
        ("sha256", pa.string()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("skipped", pa.list_(SKIPPED)),
        ("crops", pa.list_(CROP)),
    ]
)
UNMEASURED: dict[str, Any] = {name: None for name, _ in MEASURED_FIELDS}
PAGE_FAULT: dict[str, Any] = {"sha256": "", "width_px": 0, "height_px": 0, "skipped": [], "crops": []}


class MeasureJob:
    """Finds the blocks of each listed page, cuts crops and reads them."""

    schema = SCHEMA

    def __init__(self, images: Images, folder_url: str, engine: tuple[str, str], bounds: Bounds) -> None:
        """engine: its name and the folder of its models."""
        self._images, self._engine_name, self._bounds = images, engine, bounds
        self._listing, self._trail = Listing(Folder(images.list_url)), Trail(Folder(folder_url))

    @cached_property
    def _opener(self) -> ImageOpener:
        return ImageOpener(self._images)

    @cached_property
    def _engine(self) -> OcrEngine:
        """Made by whoever reads: loading its models takes seconds."""
        name, models = self._engine_name
        return open_engine(name, models=models)

    @cached_property
    def _reader(self) -> CropReader:
        return CropReader(self._engine, self._bounds)

    @property
    def num_shards(self) -> int:
        return self._listing.num_shards

    def pages(self) -> list[dict[str, Any]]:
        """The listed pages, for an estimate."""
        return [page for shard in range(self.num_shards) for page in self._listing.rows(shard)]

    def num_rows(self, shard: int) -> int:
        return self._listing.num_rows(shard)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        places = ((place, OK, "") for place in self._listing.rows(shard))
        for place, status, reason in trailed(self._trail, shard, places):
            row = self.row(place) if status == OK else fault_row(place, status, reason)
            tally(row["status"], counts)
            yield row

    def row(self, place: dict[str, Any]) -> dict[str, Any]:
        """A page's row; what is wrong with the page is its status and reason."""
        try:
            picture = self._opener.open(place)
        except BadImage as error:
            return fault_row(place, error.status, error.cause)
        except OSError:  # the disk's or the network's, not the page's: the shard fails and is made again
            raise
        except Exception as error:  # a decoder that this file upsets
            return fault_row(place, NOT_DECODED, f"{type(error).__name__}: {error}")
        return self._measured(place, picture)

    def _measured(self, place: dict[str, Any], picture: Picture) -> dict[str, Any]:
        height, width = picture.rgb.shape[:2]
        blocks, skipped = self._blocks(place["notes"], picture)
        hopeless = HOPELESS_ANNOTATED if place["notes"] else HOPELESS_FOUND
        read = self._reader.read(picture.rgb, crops_of(blocks, width, height), hopeless)
        return page_row(place, OK, "") | {
            "sha256": hashlib.sha256(picture.data).hexdigest(),
            "width_px": width,
            "height_px": height,
            "skipped": [{"reason": reason, "count": count} for reason, count in sorted(skipped.items())],
            "crops": list(crop_rows(read)),
        }

    def _blocks(self, notes: str, picture: Picture) -> tuple[list[Block], Counter[str]]:
        if not notes:
            return find_blocks(self._engine, picture.rgb), Counter()
        parts, skipped = parts_of(notes)
        blocks, outside = blocks_of(parts, picture.rgb.shape[1], picture.rgb.shape[0])
        return blocks, skipped + outside


def crop_rows(read: Iterable[tuple[Crop, dict[str, Any] | None, str]]) -> Iterator[dict[str, Any]]:
    """Crops as they are stored."""
    for crop, measured, reason in read:
        place = {name: getattr(crop, name) for name in CROP_FIELDS}
        yield place | {"reason": reason} | (measured or UNMEASURED)


def page_row(place: dict[str, Any], status: str, reason: str) -> dict[str, Any]:
    """What a row has before anything is measured."""
    named = {name: place[name] for name in (*(name for name, _ in PLACE_FIELDS), "category", "document")}
    return {"id": image_id(place), "status": status, "reason": reason, **named}


def fault_row(place: dict[str, Any], status: str, reason: str) -> dict[str, Any]:
    """The row of a page that gave nothing."""
    return page_row(place, status, reason) | PAGE_FAULT
