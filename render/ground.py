"""What lies under the text: a crop of a photo, paper or a gradient, then rules, frames and plates."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from render.blit import add_grain, look_up
from render.colour import to_rgb
from render.scene import Crop, Ground, Scene, Shape

Image = NDArray[np.uint8]
Pixels = tuple[int, int, int, int]  # a box: left, top, right, bottom


def prepare(scene: Scene, photo: Image | None) -> Image:
    """The picture (height, width, 3) before any text. photo: the view that the crop was chosen in."""
    canvas = lay_ground(scene.ground, (scene.width_px, scene.height_px), photo)
    for shape in scene.shapes:
        draw_shape(canvas, shape)
    return canvas


def lay_ground(ground: Ground, size_px: tuple[int, int], photo: Image | None) -> Image:
    """The bare ground, a fresh array (height, width, 3). size_px is (width, height).

    Raises ValueError where the ground is a photo and no photo or no crop is given, where the crop reaches beyond it,
    and for colours that are not written as #rrggbb.
    """
    if ground.kind == "photo":
        if photo is None or ground.crop is None:
            raise ValueError("ground.kind is 'photo' but no photo or no crop was given")
        return _photo(ground.crop, size_px, photo)
    canvas = _paper(ground, size_px)
    if ground.grain:
        add_grain(canvas, ground.grain, ground.seed)
    return canvas


def _photo(crop: Crop, size_px: tuple[int, int], photo: Image) -> Image:
    height, width = photo.shape[:2]
    if crop.x + crop.width > width or crop.y + crop.height > height:
        raise ValueError(
            f"crop of {crop.photo} reaches ({crop.x + crop.width}, {crop.y + crop.height}) px but the view is "
            f"{width} x {height} px: decode it with reduce={crop.reduce}"
        )
    part = photo[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    if (crop.width, crop.height) != size_px:
        # Exact area means cost three times as much, and below 1.5 times nothing can alias visibly.
        near = crop.width < 1.5 * size_px[0]
        how = cv2.INTER_LINEAR if near else cv2.INTER_AREA
        part = np.asarray(cv2.resize(part, size_px, interpolation=how), np.uint8)
    if crop.flip:
        part = np.asarray(cv2.flip(part, 1), np.uint8)
    if part.base is not None:  # still the photo itself, which is not to be written to
        part = part.copy()
    return toned(part, crop)


def toned(image: Image, crop: Crop) -> Image:
    """The picture with a crop's gain and lift applied to every channel."""
    if crop.gain == 1.0 and crop.lift == 0.0:
        return image
    table = np.clip(np.arange(256) * crop.gain + crop.lift + 0.5, 0, 255).astype(np.uint8)
    return look_up(image.reshape(-1), table).reshape(image.shape)


def _paper(ground: Ground, size_px: tuple[int, int]) -> Image:
    width, height = size_px
    first, last = to_rgb(ground.colours[0]), to_rgb(ground.colours[-1])
    if ground.kind != "gradient":
        return np.full((height, width, 3), first, np.uint8)
    angle = math.radians(ground.angle_deg)
    run = np.add.outer(np.arange(height) / height * math.sin(angle), np.arange(width) / width * math.cos(angle))
    steps = ((run - run.min()) * (255 / max(float(np.ptp(run)), 1e-9))).astype(np.uint8)
    ramp = first + (last.astype(np.float64) - first) * np.linspace(0, 1, 256)[:, None] + 0.5
    return np.asarray(ramp.astype(np.uint8)[steps])


def draw_shape(canvas: Image, shape: Shape) -> None:
    """Draw one shape in place; its edges lie on whole pixels, and what is outside is cut off."""
    left, top = _whole(shape.x), _whole(shape.y)
    right, bottom = _whole(shape.x + shape.width), _whole(shape.y + shape.height)
    box = left, top, max(right, left + 1), max(bottom, top + 1)
    if shape.radius_px:
        _draw_rounded(canvas, box, shape)
        return
    for part in _sides(box, max(1, round(shape.line_px))) if shape.kind == "frame" else (box,):
        _fill(_inside(canvas, part), to_rgb(shape.colour), shape.opacity)


def _whole(px: float) -> int:
    """The nearest whole px, halves upwards, so that a line of 1 px is as thick wherever it lies."""
    return math.floor(px + 0.5)


def _sides(box: Pixels, line_px: int) -> tuple[Pixels, ...]:
    """The four sides of a frame, or all of it where they meet."""
    left, top, right, bottom = box
    if min(right - left, bottom - top) <= 2 * line_px:
        return (box,)
    low, high = top + line_px, bottom - line_px
    level = (left, top, right, low), (left, high, right, bottom)
    return *level, (left, low, left + line_px, high), (right - line_px, low, right, high)


def _inside(canvas: Image, box: Pixels) -> Image:
    """The part of a box that lies on the canvas, perhaps none."""
    left, top, right, bottom = np.maximum(box, 0)
    return canvas[top:bottom, left:right]


def _draw_rounded(canvas: Image, box: Pixels, shape: Shape) -> None:
    part, colour = _inside(canvas, box), to_rgb(shape.colour)
    mask = _mask(shape, box, part.shape)[..., None] * (shape.opacity / 255.0)
    part[:] = part + (colour.astype(np.float32) - part) * mask + 0.5


def _fill(part: Image, colour: NDArray[np.uint8], opacity: float) -> None:
    if opacity >= 1:
        part[:] = colour
        return
    rest = np.float32(1 - opacity)
    part[:] = part * rest + (colour * np.float32(opacity) + np.float32(0.5))


def _mask(shape: Shape, box: Pixels, seen: tuple[int, ...]) -> NDArray[np.float32]:
    """Coverage 0..255 of a plate or a frame with rounded corners, by signed distance; of so many rows and columns of
    its box that lie on the canvas."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    rows, columns = np.arange(seen[0]) + max(0, -top), np.arange(seen[1]) + max(0, -left)
    radius = min(shape.radius_px, width / 2, height / 2)
    x = np.abs(columns + 0.5 - width / 2) - (width / 2 - radius)
    y = np.abs(rows + 0.5 - height / 2) - (height / 2 - radius)
    outside = np.hypot(np.maximum(x, 0)[None, :], np.maximum(y, 0)[:, None]) + np.minimum(
        np.maximum(x[None, :], y[:, None]), 0
    )
    distance = outside - radius
    mask = np.clip(0.5 - distance, 0, 1)
    if shape.kind == "frame":
        mask -= np.clip(0.5 - distance - shape.line_px, 0, 1)
    return np.asarray(mask * 255, np.float32)
