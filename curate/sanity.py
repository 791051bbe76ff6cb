"""Size and sanity of a picture: what its header says, and whether there is anything to see."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.picture import Picture, Pixels
from curate.sanity_kernels import Counts, Survey, survey
from curate.scorers import batch, column

FLAT_LEVELS = 4  # a block whose luma spans at most this many levels shows nothing
DARK_BELOW, LIGHT_FROM = 16, 240  # luma
BAR_LEVELS = 12  # a row or column of a bar spans at most this; JPEG leaves some in a plain bar
BAR_STEP = 4.0  # and its mean is this near to that of the outermost row or column

SCHEMA = pa.schema(
    [
        column("width_px", pa.int32(), "width as seen, after EXIF orientation; px; 1 or more; source: header"),
        column("height_px", pa.int32(), "height as seen, after EXIF orientation; px; 1 or more; source: header"),
        column("aspect", pa.float32(), "width over height; ratio; above 0, 1 is square; source: header"),
        column("num_bytes", pa.int64(), "size of the file; bytes; 1 or more; source: file"),
        column("bits_per_pixel", pa.float32(), "size of the file over its pixels; bits; above 0, low: squeezed hard"),
        column("format", pa.string(), "file format by its first bytes: JPEG, PNG, WEBP, GIF, BMP, TIFF"),
        column("mode", pa.string(), "colour type as Pillow names it: RGB, L, P, RGBA, CMYK, I;16, ...; source: header"),
        column("num_frames", pa.int32(), "frames or pages in the file, of which the first is scored; 1 or more"),
        column("entropy_bits", pa.float32(), "Shannon entropy of the luma histogram; bits; 0 to 8, low: little to see"),
        column(
            "flat_share",
            pa.float32(),
            f"8x8 px blocks whose luma spans at most {FLAT_LEVELS} levels; share; 0 to 1, high: empty",
        ),
        column("dark_share", pa.float32(), f"pixels of luma under {DARK_BELOW}; share; 0 to 1, high: too dark"),
        column("light_share", pa.float32(), f"pixels of luma {LIGHT_FROM} or more; share; 0 to 1, high: blown out"),
        column(
            "border_share",
            pa.float32(),
            "area in plain bars along the four sides (letterbox, frame, margin); share; 0 to 1, high: mostly frame",
        ),
    ]
)


class SizeAndSanity:
    """Header fields and simple statistics of the luma."""

    schema = SCHEMA
    version = "1"

    def __call__(self, pictures: Sequence[Picture]) -> pa.RecordBatch:
        return batch([_header(picture) | _content(picture.grey) for picture in pictures], SCHEMA)


def _header(picture: Picture) -> dict[str, Any]:
    header, num_bytes = picture.header, len(picture.data)
    return {
        "width_px": header.width_px,
        "height_px": header.height_px,
        "aspect": header.width_px / header.height_px,
        "num_bytes": num_bytes,
        "bits_per_pixel": 8 * num_bytes / (header.width_px * header.height_px),
        "format": header.format,
        "mode": header.mode,
        "num_frames": header.num_frames,
    }


def _content(grey: Pixels) -> dict[str, float]:
    found = survey(grey, FLAT_LEVELS)
    shares = found.histogram / grey.size
    seen = shares[shares > 0]
    return {
        "entropy_bits": max(0.0, float(-(seen * np.log2(seen)).sum())),
        "flat_share": found.num_flat / found.num_blocks,
        "dark_share": float(shares[:DARK_BELOW].sum()),
        "light_share": float(shares[LIGHT_FROM:].sum()),
        "border_share": _border_share(found),
    }


def _border_share(found: Survey) -> float:
    height, width = len(found.rows), len(found.columns)
    top, bottom = _bars(found.rows, width)
    left, right = _bars(found.columns, height)
    inside = max(0, height - top - bottom) * max(0, width - left - right)
    return 1.0 - inside / (height * width)


def _bars(lines: Counts, length_px: int) -> tuple[int, int]:
    """Plain rows (or columns) at the start and at the end; px."""
    return _bar(lines, length_px), _bar(lines[::-1], length_px)


def _bar(lines: Counts, length_px: int) -> int:
    means = lines[:, 2] / length_px
    plain = (lines[:, 1] - lines[:, 0] <= BAR_LEVELS) & (np.abs(means - means[0]) <= BAR_STEP)
    return len(plain) if plain.all() else int(plain.argmin())
