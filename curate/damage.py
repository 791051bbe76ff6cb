"""Known ways to spoil a picture, to try scorers on: pure functions of (h, w, 3) uint8 RGB, a strength and chance."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.picture import Pixels

Apply = Callable[[Pixels, float, np.random.Generator], Pixels]

DOWNSCALERS = (cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
UPSCALERS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
SAVED_AGAIN = 95  # JPEG quality of the second file in `resave`
ADDED_NOISE = 5.0  # levels, in `blur_noise`
GRID_PX = 8  # of JPEG
SOFT_RIM = 0.08  # of a subject's outline, as a share of the picture's shorter side


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One way to spoil: `apply(rgb, strength, rng)`. `strengths` are usual ones, weakest first.

    `harms` says which score column should show it: "clarity", "subject", "upscale", "blockiness", "noise_sigma";
    "" where a good picture stays good.
    """

    about: str  # with the unit of its strength
    strengths: tuple[float, ...]
    harms: str
    apply: Apply

    def __call__(self, rgb: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
        """A new picture, of the same size unless `about` says otherwise. Raises ValueError on a strength <= 0."""
        if not strength > 0:
            raise ValueError(f"strength is {strength}: use a number above 0, usually one of {self.strengths}")
        return self.apply(rgb, strength, rng)


def _gaussian(rgb: Pixels, sigma_px: float, rng: np.random.Generator) -> Pixels:
    return cv2.GaussianBlur(rgb, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _motion(rgb: Pixels, length_px: float, rng: np.random.Generator) -> Pixels:
    kernel = _line(length_px, rng.uniform(0, np.pi))
    return cv2.filter2D(rgb, -1, kernel, borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _line(length_px: float, angle: float) -> NDArray[np.float32]:
    """A line through the centre as a blur kernel."""
    along = np.linspace(-(length_px - 1) / 2, (length_px - 1) / 2, max(1, int(np.ceil(8 * length_px))))
    return path_kernel(along * np.cos(angle), along * np.sin(angle), int(np.ceil(length_px / 2)) + 1)


def path_kernel(x: NDArray[np.float64], y: NDArray[np.float64], reach: int) -> NDArray[np.float32]:
    """A blur kernel of the points (n,) that the picture went through, px from its centre and less than `reach` in
    size; each is spread over the four px around it."""
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for right in (0, 1):
        for down in (0, 1):
            share = np.abs(1 - right - (x - left)) * np.abs(1 - down - (y - top))
            np.add.at(kernel, (reach + top + down, reach + left + right), share)
    return kernel / kernel.sum()  # type: ignore[no-any-return]


def _defocus(rgb: Pixels, radius_px: float, rng: np.random.Generator) -> Pixels:
    return cv2.filter2D(rgb, -1, _disc(radius_px), borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _disc(radius_px: float) -> NDArray[np.float32]:
    """A disc as a blur kernel, with a soft rim of one px."""
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return kernel / kernel.sum()  # type: ignore[no-any-return]


def _bokeh(rgb: Pixels, radius_px: float, rng: np.random.Generator) -> Pixels:
    """The ground goes out of focus, the subject stays."""
    return _mixed(rgb, _defocus(rgb, radius_px, rng), _subject(rgb.shape[:2], rng))


def _defocused_subject(rgb: Pixels, radius_px: float, rng: np.random.Generator) -> Pixels:
    """The subject goes out of focus, the ground stays."""
    return _mixed(_defocus(rgb, radius_px, rng), rgb, _subject(rgb.shape[:2], rng))


def _subject(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Where the subject is, from 0 to 1: an ellipse near the centre, .2 to .32 of each side in half axes."""
    height, width = shape
    across, down = rng.uniform(0.2, 0.32, 2)
    middle_x, middle_y = 0.5 + rng.uniform(-0.06, 0.06, 2)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    inside = 1 - np.hypot((x - middle_x) / across, (y - middle_y) / down)
    rim = SOFT_RIM / min(across, down)
    return np.clip(inside / rim + 0.5, 0, 1).astype(np.float32)  # type: ignore[no-any-return]


def _mixed(inside: Pixels, outside: Pixels, share: NDArray[np.float32]) -> Pixels:
    mixed = outside + (inside.astype(np.float32) - outside) * share[:, :, None]
    return _levels(mixed)


def _levels(values: NDArray[np.floating]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)  # type: ignore[no-any-return]


def _upscale(rgb: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    height, width = rgb.shape[:2]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    down, up = (int(rng.choice(ways)) for ways in (DOWNSCALERS, UPSCALERS))
    if down != cv2.INTER_AREA:  # the others do not average: without a blur they would alias
        rgb = cv2.GaussianBlur(rgb, (0, 0), 0.3 * factor)  # type: ignore[assignment]
    return cv2.resize(cv2.resize(rgb, small, interpolation=down), (width, height), interpolation=up)  # type: ignore[return-value]


def _upscale_sharpened(rgb: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Enlarged, then an unsharp mask as wide as the enlargement."""
    large = _upscale(rgb, factor, rng).astype(np.float32)
    soft = cv2.GaussianBlur(large, (0, 0), 0.5 * factor * rng.uniform(0.8, 1.5))
    return _levels(large + rng.uniform(0.6, 1.5) * (large - soft))


def _jpeg(rgb: Pixels, quality: float, rng: np.random.Generator) -> Pixels:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _resave(rgb: Pixels, quality: float, rng: np.random.Generator) -> Pixels:
    """Saved as JPEG, cut off the grid by 1 to 7 px at the top and left, and saved again; smaller by that."""
    top, left = rng.integers(1, GRID_PX, 2)
    return _jpeg(_jpeg(rgb, quality, rng)[top:, left:], SAVED_AGAIN, rng)


def _noise(rgb: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    return _levels(rgb + sigma * rng.standard_normal(rgb.shape, dtype=np.float32))


def _blur_noise(rgb: Pixels, sigma_px: float, rng: np.random.Generator) -> Pixels:
    return _noise(_gaussian(rgb, sigma_px, rng), ADDED_NOISE, rng)


def _contrast(rgb: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    mean = rgb.mean(dtype=np.float64)
    return _levels(mean + factor * (rgb.astype(np.float32) - mean))


def _damage(about: str, strengths: tuple[float, ...], harms: str, apply: Apply) -> Damage:
    return Damage(about=about, strengths=strengths, harms=harms, apply=apply)


DAMAGES: dict[str, Damage] = {
    "gaussian": _damage("Gaussian blur; sigma, px", (1, 2, 4), "clarity", _gaussian),
    "motion": _damage("motion blur in any direction; length, px", (9, 21), "clarity", _motion),
    "defocus": _damage("out of focus, a disc; radius, px", (2, 4, 8), "clarity", _defocus),
    "bokeh": _damage("ground out of focus, subject sharp; radius, px", (4, 8, 16), "", _bokeh),
    "defocused_subject": _damage(
        "subject out of focus, ground sharp; radius, px", (4, 8), "subject", _defocused_subject
    ),
    "upscale": _damage("reduced and enlarged again; factor", (2, 4), "upscale", _upscale),
    "upscale_sharpened": _damage("reduced, enlarged, sharpened; factor", (2, 4), "upscale", _upscale_sharpened),
    "jpeg": _damage("saved as JPEG; quality, 1 to 100, lower is worse", (50, 30, 10), "blockiness", _jpeg),
    "resave": _damage(
        "saved as JPEG, cut by 1 to 7 px, saved at 95; quality of the first", (50, 30, 10), "blockiness", _resave
    ),
    "noise": _damage("white noise, each channel apart; sigma, levels of 255", (5, 10, 20), "noise_sigma", _noise),
    "blur_noise": _damage(
        "Gaussian blur, then noise of sigma 5; sigma of the blur, px", (2, 4), "clarity", _blur_noise
    ),
    "contrast": _damage("contrast around the mean; factor, under 1 is less", (0.5,), "", _contrast),
}
