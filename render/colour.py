"""sRGB colours, their luminance, and APCA contrast: how far an ink stands out from a measured ground."""

import colorsys
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LINEAR: NDArray[np.float64] = (np.arange(256) / 255.0) ** 2.4
_WEIGHTS = np.array([0.2126729, 0.7151522, 0.0721750])
# APCA 0.1.9 (W3C's draft for WCAG 3). WCAG 2's ratio calls black on a dark grey readable; this does not.
_SOFT_BLACK, _SOFT_POWER, _SCALE, _OFFSET = 0.022, 1.414, 1.14, 0.027
_BLACK = _SOFT_BLACK**_SOFT_POWER  # what black counts as


def to_hex(rgb: NDArray[np.uint8]) -> str:
    """(3,) bytes as "#rrggbb"."""
    return "#" + bytes(rgb).hex()


def to_rgb(colour: str) -> NDArray[np.uint8]:
    """ "#rrggbb" as (3,) bytes. Raises ValueError for a text that is not written so."""
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"colour is {colour!r}: write it as #rrggbb")
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def to_rgbs(colours: Sequence[str]) -> NDArray[np.uint8]:
    """Colours "#rrggbb" as (m, 3) bytes."""
    return np.frombuffer(bytes.fromhex("".join(colours).replace("#", "")), np.uint8).reshape(-1, 3)


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """APCA screen luminance, 0..1, of colours (..., 3) uint8."""
    return np.asarray(LINEAR[rgb] @ _WEIGHTS)


def contrast(ink: Floats, ground: Floats) -> Floats:
    """APCA lightness contrast Lc of ink on ground, both luminances: 0 to 106 (black on white), without its sign."""
    ink, ground = _softened(ink), _softened(ground)
    dark_on_light = (ground**0.56 - ink**0.57) * _SCALE
    light_on_dark = (ink**0.62 - ground**0.65) * _SCALE
    lc = np.where(ground > ink, dark_on_light, light_on_dark)
    return np.where(lc < 0.1, 0.0, (lc - _OFFSET) * 100)


def _softened(luminances: Floats) -> Floats:
    return np.asarray(luminances + np.maximum(_SOFT_BLACK - luminances, 0) ** _SOFT_POWER)


def grey_level(light: Floats | float) -> Floats:
    """Luminances 0..1 as the levels 0..1 of the greys that have them."""
    return np.asarray(light ** (1 / 2.4))


def darkest_ground(floor: Floats | float) -> Floats:
    """The least luminance of a ground on which black ink reaches the floor, an Lc."""
    return np.asarray((_BLACK**0.57 + (floor / 100 + _OFFSET) / _SCALE) ** (1 / 0.56))


def lightest_ground(floor: Floats | float) -> Floats:
    """The greatest luminance of a ground on which white ink reaches the floor, an Lc."""
    return np.asarray((1 - (floor / 100 + _OFFSET) / _SCALE) ** (1 / 0.65))


def ink_limits(dark: Floats, light: Floats, floor: Floats) -> tuple[Floats, Floats]:
    """Of grounds (m,) from dark to light: luminance of the lightest dark ink and of the darkest light ink that reach
    the floors (m,), an Lc each; below 0 and above 1 where there is none."""
    step = (floor / 100 + _OFFSET) / _SCALE
    softened = np.maximum(_softened(dark) ** 0.56 - step, 0) ** (1 / 0.57)
    low = np.where(softened >= _SOFT_BLACK, softened, (softened - _BLACK) / (_SOFT_BLACK - _BLACK) * _SOFT_BLACK)
    return np.asarray(low), np.asarray((_softened(light) ** 0.65 + step) ** (1 / 0.62))


def least_contrast(ink: Floats, dark: Floats, light: Floats) -> Floats:
    """Contrast of inks against the nearer end of their grounds' range [dark, light]; 0 when inside it."""
    inside = (ink >= dark) & (ink <= light)
    return np.where(inside, 0.0, np.minimum(contrast(ink, dark), contrast(ink, light)))


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
