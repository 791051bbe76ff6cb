"""Pictures and image files for tests, good and bad."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def blocks(seed: int, width_px: int = 320, height_px: int = 280, block_px: int = 8) -> Pixels:
    """A sharp picture of random coloured blocks, (h, w, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (-(-height_px // block_px), -(-width_px // block_px), 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((block_px, block_px, 1), np.uint8))[:height_px, :width_px]


def smooth(width_px: int = 64, height_px: int = 48) -> Pixels:
    """Slow gradients, different in each channel and corner: lossy files keep them within a level or two."""
    x, y = np.meshgrid(np.linspace(0, 1, width_px), np.linspace(0, 1, height_px))
    planes = (40 + 180 * x, 60 + 150 * y, 200 - 120 * x * y)
    return np.stack(planes, axis=2).astype(np.uint8)


def encoded(pixels: NDArray[Any], fmt: str, mode: str | None = None, **options: Any) -> bytes:
    """A file of the pixels, written by Pillow after conversion to a mode."""
    image = Image.fromarray(pixels)
    file = BytesIO()
    (image.convert(mode) if mode else image).save(file, fmt, **options)
    return file.getvalue()


def with_orientation(pixels: Pixels, fmt: str, orientation: int) -> bytes:
    """A file whose EXIF says how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, fmt, exif=exif, quality=95)


def black_png(side_px: int, num_rows: int | None = None) -> bytes:
    """A square black PNG of 1 bit a pixel: few bytes, many pixels. It may hold fewer rows than it claims."""
    row_bytes = 1 + -(-side_px // 8)
    return _png(side_px, side_px, (1, 0), bytes(row_bytes * (num_rows or side_px)))


def deep_rgb_png(pixels: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits a channel, (h, w, 3), which Pillow cannot write."""
    height, width = pixels.shape[:2]
    return _png(width, height, (16, 2), b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels))


def _png(width: int, height: int, depth_and_colour: tuple[int, int], rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, *depth_and_colour, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")):
        file += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return file
