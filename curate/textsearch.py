"""Looking for lines of text where there may be any: on a reduced picture first, in full size where strokes are."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.ocr import OcrEngine, Pixels, Quads
from curate.textlines import line_sizes

MIN_STEP = 24  # luma over two px: one side of a stroke
STROKE_PX = 8  # a stroke's other side is at most so far
WINDOW_PX = (48, 8)  # a few letters of a line
MIN_STROKES = 0.3  # share of a window's pixels on sides of strokes: pages have .43 or more, 99 in 100 of them
MARGIN_PX = 48  # around all strokes: large letters beside them have few
TILE_PX = 512
UNSEEN = 2.0  # times the length of lines that the reduced picture showed
MIN_REDUCTION = 2.0  # from here small letters may vanish in the reduced picture
PROMISING = 6.0  # line heights of lines, all together: false finds in photos are few and square
HUGE = 0.4  # of the picture's short side: a box as high holds no line


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Long sides of the picture in px: `first` lines are looked for, `full` where all of them are wanted."""

    first_side_px: int = 736
    full_side_px: int = 2048

    def __post_init__(self) -> None:
        if not 256 <= self.first_side_px <= self.full_side_px:
            sides = f"first_side_px is {self.first_side_px} and full_side_px {self.full_side_px}"
            raise ValueError(f"{sides}: use 256 or more, the first at most the second")


def find_lines(engine: OcrEngine, rgb: Pixels, search: Search) -> Quads:
    """The lines of a picture, (n, 4, 2) in its px, as far as they show when it is reduced.

    The engine is given no more of it than the part with strokes. Of a large picture the tile with the most strokes
    is also searched in full size: where it holds far more text than was seen there, so does the picture, and it is
    searched again at `full_side_px`.
    """
    small, scale = reduced(rgb, search.first_side_px)
    quads = _lines_among_strokes(engine, small) / np.float32(scale)
    if scale * MIN_REDUCTION > 1:
        return quads
    corner = _busiest_tile(rgb)
    if corner is None:
        return quads
    top, left = corner
    close = _lines(engine, rgb[top : top + TILE_PX, left : left + TILE_PX], TILE_PX)
    unseen = _length_inside(close, 0, 0) > UNSEEN * _length_inside(quads, left, top)
    return all_lines(engine, rgb, search) if unseen and _is_promising(close) else quads


def all_lines(engine: OcrEngine, rgb: Pixels, search: Search) -> Quads:
    """The lines found with the long side at most `full_side_px`."""
    small, scale = reduced(rgb, search.full_side_px)
    return _lines(engine, small, min(small.shape[:2])) / np.float32(scale)


def reduced(rgb: Pixels, side_px: int) -> tuple[Pixels, float]:
    """The picture with its long side at most `side_px`, and the factor it was reduced by (1 or less)."""
    scale = side_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb, 1.0
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), scale  # type: ignore[return-value]


def _lines_among_strokes(engine: OcrEngine, rgb: Pixels) -> Quads:
    full = _strokes(rgb) >= MIN_STROKES
    rows, columns = (np.nonzero(full.any(axis=axis))[0] for axis in (1, 0))
    if not len(rows):
        return np.zeros((0, 4, 2), np.float32)
    top, left = max(0, rows[0] - MARGIN_PX), max(0, columns[0] - MARGIN_PX)
    part = rgb[top : rows[-1] + MARGIN_PX, left : columns[-1] + MARGIN_PX]
    return _lines(engine, part, min(rgb.shape[:2])) + np.array([left, top], np.float32)


def _lines(engine: OcrEngine, rgb: Pixels, side_px: int) -> Quads:
    """What the engine finds, without boxes of nearly a picture's short side, `side_px`."""
    quads = engine.detect(np.ascontiguousarray(rgb))
    lengths, heights = line_sizes(quads)
    keep = (heights < HUGE * side_px) | (lengths >= 3 * heights)
    return np.asarray(quads[keep], np.float32)


def _is_promising(quads: Quads) -> bool:
    lengths, heights = line_sizes(quads)
    return float((lengths / heights).sum()) >= PROMISING


def _strokes(rgb: Pixels) -> NDArray[np.float32]:
    """How many pixels of the window around each are sides of upright strokes, as a share, (h, w).

    A side is a step of luma with an opposite one near it, to the right or to the left.
    """
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.int16)
    step = np.zeros_like(luma)
    step[:, 1:-1] = luma[:, 2:] - luma[:, :-2]
    up, down = (step > MIN_STEP).astype(np.uint8), (step < -MIN_STEP).astype(np.uint8)
    ahead = np.ones((1, STROKE_PX), np.uint8)
    before_down, before_up = (cv2.dilate(step, ahead, anchor=(0, 0)) for step in (down, up))
    sides = cv2.bitwise_or(cv2.bitwise_and(up, before_down), cv2.bitwise_and(down, before_up))
    return np.asarray(cv2.boxFilter(sides, cv2.CV_32F, WINDOW_PX), np.float32)


def _busiest_tile(rgb: Pixels) -> tuple[int, int] | None:
    """Top and left of the part of a picture with the most windows full of strokes; None where no window is."""
    best, most = None, 0.0
    for top in range(0, rgb.shape[0], TILE_PX):
        for left in range(0, rgb.shape[1], TILE_PX):
            tile = rgb[top : top + TILE_PX : 2, left : left + TILE_PX]  # every other row shows as much
            full = float((_strokes(tile) >= MIN_STROKES).mean()) * tile.shape[0] * tile.shape[1]
            if full > most:
                best, most = (top, left), full
    return best


def _length_inside(quads: Quads, left: int, top: int) -> float:
    """The length of lines, all together, as far as they run inside the tile at a place; px."""
    if not len(quads):
        return 0.0
    start = np.maximum(quads.min(axis=1), (left, top))
    sides = np.minimum(quads.max(axis=1), (left + TILE_PX, top + TILE_PX)) - start
    return float(np.where(sides.min(axis=1) > 0, sides.max(axis=1), 0.0).sum())
