"""JPEG files into pixels by libjpeg-turbo, which is told to stop at damaged data: it would go on with grey."""

import re
import struct
import warnings
from functools import partial

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from curate import jpegfile

REDUCTIONS = (1, 2, 4, 8)
ORIENTATION = 0x0112  # the EXIF tag
# What Pillow's readers raise on files that are not what they say they are.
FAULTS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error)
MAX_PADDING = 16  # bytes
# libjpeg's words
ENDS_EARLY = "Premature end of JPEG file"
CORRUPT = "Corrupt JPEG data: "
DAMAGES = (CORRUPT, "Inconsistent progression")
PADDED = re.compile(CORRUPT + r"(\d+) extraneous bytes before marker 0xd9")


class JpegFault(ValueError):  # noqa: N818 - what is wrong with the file
    """A file that is cut short or damaged: its cause, and the cause's name, "truncated" or "damaged"."""

    def __init__(self, cause: str, status: str) -> None:
        super().__init__(cause)
        self.status = status


def decode(data: bytes, mode: str, stored_px: tuple[int, int], reduce: int = 1) -> NDArray[np.uint8] | None:
    """(h, w, 3) RGB as stored, not turned by EXIF, straight from the DCT at 1/reduce of its size, sides rounded up.

    mode: as Pillow names it. stored_px: height and width in the header. What follows the picture is left alone. None
    for one of four inks, and where libjpeg-turbo's plain interface does not take the header (a sampling of chroma that
    has no name, such as 4x2): another reader may. Raises JpegFault for data that are not whole.
    """
    data = data[: jpegfile.picture_end(data)]
    if mode not in ("L", "RGB"):
        _whole_pixels(data, "CMYK", 0, 0)
        return None
    height_px, width_px = (-(-side // reduce) if reduce > 1 else 0 for side in stored_px)
    return _whole_pixels(data, "RGB", height_px, width_px)


def orientation_of(image: Image.Image) -> int:
    """EXIF's, 1 to 8."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = image.getexif().get(ORIENTATION, 1)
    except FAULTS:  # broken EXIF leaves the picture as it is
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turned(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The pixels (h, w, 3) as they are to be seen: the EXIF orientation, 1 to 8, undone."""
    if orientation >= 5:
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


def _whole_pixels(data: bytes, colours: str, height_px: int, width_px: int) -> NDArray[np.uint8] | None:
    decode_one = partial(simplejpeg.decode_jpeg, colorspace=colours, min_height=height_px, min_width=width_px)
    cause, pixels = "", None
    for is_plain in (False, True):  # the second where libjpeg dislikes the first
        file = jpegfile.plain_header(data) if is_plain else data
        try:
            pixels = decode_one(file, strict=True)
            break
        except ValueError as complaint:
            cause = str(complaint)
            if _is_padded(cause, file):
                pixels = decode_one(file, strict=False)
                break
    if pixels is None and any(words in cause for words in (ENDS_EARLY, *DAMAGES)):
        raise _fault(cause)
    if not jpegfile.has_all_scans(data):
        raise JpegFault("truncated: scans are missing", "truncated")
    return pixels


def _fault(cause: str) -> JpegFault:
    if cause == ENDS_EARLY:
        return JpegFault("truncated", "truncated")
    return JpegFault(f"damaged: {cause.removeprefix(CORRUPT)}", "damaged")


def _is_padded(cause: str, data: bytes) -> bool:
    """Whether libjpeg only tells of a few equal bytes before the end marker, as some encoders leave them."""
    padded = PADDED.fullmatch(cause)
    return padded is not None and int(padded[1]) <= MAX_PADDING and len(set(data[-2 - int(padded[1]) : -2])) == 1
