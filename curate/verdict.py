"""Whether a photo serves as a background: large enough, sharp somewhere, and not full of text already."""

from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.ocr import OcrEngine, RapidOcr, cut_line
from curate.picture import Limits, Picture, Pixels

OK, TOO_SMALL, BLURRED, FULL_OF_TEXT, UNREADABLE = "ok", "too small", "blurred", "full of text", "unreadable"

WORKING_SIDE_PX = 768  # sharpness is measured with the short side from this to twice this
MAX_ASPECT = 4
FINE_SIGMA, COARSE_SIGMA = 1.0, 2.0
TILE_PX = 64
MIN_EDGES, MIN_TILES = 6, 6  # of one direction: in a tile, and tiles in the picture
BEST_TILE = 3  # the third best tile speaks for the picture: one or two may be a fluke
MIN_GRADIENT = 2.0  # luma a px
NOISE_FACTOR = 8.0  # an edge's gradient is at least this many times that of the noise
NUM_DIRECTIONS = 4

TEXT_SIDE_PX = 960  # text is looked for with the long side at most this
TEXT_SCORE = 0.4  # low: what is found is read before it counts
NUM_READ = 8
MIN_CONFIDENCE = 0.7
MIN_CHARS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a photo is refused. Text counts against it when both its lines and its area are over."""

    min_side_px: int = 256
    min_sharpness: float = 1.56
    max_text_lines: int = 4
    max_text_fraction: float = 0.08
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.min_side_px < 1:
            raise ValueError(f"min_side_px is {self.min_side_px}: use a number of px above 0")
        if not 0 <= self.min_sharpness <= 4:
            raise ValueError(f"min_sharpness is {self.min_sharpness}: use 0 (accept all) to 4, about 1.6")
        if self.max_text_lines < 0:
            raise ValueError(f"max_text_lines is {self.max_text_lines}: use 0 or more")
        if not 0 <= self.max_text_fraction <= 1:
            raise ValueError(f"max_text_fraction is {self.max_text_fraction}: use a share from 0 to 1")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found; None where it was not measured (a small photo, no OCR engine)."""

    verdict: str
    cause: str = ""
    sharpness: float | None = None
    text_fraction: float | None = None
    text_lines: int | None = None


def text_finder() -> OcrEngine:
    """The engine that `judge` and `text_in` expect: it enlarges nothing and reports doubtful boxes."""
    return RapidOcr(min_side_px=32, min_score=TEXT_SCORE)


def judge(picture: Picture, thresholds: Thresholds, engine: OcrEngine | None) -> Verdict:
    """The verdict on one photo, cheapest check first; a photo that fails one is measured no further.

    Raises BadImage where the pixels cannot be decoded. Without an engine text is not looked for.
    """
    side_px = min(picture.header.width_px, picture.header.height_px)
    if side_px < thresholds.min_side_px:
        cause = f"short side {side_px} px: under {thresholds.min_side_px}"
        return Verdict(verdict=TOO_SMALL, cause=cause)
    sharp = round(sharpness(picture.grey), 3)
    if sharp < thresholds.min_sharpness:
        cause = f"sharpness {sharp:.2f}: under {thresholds.min_sharpness}"
        return Verdict(verdict=BLURRED, cause=cause, sharpness=sharp)
    if engine is None:
        return Verdict(verdict=OK, sharpness=sharp)
    share, lines = text_in(picture.rgb, engine)
    full = lines > thresholds.max_text_lines and share > thresholds.max_text_fraction
    return Verdict(
        verdict=FULL_OF_TEXT if full else OK,
        cause=f"about {lines} lines on {share:.0%} of the picture" if full else "",
        sharpness=sharp,
        text_fraction=round(share, 4),
        text_lines=lines,
    )


