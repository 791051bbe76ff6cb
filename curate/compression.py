"""Traces of lossy coding: blocks in the pixels, and what JPEG and WebP headers say."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from curate import jpegfile, webpfile
from curate.blocks import blocks
from curate.picture import Picture
from curate.scorers import batch, column

SCHEMA = pa.schema(
    [
        column(
            "blockiness",
            pa.float32(),
            "coarsest 8x8 quantisation found in the luma, on any grid, also after crop and saving again; in units of "
            "JPEG quality 50 (q75 .5, q30 1.7, q10 5); 0 or more, 0: none found, high: worse; null under 64 px a side",
        ),
        column(
            "block_steps",
            pa.float32(),
            "how much more luma jumps on the lines of the best 8 px grid than on those of the second; ratio; 0 to "
            "about 2, high: visible blocks, or content on such a grid; null under 64 px a side",
        ),
        column(
            "jpeg_quality",
            pa.int16(),
            "libjpeg quality whose quantisation tables are nearest to the file's; 1 to 100, low: worse; null: no JPEG",
        ),
        column("jpeg_sampling", pa.string(), "luma to chroma samples (4:4:4, 4:2:2, 4:2:0, ...); null: no colour JPEG"),
        column("webp_lossless", pa.bool_(), "whether the file keeps every pixel; null: no WebP; source: header"),
        column(
            "webp_quality",
            pa.float32(),
            "libwebp quality estimated from the mean quantiser; 0 to 100, low: worse; null: no lossy WebP",
        ),
    ]
)


class Compression:
    """Blockiness of the luma, and the coder's settings where the header has them."""

    schema = SCHEMA
    version = "1"

    def __call__(self, pictures: Sequence[Picture]) -> pa.RecordBatch:
        return batch([_pixels(picture) | _header(picture) for picture in pictures], SCHEMA)


def _pixels(picture: Picture) -> dict[str, Any]:
    found = blocks(picture.grey)
    return {} if found is None else {"blockiness": found.coarseness, "block_steps": found.steps}


def _header(picture: Picture) -> dict[str, Any]:
    if picture.header.format == "JPEG" and (jpeg := jpegfile.coding(picture.data)):
        return {"jpeg_quality": jpeg.quality(), "jpeg_sampling": jpeg.sampling or None}
    if picture.header.format == "WEBP" and (webp := webpfile.coding(picture.data)):
        return {"webp_lossless": webp.lossless, "webp_quality": webp.quality}
    return {}
