"""The frame of a chart: where values stand in its drawing, and what is written at its axes."""

import math
from collections.abc import Mapping
from typing import Any

WIDTH, HEIGHT = 400, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 26, 40  # around the plot

Point = tuple[float, float, float]  # x, y, standard error (nan: unknown)


class Frame:
    """Maps values to the drawing's units and knows its ticks: names by value, by default round numbers."""

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        x_ticks: Mapping[float, str] | None = None,
    ) -> None:
        self.x_range, self._y = x_range, y_range
        self.left, self.right, self.top, self.bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
        names = x_ticks or {value: number(value) for value in _ticks(x_range, 6)}
        self.x_ticks = [(round(self.x(value), 1), name) for value, name in names.items()]
        self.y_ticks = [(round(self.y(value), 1), number(value)) for value in _ticks(y_range, 5)]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / ((high - low) or 1.0) * (self.right - LEFT)

    def y(self, value: float) -> float:
        low, high = self._y
        return self.bottom - (value - low) / ((high - low) or 1.0) * (self.bottom - TOP)

    def bar(self, across: tuple[float, float], up: tuple[float, float], colour: str) -> dict[str, Any]:
        x0, x1 = self.x(across[0]), self.x(across[1])
        y0, y1 = self.y(up[0]), self.y(up[1])
        box = {"x": x0 + 0.4, "y": y1, "width": max(x1 - x0 - 0.8, 0.5), "height": y0 - y1}
        return {name: round(value, 2) for name, value in box.items()} | {"colour": colour}

    def span(self, across: tuple[float, float]) -> dict[str, float]:
        x0, x1 = self.x(across[0]), self.x(across[1])
        return {"x": round(x0, 1), "width": round(x1 - x0, 1)}

    def point(self, point: Point) -> dict[str, float]:
        x, y, error = point
        error = 0.0 if math.isnan(error) else error
        ends = (self.y(min(max(value, self._y[0]), self._y[1])) for value in (y - error, y + error))
        low, high = ends
        return {
            "x": round(self.x(x), 1),
            "y": round(self.y(y), 1),
            "low": round(low, 1),
            "high": round(high, 1),
        }


def _ticks(span: tuple[float, float], count: int) -> list[float]:
    """Round numbers within a range, about `count` of them."""
    low, high = span
    raw = max(high - low, 1e-9) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """At most four digits: 1,234, 12k, 3.4M, 0.25."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"
