"""A fast lossless PNG writer: the Paeth filter on every row, compressed by Huffman codes."""

import struct

import numpy as np
from isal import isal_zlib
from numba import njit
from numpy.typing import NDArray

from pipelines.shards.huffman import deflate

Bytes = NDArray[np.uint8]
PAETH = 4


def write_png(pixels: Bytes) -> bytes:
    """A PNG file of uint8 pixels, RGB (h, w, 3) or grey (h, w)."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    paeth(np.ascontiguousarray(pixels).reshape(height, width * channels), channels, filtered)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    body = deflate(filtered.reshape(-1))
    return b"".join((b"\x89PNG\r\n\x1a\n", *_chunk(b"IHDR", header), *_chunk(b"IDAT", body), *_chunk(b"IEND", b"")))


def _chunk(name: bytes, body: bytes) -> tuple[bytes, ...]:
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(name))
    return struct.pack(">I", len(body)), name, body, struct.pack(">I", checksum)


@njit(cache=True)
def paeth(rows: Bytes, channels: int, out: Bytes) -> None:
    """Each byte of rows (h, n) less the likeliest of its neighbours, into out (h, 1 + n) behind the filter's number."""
    size = rows.shape[1] - channels
    above = np.zeros(rows.shape[1], np.uint8)
    for y in range(len(rows)):
        row, target = rows[y], out[y]
        target[0] = PAETH
        target[1 : 1 + channels] = row[:channels] - above[:channels]
        _differences(row[channels:], (row[:size], above[channels:], above[:size]), target[1 + channels :])
        above = row


@njit(cache=True, inline="always")
def _differences(values: Bytes, neighbours: tuple[Bytes, Bytes, Bytes], out: Bytes) -> None:
    """Values (n,) less the one of left, upper and upper left that is nearest to left + upper - upper left."""
    left, upper, corner = neighbours
    for i in range(len(out)):
        a, b, c = np.int16(left[i]), np.int16(upper[i]), np.int16(corner[i])
        to_a, to_b = np.int16(b - c), np.int16(a - c)
        to_c = np.int16(abs(np.int16(to_a + to_b)))
        to_a, to_b = np.int16(abs(to_a)), np.int16(abs(to_b))
        nearer = a if to_a <= to_b else b
        out[i] = values[i] - np.uint8(nearer if min(to_a, to_b) <= to_c else c)
