"""Exact-area antialiasing of outlines, any affine transform: the unhinted styles, grey and LCD.

Each segment adds its signed area and cover to the pixels it crosses; a running sum along a row is
the winding-weighted coverage (the method of FreeType's smooth rasteriser and of font-rs).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from render.outlines import CONIC, CUBIC, LINE

Floats = NDArray[np.float64]


@njit(cache=True, inline="always")
def _edge(area: Floats, width: int, x0: float, y0: float, x1: float, y1: float) -> None:
    """Add one straight edge, in pixels, y down, x already inside [0, width - 1]."""
    if y0 == y1:
        return
    sign = 1.0
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
        sign = -1.0
    slope = (x1 - x0) / (y1 - y0)
    x = x0
    for row in range(int(y0), math.ceil(y1)):
        dy = min(row + 1.0, y1) - max(float(row), y0)
        x_next = x + slope * dy
        d = sign * dy
        left, right = (x, x_next) if x < x_next else (x_next, x)
        base = row * width
        i, j = int(left), math.ceil(right)
        if j <= i + 1:
            middle = 0.5 * (x + x_next) - i
            area[base + i] += d - d * middle
            area[base + i + 1] += d * middle
        else:
            s = 1.0 / (right - left)
            head = 0.5 * s * (i + 1 - left) * (i + 1 - left)
            tail = 0.5 * s * (right - j + 1) * (right - j + 1)
            area[base + i] += d * head
            if j == i + 2:
                area[base + i + 1] += d * (1.0 - head - tail)
            else:
                second = s * (1.5 - (left - i))
                area[base + i + 1] += d * (second - head)
                for k in range(i + 2, j - 1):
                    area[base + k] += d * s
                area[base + j - 1] += d * (1.0 - (second + (j - i - 3) * s) - tail)
            area[base + j] += d * tail
        x = x_next


@njit(cache=True)
def rasterise(
    kinds: NDArray[np.uint8], segments: NDArray[np.float32], matrix: Floats, area: Floats, width: int
) -> None:
    """Coverage of one outline summed into `area` (height * width + 1 zeros).

    matrix (6,): pixel = (m0 x + m1 y + m2, m3 x + m4 y + m5), y down, everything inside the box.
    """
    x, y = np.empty(CUBIC), np.empty(CUBIC)
    for i in range(len(kinds)):
        kind, points = kinds[i], segments[i]
        for k in range(kind):
            x[k] = matrix[0] * points[2 * k] + matrix[1] * points[2 * k + 1] + matrix[2]
            y[k] = matrix[3] * points[2 * k] + matrix[4] * points[2 * k + 1] + matrix[5]
        if kind == LINE:
            _edge(area, width, x[0], y[0], x[1], y[1])
        else:
            _curve(area, width, x, y, kind)


@njit(cache=True)
def _curve(area: Floats, width: int, x: Floats, y: Floats, kind: int) -> None:
    """Add a conic or cubic curve of control points x, y (4,) as chords, more of them the more it bends."""
    x0, x1, x2, y0, y1, y2 = x[0], x[1], x[2], y[0], y[1], y[2]
    x3, y3 = (x[3], y[3]) if kind == CUBIC else (x2, y2)
    bend = max(abs(x0 - 2 * x1 + x2) + abs(y0 - 2 * y1 + y2), abs(x1 - 2 * x2 + x3) + abs(y1 - 2 * y2 + y3))
    steps = 1 + int(math.sqrt(bend * (10.0 if kind == CONIC else 24.0)))
    xa, ya = x0, y0
    for k in range(1, steps + 1):
        t = k / steps
        u = 1.0 - t
        if kind == CONIC:
            xb = u * u * x0 + 2 * u * t * x1 + t * t * x2
            yb = u * u * y0 + 2 * u * t * y1 + t * t * y2
        else:
            xb = u * u * u * x0 + 3 * u * u * t * x1 + 3 * u * t * t * x2 + t * t * t * x3
            yb = u * u * u * y0 + 3 * u * u * t * y1 + 3 * u * t * t * y2 + t * t * t * y3
        _edge(area, width, xa, ya, xb, yb)
        xa, ya = xb, yb


@njit(cache=True)
def coverage(area: Floats, out: NDArray[np.uint8]) -> None:
    """Running sum of the cells of `area`, as bytes 0..255 into `out` (height * width,)."""
    total = 0.0
    for i in range(len(out)):
        total += area[i]
        out[i] = np.uint8(min(abs(total), 1.0) * 255.0 + 0.5)
