"""Degradations of a finished picture: one pure function each, uint8 RGB (h, w, 3) in and out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from render.blit import add_grain
from render.scene import Effect

Image = NDArray[np.uint8]


def blur(image: Image, effect: Effect) -> Image:
    """Gaussian blur; amount is sigma in px."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), effect.amount), np.uint8)


def noise(image: Image, effect: Effect) -> Image:
    """Independent noise on every channel; amount is its standard deviation, 0..255."""
    noisy = image.copy()
    add_grain(noisy, effect.amount, effect.seed)
    return noisy


def jpeg(image: Image, effect: Effect) -> Image:
    """JPEG there and back, 4:4:4; amount is the quality, 1..100."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, int(effect.amount), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    done, data = cv2.imencode(".jpg", image[..., ::-1], flags)
    if not done:
        raise ValueError(f"effect jpeg of quality {effect.amount}: OpenCV could not encode the picture")
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def resample(image: Image, effect: Effect) -> Image:
    """Enlarge by `amount` (over 1) and reduce again: the size stays, edges soften a little."""
    height, width = image.shape[:2]
    size = (round(width * effect.amount), round(height * effect.amount))
    with _opencvs_own_code():
        large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@contextmanager
def _opencvs_own_code() -> Iterator[None]:
    """Without Intel's: its cubic gives other pixels on other CPUs. The switch is this thread's, so it is put back."""
    before = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(before)


EFFECTS: dict[str, Callable[[Image, Effect], Image]] = {
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
    "resample": resample,
}


def apply(image: Image, effects: tuple[Effect, ...]) -> Image:
    """The picture after each effect in turn."""
    for effect in effects:
        image = EFFECTS[effect.kind](image, effect)
    return image
