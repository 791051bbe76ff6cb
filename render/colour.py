"""sRGB colours, WCAG 2 relative luminance and contrast, and inks that stand out from a measured ground."""

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


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """WCAG 2 relative luminance, 0..1, of colours (..., 3) uint8."""
    return np.asarray(LINEAR[rgb] @ _WEIGHTS)


def contrast(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """WCAG 2 contrast ratio of two luminances, 1..21."""
    return np.asarray((np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05))


def least_contrast(ink: NDArray[np.float64], dark: NDArray[np.float64], light: NDArray[np.float64]):
    """Contrast of inks against the nearer end of their grounds' range [dark, light]; 1 when inside it."""
    inside = (ink >= dark) & (ink <= light)
    return np.where(inside, 1.0, np.minimum(contrast(ink, dark), contrast(ink, light)))


def shades(ramp: NDArray[np.uint8], luminances: NDArray[np.float64]) -> NDArray[np.uint8]:
    """For each luminance (m,) the colour (m, 3) of a ramp (k, 3) that comes nearest."""
    return ramp[np.abs(luminance(ramp)[None, :] - luminances[:, None]).argmin(axis=1)]
