"""Image files made to do harm, and odd ones that are whole: what untrusted corpora hold."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

from tests.curate.pictures import black_png, blocks, deep_rgb_png, encoded, with_orientation

WIDTH_PX, HEIGHT_PX = 320, 280  # of every whole picture, unless it is turned
PIXELS = blocks(7, WIDTH_PX, HEIGHT_PX)
JPEG, PNG = encoded(PIXELS, "JPEG", quality=95), encoded(PIXELS, "PNG")
POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 320 280
%%EndComments
(/tmp/owned) (w) file closefile
showpage
%%EOF
"""


def harmful() -> dict[str, bytes]:
    """Files by name that give no picture; nearly all are small and claim or unpack to much."""
    return {
        "bomb_rows.png": black_png(30_000, 10),  # 900 megapixels by its header, ten rows in it
        "bomb_whole.png": black_png(13_000),  # 169 megapixels in 40 kB, every one there
        "bomb_wide.png": png(2**31 - 1, 2**31 - 1),
        "bomb_text.png": png(64, 64, (b"zTXt", b"note\0\0" + zlib.compress(bytes(80_000_000), 9))),
        "bomb.gif": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\0;",
        "bomb.tif": tiff([(256, 4, 1, 60_000), (257, 4, 1, 60_000), *GREY]),
        "bomb.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        "cut.jpg": JPEG[: len(JPEG) // 2],
        "cut.png": PNG[: len(PNG) // 2],
        "cut.webp": encoded(PIXELS, "WEBP", quality=95)[:2000],
        "nothing.png": b"",
        "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
        "script.png": b"#!/bin/sh\nrm -rf /\n",
        "svg.png": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "postscript.jpg": POSTSCRIPT,  # a reader that takes every format would hand it to an interpreter
        "pickle.png": b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
        "archive.png": b"PK\x03\x04" + bytes(200),
        "no_data.png": png(WIDTH_PX, HEIGHT_PX),
        "strips_nowhere.tif": tiff(
            [(256, 4, 1, 320), (257, 4, 1, 280), *GREY, (273, 4, 1, 2**31), (279, 4, 1, 2**31 - 1)]
        ),
    }


def whole() -> dict[str, tuple[bytes, tuple[int, int]]]:
    """Files by name that are odd and give a picture, with its width and height as it is seen."""
    upright, turned = (WIDTH_PX, HEIGHT_PX), (HEIGHT_PX, WIDTH_PX)
    grey = PIXELS[..., 0]
    return {
        "16_bits.png": (encoded(grey.astype("uint16") * 257, "PNG"), upright),
        "16_bits_rgb.png": (deep_rgb_png(PIXELS.astype("uint16") * 257), upright),
        "cmyk.jpg": (encoded(PIXELS, "JPEG", "CMYK", quality=95), upright),
        "palette.png": (encoded(PIXELS, "PNG", "P"), upright),
        "alpha.png": (encoded(np.dstack([PIXELS, grey]), "PNG"), upright),
        "grey_alpha.png": (encoded(PIXELS, "PNG", "LA"), upright),
        "bilevel.png": (encoded(PIXELS, "PNG", "1"), upright),
        "animated.gif": (animated("GIF"), upright),
        "animated.png": (animated("PNG"), upright),
        "animated.webp": (animated("WEBP"), upright),
        "jpeg_named.png": (JPEG, upright),
        "png_named.jpg": (PNG, upright),
        "exif_6.jpg": (with_orientation(PIXELS, "JPEG", 6), turned),
        "exif_99.jpg": (with_orientation(PIXELS, "JPEG", 99), upright),
        "exif_cyclic.jpg": (with_exif(cyclic_exif()), upright),
        "exif_huge.jpg": (with_exif(b"II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + bytes(60_000)), upright),
        "exif_false_count.jpg": (with_exif(exif([(274, 3, 2**32 - 1, 8), (270, 2, 2**31, 2**31)])), upright),
        "exif_nowhere.jpg": (with_exif(b"MM\0*\xff\xff\xff\xff"), upright),
        "followed_by_more.jpg": (JPEG + bytes(1000), upright),
    }


GREY = [(258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]  # TIFF: 8 bits, as they are, one channel


def png(width_px: int, height_px: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks and no pixels."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0))
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, data in (header, *chunks, (b"IDAT", b""), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))
    return b"".join(parts)


def tiff(tags: list[tuple[int, int, int, int]], next_offset: int = 0) -> bytes:
    """A TIFF of one directory of (tag, type, count, value) that leads to another one."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_offset)


def exif(tags: list[tuple[int, int, int, int]]) -> bytes:
    return tiff(tags)


def cyclic_exif() -> bytes:
    """Directories that lead to themselves: the next one, and those of Exif, of GPS and of interoperability."""
    return tiff([(34_665, 4, 1, 8), (34_853, 4, 1, 8), (40_965, 4, 1, 8)], next_offset=8)


def with_exif(block: bytes) -> bytes:
    """The picture as a JPEG with this block as EXIF."""
    return encoded(PIXELS, "JPEG", quality=95, exif=b"Exif\0\0" + block)


def animated(fmt: str) -> bytes:
    """Three frames, of which the first is the picture."""
    frames = [Image.fromarray(PIXELS), Image.new("RGB", (WIDTH_PX, HEIGHT_PX), "red"),
              Image.new("RGB", (WIDTH_PX, HEIGHT_PX), "blue")]  # fmt: skip
    file = BytesIO()
    frames[0].save(file, fmt, save_all=True, append_images=frames[1:])
    return file.getvalue()
