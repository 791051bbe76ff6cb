"""Pictures of single lines, cut from an image by their quads."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Pixels = NDArray[np.uint8]
UPRIGHT_PX = 0.01  # a quad whose sides lean by less is cut without resampling
MARGIN_PX = 1.0  # antialiasing reaches a little beyond the box
VERTICAL_EMS = 1.6  # no horizontal line's quad is so high: it holds one em and what ink reaches beyond


def is_vertical(line: dict[str, Any]) -> bool:
    """Whether a label's line runs down the page. A single character does not."""
    top_left, _, _, bottom_left = np.asarray(line["quad_px"])
    return bool(np.hypot(*(bottom_left - top_left)) > VERTICAL_EMS * line["size_px"])


def cut(rgb: Pixels, quad_px: ArrayLike, margin_px: float = MARGIN_PX) -> Pixels:
    """The picture (h, w, 3) within a quad (4, 2), widened by a margin on all sides, the line lying level.

    An upright quad is cut at whole pixels as they are; a turned one is resampled (cubic). What lies beyond
    the image is left away from the former and repeated from the edge in the latter.
    """
    quad = np.asarray(quad_px, np.float64)
    along, down = quad[1] - quad[0], quad[3] - quad[0]
    if abs(along[1]) < UPRIGHT_PX and abs(down[0]) < UPRIGHT_PX and along[0] > 0 and down[1] > 0:
        x0, y0 = np.maximum(np.floor(quad.min(axis=0) - margin_px), 0).astype(int)
        x1, y1 = np.ceil(quad.max(axis=0) + margin_px).astype(int)
        return np.ascontiguousarray(rgb[y0:y1, x0:x1])
    width, height = (float(np.hypot(*side)) for side in (along, down))
    right, below = along / max(width, 1e-6) * margin_px, down / max(height, 1e-6) * margin_px
    corners = quad[[0, 1, 3]] + [-right - below, right - below, below - right]
    size = (max(1, round(width + 2 * margin_px)), max(1, round(height + 2 * margin_px)))
    target = np.array([[0, 0], [size[0], 0], [0, size[1]]]) - 0.5  # pixel i is centred at i + 0.5
    matrix = cv2.getAffineTransform((corners - 0.5).astype(np.float32), target.astype(np.float32))
    level = cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(level, np.uint8)
