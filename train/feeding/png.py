"""A window of a PNG as our pipelines write them: rows are unpacked only to its last, only its pixels are restored."""

import struct

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from pipelines.shards.png import FILTER_SUB
from train.curriculum import Size

CHANNELS = {b"\x08\x00\x00\x00\x00": 1, b"\x08\x02\x00\x00\x00": 3}  # 8 bit grey or RGB, not interlaced
DATA_AT = 33  # behind signature and header
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def window(data: bytes, top: int, left: int, size: Size) -> NDArray[np.uint8] | None:
    """The pixels (h, w, 3) of a window that lies inside the image; None where the file is another sort of PNG, or
    broken: then a general reader tells."""
    channels = CHANNELS.get(data[24:29])
    packed = _packed(data)
    if channels is None or packed is None:
        return None
    stride = 1 + struct.unpack_from(">I", data, 16)[0] * channels
    num_bytes = (top + size[0]) * stride
    try:
        raw = isal_zlib.decompressobj().decompress(packed, num_bytes)
    except isal_zlib.error:  # type: ignore[misc]  # typed as an instance
        return None
    if len(raw) < num_bytes:
        return None
    rows = np.frombuffer(raw, np.uint8, offset=top * stride).reshape(size[0], stride)
    if (rows[:, 0] != FILTER_SUB).any():
        return None
    steps = rows[:, 1:].reshape(size[0], -1, channels)
    pixels = np.cumsum(steps[:, left : left + size[1]], axis=1, dtype=np.uint8)
    pixels += np.add.reduce(steps[:, :left], axis=1, dtype=np.uint8)[:, None]
    return np.broadcast_to(pixels, (*size, 3))


def _packed(data: bytes) -> memoryview | None:
    """The pixels' data where they are whole and in one chunk, and nothing but the end follows."""
    if data[DATA_AT + 4 : DATA_AT + 8] != b"IDAT":
        return None
    end = DATA_AT + 8 + struct.unpack_from(">I", data, DATA_AT)[0]
    if data[end + 4 :] != END:
        return None
    view = memoryview(data)
    checksum = isal_zlib.crc32(view[DATA_AT + 4 : end])
    return view[DATA_AT + 8 : end] if checksum == struct.unpack_from(">I", data, end)[0] else None