def sharpness(grey: Pixels) -> float:
    """How steep the picture's sharpest edges are at its working resolution; from about 1 (blurred) to 3.

    At each strong edge, the gradient after a blur of sigma 1 px over that after sigma 2 px: 1 for an edge
    blurred far wider, 1.75 for a step, more for a thin line; contrast and content cancel. The median of each
    64 px tile, then the third best tile, so that a sharp subject on a soft ground counts; apart for four
    directions of the gradient, and the lowest is taken, so that motion blur shows. Of a strip longer than
    four times its width the middle is looked at. 0.0 where too few edges
    stand out from the noise. grey: (h, w) uint8 luma, here reduced by a whole factor to a short side under
    1,536 px.
    """
    luma = _working(grey).astype(np.float32)
    coarse_x, coarse_y = _gradient(luma, COARSE_SIGMA)
    size = cv2.magnitude(coarse_x, coarse_y)
    floor = max(MIN_GRADIENT, NOISE_FACTOR * _gradient_noise(luma))
    at = np.nonzero((size >= cv2.dilate(size, np.ones((3, 3), np.uint8))) & (size > floor))
    fine_x, fine_y = _gradient(luma, FINE_SIGMA)
    along = np.abs(fine_x[at] * coarse_x[at] + fine_y[at] * coarse_y[at])
    ratio = along / size[at] ** 2
    turn = np.arctan2(coarse_y[at], coarse_x[at]) / np.pi * NUM_DIRECTIONS
    direction = np.floor(turn + 0.5).astype(np.int64) % NUM_DIRECTIONS
    tile = (at[0] // TILE_PX) * (luma.shape[1] // TILE_PX + 1) + at[1] // TILE_PX
    best = [_third_tile(ratio[direction == i], tile[direction == i]) for i in range(NUM_DIRECTIONS)]
    return min((value for value in best if value is not None), default=0.0)


def _working(grey: Pixels) -> Pixels:
    longest = MAX_ASPECT * min(grey.shape)
    top, left = (max(0, side - longest) // 2 for side in grey.shape)
    grey = grey[top : top + longest, left : left + longest]
    factor = max(1, min(grey.shape) // WORKING_SIDE_PX)
    if factor == 1:
        return grey
    size = (grey.shape[1] // factor, grey.shape[0] // factor)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _gradient(luma: NDArray[np.float32], sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Luma a px to the right and down, after a Gaussian blur."""
    smooth = cv2.GaussianBlur(luma, (0, 0), sigma)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return across, down  # type: ignore[return-value]


def _gradient_noise(luma: NDArray[np.float32]) -> float:
    """The deviation that white noise gives the coarse gradient; the noise is estimated from the picture.

    Immerkaer's Laplacian difference with a median in place of the mean (edges are few); .28 / sigma**2 is
    what is left of white noise in a Gaussian derivative."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    rest = np.abs(cv2.filter2D(luma, cv2.CV_32F, kernel)[1:-1, 1:-1])
    return float(np.median(rest)) / 0.6745 / 6 * 0.28 / COARSE_SIGMA**2


def _third_tile(ratio: NDArray[np.float32], tile: NDArray[np.int64]) -> float | None:
    """The third highest of the tiles' medians; None where too few tiles hold enough edges."""
    order = np.lexsort((ratio, tile))
    _, first, count = np.unique(tile[order], return_index=True, return_counts=True)
    enough = count >= MIN_EDGES
    if np.count_nonzero(enough) < MIN_TILES:
        return None
    medians = ratio[order][(first + count // 2)[enough]]
    return float(np.sort(medians)[-BEST_TILE])


def text_in(rgb: Pixels, engine: OcrEngine) -> tuple[float, int]:
    """The share of a picture that text covers, and its number of lines, both estimated.

    Detectors take texture for text, so a sample of the boxes is read: only what is read as at least two
    letters or digits with confidence .7 counts, the others in proportion.
    """
    rgb = _shrunk(rgb)
    quads = engine.detect(rgb)
    if not len(quads):
        return 0.0, 0
    areas = np.array([cv2.contourArea(quad) for quad in quads]) / (rgb.shape[0] * rgb.shape[1])
    sample = np.unique(np.linspace(0, len(quads) - 1, NUM_READ).round().astype(np.int64))
    read = engine.recognise([cut_line(rgb, quads[i]) for i in sample])
    real = np.array([_is_text(text, confidence) for text, confidence in read])
    known = areas[sample]
    share = areas.sum() * known[real].sum() / max(float(known.sum()), 1e-9)
    lines = int(np.ceil(len(quads) * real.mean()))
    return min(1.0, float(share)), lines


def _shrunk(rgb: Pixels) -> Pixels:
    scale = TEXT_SIDE_PX / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _is_text(text: str, confidence: float) -> bool:
    return confidence >= MIN_CONFIDENCE and sum(map(str.isalnum, text)) >= MIN_CHARS
