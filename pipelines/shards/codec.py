"""Image files to and from pixels: a fast lossless PNG writer of ours, WebP lossless, JPEG 4:4:4."""

import struct
from io import BytesIO

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from pipelines.shards.deflate import deflate, is_flat
from pipelines.shards.png import FILTER_SUB, SIGNATURE

FORMATS = ("png", "webp", "jpeg")
JPEG_QUALITY = 95


def encode(pixels: NDArray[np.uint8], fmt: str = "png") -> bytes:
    """An image file of uint8 pixels: RGB (h, w, 3), or grey (h, w). JPEG alone loses.

    Raises ValueError for pixels of another type or shape or for none, for a format that is not of FORMATS, and where a
    side is longer than WebP holds (16,383 px); cv2.error where it is longer than JPEG does (65,500 px).
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}: need uint8 (h, w, 3) or grey (h, w)")
    if 0 in pixels.shape:
        raise ValueError(f"pixels are {pixels.shape}: an image needs at least 1x1 px")
    if fmt == "png":
        return write_png(pixels)
    if fmt == "webp":
        file = BytesIO()  # by Pillow, since OpenCV offers only the slow method: 200 ms an image of 512 px
        Image.fromarray(pixels).save(file, "WEBP", lossless=True, method=0, quality=0)
        return file.getvalue()
    if fmt == "jpeg":
        return _write_jpeg(pixels)
    raise ValueError(f"format is {fmt!r}: use one of {', '.join(FORMATS)}")


def decode(data: bytes) -> NDArray[np.uint8]:
    """The RGB pixels, uint8 (h, w, 3), of an image file; ValueError where OpenCV cannot read it."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if bgr is None:
        raise ValueError(f"{len(data)} bytes starting {data[:8]!r} are no readable image")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _write_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    colour = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    written, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *colour])
    if not written:
        raise ValueError(f"pixels are {pixels.shape}: OpenCV could not write them as JPEG")
    return data.tobytes()


def write_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of uint8 pixels, RGB (h, w, 3) or grey (h, w)."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    rows = pixels.reshape(height, width * channels)
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    filtered[:, 0] = FILTER_SUB
    filtered[:, 1 : 1 + channels] = rows[:, :channels]
    np.subtract(rows[:, channels:], rows[:, :-channels], out=filtered[:, 1 + channels :])
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    body = _packed(filtered.reshape(-1))
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _packed(data: NDArray[np.uint8]) -> bytes:
    """The zlib stream of filtered pixels: ours of photographs, of all else igzip's, which picks its code by the CPU, so
    that x86-64 and ARM may write other bytes, never other pixels."""
    if not is_flat(data):
        stream = deflate(data)
        if len(stream) < len(data):  # else noise, which is better stored
            return b"\x78\x01" + stream + struct.pack(">I", isal_zlib.adler32(data))
    packed: bytes = isal_zlib.compress(data, level=1)
    return packed


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)
