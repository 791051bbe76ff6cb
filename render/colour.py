"""sRGB colours, WCAG 2 relative luminance and contrast, and inks that stand out from a measured ground."""

import colorsys
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_BYTES = np.arange(256) / 255.0
LINEAR: NDArray[np.float64] = np.where(_BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4)
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def to_hex(rgb: NDArray[np.uint8]) -> str:
    """(3,) bytes as "#rrggbb"."""
    return "#" + bytes(rgb).hex()


def to_rgb(colour: str) -> NDArray[np.uint8]:
    """ "#rrggbb" as (3,) bytes."""
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"colour is {colour!r}: write it as #rrggbb")
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def to_rgbs(colours: Sequence[str]) -> NDArray[np.uint8]:
    """Colours "#rrggbb" as (m, 3) bytes."""
    return np.frombuffer(bytes.fromhex("".join(colours).replace("#", "")), np.uint8).reshape(-1, 3)


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """WCAG 2 relative luminance, 0..1, of colours (..., 3) uint8."""
    return np.asarray(LINEAR[rgb] @ _WEIGHTS)


def contrast(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """WCAG 2 contrast ratio of two luminances, 1..21."""
    return np.asarray((np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05))


def least_contrast(
    ink: NDArray[np.float64], dark: NDArray[np.float64], light: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Contrast of inks against the nearer end of their grounds' range [dark, light]; 1 when inside it."""
    inside = (ink >= dark) & (ink <= light)
    return np.where(inside, 1.0, np.minimum(contrast(ink, dark), contrast(ink, light)))


@lru_cache(maxsize=512)
def ramp(hue_step: int, saturation_step: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """64 shades (64, 3) of one hue (of 36) and saturation (of 8), black to white, and their luminances."""
    shades = [colorsys.hls_to_rgb(hue_step / 36, step / 63, saturation_step / 8) for step in range(64)]
    colours = np.round(np.array(shades) * 255).astype(np.uint8)
    return colours, luminance(colours)


def shades(hue: float, saturation: float, luminances: NDArray[np.float64]) -> NDArray[np.uint8]:
    """For each luminance (m,) the shade (m, 3) of a hue and saturation (0..1) that comes nearest."""
    colours, lights = ramp(round(hue * 36), round(saturation * 8))
    return np.asarray(colours[np.abs(lights[None, :] - luminances[:, None]).argmin(axis=1)])
