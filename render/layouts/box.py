"""Rectangles of a page in px, and ways to cut them."""

from dataclasses import dataclass

from render.scene import Frame


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its top left corner and size in px, sides never negative."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def frame(self) -> Frame:
        """As a frame of a block, in hundredths of a px; sides rounded up, so that what fits still does."""
        return (
            round(self.x, 2),
            round(self.y, 2),
            round(self.width + 0.005, 2),
            round(self.height + 0.005, 2),
        )

    def inset(self, dx: float, dy: float | None = None) -> "Box":
        """Smaller by dx on the left and right, and by dy (dx unless given) at the top and bottom."""
        dy = dx if dy is None else dy
        width, height = max(0.0, self.width - 2 * dx), max(0.0, self.height - 2 * dy)
        return Box(self.x + (self.width - width) / 2, self.y + (self.height - height) / 2, width, height)

    def top(self, height: float) -> "Box":
        """The upper part."""
        return Box(self.x, self.y, self.width, max(0.0, min(height, self.height)))

    def below(self, height: float) -> "Box":
        """What is left under the upper part."""
        height = min(max(height, 0.0), self.height)
        return Box(self.x, self.y + height, self.width, self.height - height)

    def left(self, width: float) -> "Box":
        """The left part."""
        return Box(self.x, self.y, max(0.0, min(width, self.width)), self.height)

    def beside(self, width: float) -> "Box":
        """What is left at the right of the left part."""
        width = min(max(width, 0.0), self.width)
        return Box(self.x + width, self.y, self.width - width, self.height)

    def columns(self, num: int, gap: float) -> list["Box"]:
        """Equal columns with gaps between them, left to right."""
        width = max(0.0, (self.width - (num - 1) * gap) / num)
        return [Box(self.x + k * (width + gap), self.y, width, self.height) for k in range(num)]

    def rows(self, num: int, gap: float) -> list["Box"]:
        """Equal rows with gaps between them, top to bottom."""
        height = max(0.0, (self.height - (num - 1) * gap) / num)
        return [Box(self.x, self.y + k * (height + gap), self.width, height) for k in range(num)]
