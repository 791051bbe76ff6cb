"""Small pictures of large images: the whole in little, and its most detailed part at its own pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.picture import DEFAULT_LIMITS, Limits, decode, read_header
from pipelines.pictures import Picture

Pixels = NDArray[np.uint8]
THUMB_PX = 168  # two side by side fit a phone
DETAIL_PX = (168, 112)  # width, height
DETAIL_SIGMA = 1.0  # px; noise gives way to edges, and small text still counts for more than a few large letters
QUALITY = 82  # WebP, of the whole; the detail shows artefacts, so its own are kept low
DETAIL_QUALITY = 92


def whole(data: bytes, size_px: int = THUMB_PX, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """The image with its longer side at most `size_px`, never enlarged. Raises BadImage."""
    header = read_header(data, limits)
    longest = max(header.width_px, header.height_px)
    reduce = next((n for n in (8, 4, 2) if longest // n >= 2 * size_px), 1)
    rgb = decode(data, reduce, limits)
    scale = min(1.0, size_px / max(rgb.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in rgb.shape[1::-1])
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def detail(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """The part of DETAIL_PX, or less where the image is smaller, with the strongest edges. Raises BadImage."""
    rgb = decode(data, 1, limits)
    width, height = (min(want, side) for want, side in zip(DETAIL_PX, rgb.shape[1::-1], strict=True))
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), DETAIL_SIGMA).astype(np.float32)
    slopes = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    ways_x, ways_y = max(1, grey.shape[1] // width), max(1, grey.shape[0] // height)
    strength = cv2.resize(slopes, (ways_x, ways_y), interpolation=cv2.INTER_AREA)
    row, column = np.unravel_index(int(strength.argmax()), (ways_y, ways_x))
    y, x = int(row) * height, int(column) * width
    return rgb[y : y + height, x : x + width].copy()  # a view would hold the whole image in memory


def side_by_side(parts: list[Pixels]) -> Pixels:
    """Pictures in a row on white, 4 px apart."""
    height = max(part.shape[0] for part in parts)
    padded = [np.pad(part, ((0, height - part.shape[0]), (0, 4), (0, 0)), constant_values=255) for part in parts]
    return np.concatenate(padded, axis=1)[:, :-4]


def picture(rgb: Pixels, caption: str = "", tone: str = "", quality: int = QUALITY) -> Picture:
    """For a report, as WebP."""
    ok, data = cv2.imencode(".webp", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert ok, "OpenCV encodes every small picture"
    return Picture(data=data.tobytes(), width_px=rgb.shape[1], height_px=rgb.shape[0], caption=caption, tone=tone)
