"""Fingerprints of a picture: of its file, and of what is seen, coarse and fine."""

import hashlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.picture import Picture, Pixels
from curate.scorers import batch, column

SMALL_PX = 64  # side of the picture that is hashed
COARSE_BITS, FINE_BITS = 64, 256
MIN_CONTRAST = 1.0  # luma: the deviation of a small picture in which there is something to hash


def _lowest(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the lowest frequencies of a cosine transform, without the mean, lowest first."""
    order = sorted((y * y + x * x, y, x) for y in range(SMALL_PX) for x in range(SMALL_PX))[1 : count + 1]
    return np.array([y for _, y, _ in order]), np.array([x for *_, x in order])


LOWEST = _lowest(FINE_BITS)
SCHEMA = pa.schema(
    [
        column("sha256", pa.string(), "SHA-256 of the file's bytes; 64 hex digits; equal: the same file"),
        column(
            "phash",
            pa.uint64(),
            "signs of the 64 lowest frequencies of the luma, squeezed to a square; 64 bits; few that differ: alike; "
            "null: too plain to tell",
        ),
        column("phash_fine", pa.binary(FINE_BITS // 8), "the same of the 256 lowest, to confirm with; 256 bits"),
    ]
)


class Fingerprint:
    """What finds duplicates: of the file, and of the picture."""

    schema = SCHEMA
    version = "2"

    def __call__(self, pictures: Sequence[Picture]) -> pa.RecordBatch:
        return batch([{"sha256": sha256(one.data)} | perceptual_hashes(one.grey) for one in pictures], SCHEMA)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def perceptual_hashes(grey: Pixels) -> dict[str, Any]:
    """`phash` and `phash_fine`, or nothing for a plain picture. They survive another size, coding, brightness and
    contrast, and in part a slight crop. grey: (h, w) uint8."""
    small = _squeezed(grey)
    if small.std() < MIN_CONTRAST:
        return {}
    bits = np.packbits(cv2.dct(small)[LOWEST] > 0).tobytes()
    return {"phash": int.from_bytes(bits[: COARSE_BITS // 8], "big"), "phash_fine": bits}


def _squeezed(grey: Pixels) -> NDArray[np.float32]:
    """The picture as a small square, by areas; by a whole factor first, which is far quicker."""
    factor = max(1, min(grey.shape) // (4 * SMALL_PX))
    height, width = (side // factor for side in grey.shape)
    whole = grey[: height * factor, : width * factor]
    small: NDArray[Any] = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    if width < SMALL_PX:  # enlarging one axis, OpenCV would take samples along the other instead of means
        small = cv2.resize(small, (width, SMALL_PX), interpolation=cv2.INTER_AREA)
    if height < SMALL_PX:
        small = cv2.resize(small, (SMALL_PX, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (SMALL_PX, SMALL_PX), interpolation=cv2.INTER_AREA), np.float32)
