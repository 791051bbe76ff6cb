"""Encoded images into crops of one size: bounded before decoding, at their own resolution or resized to just cover."""

import struct
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from curate import jpegpixels
from pipelines.shards.png import SIGNATURE
from train.curriculum import Size
from train.feeding.png import window

MAX_PIXELS = 128_000_000  # what a curation packs at most
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # others are not begun: PostScript would start an interpreter
JPEG = b"\xff\xd8"
SIDEWAYS = 5  # EXIF orientations from here on exchange width and height
TURNED = ("TIFF",)  # formats whose size Pillow gives as the image is seen
OPAQUE_PNG = ((8, 0), (8, 2))  # bit depth and colour type that OpenCV reads as they are: grey, RGB
EXIF, IDAT = b"eXIf", b"IDAT"
MOST_EXIF = 65_536  # bytes of it and of what else may stand behind the pixels
PROFILE = b"iCCP"  # of colour, which nobody here applies; OpenCV prints a line about a common one, each time
REDUCTIONS = (8, 4, 2)
SPARE = 2  # a JPEG is decoded to no less than this many times the size wanted, so that resizing decides
# Pillow's warnings are errors under tests.
FAULTS = (*jpegpixels.FAULTS, MemoryError, Warning)
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
Pixels = NDArray[np.uint8]  # (h, w, 3) RGB


class BadImage(ValueError):  # noqa: N818 - it is the image that is bad
    """An image that gives no crop; the message is its cause, the same on every run."""


class Unfit(BadImage):
    """One that is of no use for this crop, known before it is decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which crop: chosen before the image is known, the place as shares of the room there is."""

    size: Size
    native: bool  # at the image's own resolution; else resized to just cover the crop
    down: float  # 0 to 1
    right: float
    mirrored: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, size: Size, *, native: bool, mirror: bool) -> "Cut":
        down, right, turn = rng.random(3).tolist()
        return cls(size=size, native=native, down=down, right=right, mirrored=mirror and turn < 0.5)


def crop(data: bytes, cut: Cut) -> Pixels:
    """The crop of an encoded image. Raises BadImage for one that is broken, too large to decode or too small."""
    width_px, height_px = header_size(data)
    if height_px < cut.size[0] or width_px < cut.size[1]:
        raise Unfit(_too_small((height_px, width_px), cut))
    part = None
    if cut.native and _is_upright_png(data):
        part = window(data, *_corner((height_px, width_px), cut), cut.size)
    if part is None:
        part = _cropped(data, cut, min(height_px / cut.size[0], width_px / cut.size[1]))
    return part[:, ::-1] if cut.mirrored else part


def _cropped(data: bytes, cut: Cut, room: float) -> Pixels:
    """The crop, not mirrored, by way of the whole image, which is `room` times as large as it needs to be."""
    if cut.native:
        pixels = decode(data)
    else:
        pixels = _covering(decode(data, next((by for by in REDUCTIONS if room >= SPARE * by), 1)), cut.size)
    top, left = _corner(pixels.shape[:2], cut)
    return pixels[top : top + cut.size[0], left : left + cut.size[1]]


def _corner(image: Size, cut: Cut) -> tuple[int, int]:
    """Where in an image of this size the crop begins, from the top and from the left."""
    room_y, room_x = image[0] - cut.size[0], image[1] - cut.size[1]
    if room_y < 0 or room_x < 0:
        raise BadImage(_too_small(image, cut))
    return int(cut.down * (room_y + 1)), int(cut.right * (room_x + 1))


def _too_small(image: Size, cut: Cut) -> str:
    return f"{image[1]}x{image[0]} px: smaller than a crop of {cut.size[1]}x{cut.size[0]}"


def _covering(pixels: Pixels, size: Size) -> Pixels:
    """The image made smaller until one side is that of the crop; never larger."""
    scale = max(size[0] / pixels.shape[0], size[1] / pixels.shape[1])
    if scale >= 1:
        return pixels
    height_px, width_px = (max(size[axis], round(pixels.shape[axis] * scale)) for axis in (0, 1))
    return cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def header_size(data: bytes) -> tuple[int, int]:
    """Width and height as the image is seen, EXIF orientation applied, from the header alone. Raises BadImage for what
    is no image or is too large."""
    if not data:
        raise BadImage("no bytes")
    if _is_upright_png(data):
        width_px, height_px = struct.unpack_from(">II", data, 16)
    else:
        try:
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                width_px, height_px = image.size
                if image.format not in TURNED and jpegpixels.orientation_of(image) >= SIDEWAYS:
                    width_px, height_px = height_px, width_px
        except BOMBS:
            raise BadImage(f"over the {MAX_PIXELS} pixels allowed") from None
        except FAULTS:
            raise BadImage("no image that can be read") from None
    if width_px * height_px > MAX_PIXELS:
        raise BadImage(f"{width_px}x{height_px} px: over the {MAX_PIXELS} pixels allowed")
    return width_px, height_px


def _is_upright_png(data: bytes) -> bool:
    """Whether it is a PNG that says nothing of its orientation."""
    if not data.startswith(SIGNATURE) or len(data) <= 33:
        return False
    return data.find(EXIF, 33, data.find(IDAT)) < 0 and data.find(EXIF, max(33, len(data) - MOST_EXIF)) < 0


def decode(data: bytes, reduce: int = 1) -> Pixels:
    """The picture, EXIF orientation applied, transparency laid on white; a JPEG at 1/reduce of its size (1, 2, 4, 8).

    Raises BadImage for one that is broken or cut short.
    """
    if data.startswith(JPEG):
        return _decode_jpeg(data, reduce)
    if data.startswith(SIGNATURE) and len(data) > 33 and (data[24], data[25]) in OPAQUE_PNG and not _has_profile(data):
        if b"IEND" not in data[-64:]:
            raise BadImage("truncated")
        return _decode_png(data)
    return _decode_pillow(data)


def _has_profile(png: bytes) -> bool:
    return png.find(PROFILE, 33, png.find(IDAT)) >= 0


def _decode_png(data: bytes) -> Pixels:
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise BadImage("damaged")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _decode_jpeg(data: bytes, reduce: int) -> Pixels:
    try:
        with Image.open(BytesIO(data), formats=("JPEG",)) as image:
            mode, stored_px, orientation = image.mode, image.size[::-1], jpegpixels.orientation_of(image)
        pixels = jpegpixels.decode(data, mode, stored_px, reduce)
    except jpegpixels.JpegFault as fault:
        raise BadImage(str(fault)) from None
    except (*FAULTS, *BOMBS):
        raise BadImage("damaged") from None
    return _decode_pillow(data) if pixels is None else jpegpixels.turned(pixels, orientation)


def _decode_pillow(data: bytes) -> Pixels:
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I;16"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            if image.has_transparency_data:
                layer = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
            return np.array(image.convert("RGB"))
    except (*FAULTS, *BOMBS):
        raise BadImage("damaged or cut short") from None
