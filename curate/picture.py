"""An image file as scorers and the renderer see it: header checked first, pixels decoded once, on demand."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from curate import jpegpixels
from curate.jpegpixels import FAULTS, REDUCTIONS, orientation_of, turned

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
BAND_ROWS = 256


class BadImage(ValueError):  # noqa: N818 - it is the image that is bad
    """A file that gives no picture.

    `cause` is one line, the same on every run. `status` is the name of the fault, to be counted by: "zero bytes",
    "too many bytes", "not an image", "damaged header", "no pixels", "too many pixels", "truncated", "damaged",
    "unsupported"; where none is given, the cause up to its first colon.
    """

    def __init__(self, cause: str, status: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.status = status or cause.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is decoded at most, known from the file's size and header before any pixel is."""

    max_pixels: int = 64_000_000
    max_bytes: int = 64 * 2**20

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: use a number above 0")

    def check_bytes(self, num_bytes: int) -> None:
        """Raise BadImage for a file of no bytes or of more than are allowed."""
        if num_bytes == 0:
            raise BadImage("zero bytes")
        if num_bytes > self.max_bytes:
            raise BadImage(f"{num_bytes} bytes: over the {self.max_bytes} allowed", "too many bytes")

    def check_pixels(self, width_px: int, height_px: int) -> None:
        """Raise BadImage for a picture without a pixel or of more than are allowed."""
        if width_px < 1 or height_px < 1:
            raise BadImage("no pixels")
        if width_px * height_px > self.max_pixels:
            pixels = f"{width_px * height_px} pixels"
            raise BadImage(f"{pixels}: over the {self.max_pixels} allowed", "too many pixels")


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file says of itself; width and height as seen, that is after the EXIF orientation."""

    format: str
    width_px: int
    height_px: int
    mode: str  # as Pillow names it: "RGB", "L", "CMYK", "P", "RGBA", "I;16", ...
    num_frames: int
    orientation: int  # EXIF, 1 to 8


class Picture:
    """One image file. The header is read at once, pixels on first use, and kept.

    Raises BadImage here for what the header shows, on `rgb` for what only decoding does.
    """

    def __init__(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        self.data = data
        self.header = read_header(data, limits)
        self.shared: dict[str, Any] = {}  # what scorers measure once and share, by name

    @cached_property
    def rgb(self) -> Pixels:
        """(h, w, 3) uint8 sRGB-coded values as stored, not to be written to, for all scorers see them; see `decode`."""
        rgb = _pixels(self.data, self.header, 1)
        rgb.flags.writeable = False
        return rgb

    @cached_property
    def grey(self) -> Pixels:
        """(h, w) uint8 luma."""
        return cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def read_header(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Header:
    """The header alone; decodes nothing. Raises BadImage for what is no image or over the limits."""
    limits.check_bytes(len(data))
    name, image = _open(data)
    with image:
        limits.check_pixels(*image.size)
        orientation = 1 if name == "TIFF" else orientation_of(image)  # Pillow turns a TIFF itself
        width_px, height_px = image.size if orientation < 5 else image.size[::-1]
        return Header(
            format=name,
            width_px=width_px,
            height_px=height_px,
            mode=image.mode,
            num_frames=_num_frames(image),
            orientation=orientation,
        )


def decode(data: bytes, reduce: int = 1, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """The picture as (h, w, 3) uint8 RGB, at 1/reduce of its size (1, 2, 4 or 8; sides rounded up).

    The first frame, EXIF orientation applied, transparency laid on white, 16-bit samples cut to the upper
    byte, CMYK by Pillow's plain formula; colour profiles are not applied. Raises BadImage, also for a
    truncated file.
    """
    return _pixels(data, read_header(data, limits), reduce)


def _open(data: bytes) -> tuple[str, ImageFile.ImageFile]:
    """Format and Pillow reader, without the size check of Image.open: ours is stricter and says the size."""
    Image.init()
    for name in FORMATS:
        factory, accept = Image.OPEN[name]
        if accept is not None and accept(data[:16]) is True:
            return name, _read(factory, data)
    raise BadImage("not an image")


def _read(factory: Callable[..., ImageFile.ImageFile], data: bytes) -> ImageFile.ImageFile:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, which is not used
            return factory(BytesIO(data), "")
    except Image.DecompressionBombError as error:
        raise BadImage("more pixels than allowed", "too many pixels") from error
    except (*FAULTS, MemoryError) as error:
        raise BadImage("truncated or damaged header", "damaged header") from error


def _num_frames(image: ImageFile.ImageFile) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except FAULTS:  # a later frame is broken: the first may be whole
        return 1


def _pixels(data: bytes, header: Header, reduce: int) -> Pixels:
    if reduce not in REDUCTIONS:
        raise ValueError(f"reduce is {reduce}: use one of {', '.join(map(str, REDUCTIONS))}")
    rgb = _decode_jpeg(data, header, reduce) if header.format == "JPEG" else None
    if rgb is None:
        rgb = _shrink(_decode_pillow(data), reduce)
    return turned(rgb, header.orientation)


def _decode_jpeg(data: bytes, header: Header, reduce: int) -> Pixels | None:
    """None where another reader may know more."""
    seen_px = header.height_px, header.width_px
    stored_px = seen_px[::-1] if header.orientation >= 5 else seen_px
    try:
        return jpegpixels.decode(data, header.mode, stored_px, reduce)
    except jpegpixels.JpegFault as fault:
        raise BadImage(str(fault), fault.status) from fault


def _decode_pillow(data: bytes) -> Pixels:
    _, image = _open(data)
    with image:
        try:
            image.load()
        except FAULTS as error:
            raise BadImage("truncated" if "truncated" in str(error) else "damaged") from error
        return _to_rgb(image)


def _to_rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16"):
        return np.array(Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB"))
    if image.mode in ("I", "F"):
        raise BadImage(f"32-bit samples (mode {image.mode})", "unsupported")
    return _on_white(image) if image.has_transparency_data else np.array(image.convert("RGB"))


def _on_white(image: Image.Image) -> Pixels:
    """A band at a time: whole, it would be held four times over."""
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, BAND_ROWS):
        layer = image.crop((0, top, image.width, min(image.height, top + BAND_ROWS))).convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        rgb[top : top + BAND_ROWS] = np.asarray(Image.alpha_composite(white, layer).convert("RGB"))
    return rgb


def _shrink(rgb: Pixels, reduce: int) -> Pixels:
    if reduce == 1:
        return rgb
    height, width = (-(-side // reduce) for side in rgb.shape[:2])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
