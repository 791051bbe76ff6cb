"""Single lines at free places, upright or turned, that do not touch each other."""

import math

from render.layouts.box import Box
from render.layouts.sheet import Sheet
from render.layouts.style import TextStyle

_TRIES = 8


def extent(width: float, height: float, angle_deg: float) -> tuple[float, float]:
    """Width and height of the upright rectangle around a turned one."""
    cos, sin = abs(math.cos(math.radians(angle_deg))), abs(math.sin(math.radians(angle_deg)))
    return width * cos + height * sin, width * sin + height * cos


def touches(box: Box, others: list[Box], pad: float = 0.0) -> bool:
    """Whether a box comes nearer than pad to one of the others."""
    x0, y0, x1, y1 = box.x - pad, box.y - pad, box.right + pad, box.bottom + pad
    return any(x0 < o.x + o.width and o.x < x1 and y0 < o.y + o.height and o.y < y1 for o in others)


def free_place(sheet: Sheet, area: Box, size: tuple[float, float], taken: list[Box]) -> Box | None:
    """A place for (width, height) px in the area that touches none of those taken; None after a few tries."""
    spare_x, spare_y = area.width - size[0], area.height - size[1]
    if spare_x < 0 or spare_y < 0:
        return None
    for _ in range(_TRIES):
        x, y = sheet.draws.fraction() * spare_x, sheet.draws.fraction() * spare_y
        box = Box(area.x + x, area.y + y, *size)
        if not touches(box, taken):
            return box
    return None


def set_turned(sheet: Sheet, text: str, place: Box, size: tuple[float, float], style: TextStyle) -> None:
    """Set a text of (width, height) px about the centre of a place, turned by the style's angle."""
    x, y = place.x + (place.width - size[0]) / 2, place.y + (place.height - size[1]) / 2
    sheet.cells([text], [Box(x, y, size[0] + 0.02, size[1] + 0.02).frame], style)
