"""The ground under a box: what the compiled loops say against plain numpy."""

import numpy as np
import pytest

from render.blit import TILE_PX, ground_under
from render.colour import LINEAR


def plainly(canvas: np.ndarray, box: tuple[int, int, int, int]) -> list[float]:
    x0, y0, x1, y1 = box
    tiles, lights, lumas = [], [], []
    for top in range(y0, y1, TILE_PX):
        for left in range(x0, x1, TILE_PX):
            part = canvas[top : min(top + TILE_PX, y1) : 2, left : min(left + TILE_PX, x1) : 2].reshape(-1, 3)
            light = LINEAR[part] @ (0.2126, 0.7152, 0.0722)
            tiles.append(light.mean())
            lights += light.tolist()
            lumas += (part @ (0.299, 0.587, 0.114)).tolist()
    tiles.sort()
    tenth = len(tiles) // 10
    return [tiles[tenth], tiles[-1 - tenth], float(np.mean(lights)), float(np.std(lumas))]


@pytest.mark.parametrize(
    "box",
    [(0, 0, 64, 48), (3, 5, 61, 18), (10, 10, 11, 11), (7, 40, 64, 48), (20, 1, 33, 47), (0, 47, 64, 48)],
)
@pytest.mark.parametrize("levels", [256, 3])
def test_ground_under_is_what_numpy_finds(box, levels):
    rng = np.random.default_rng(box[0])
    canvas = (rng.integers(0, levels, (48, 64, 3)) * (255 // (levels - 1))).astype(np.uint8)

    found = ground_under(canvas, np.array([box], np.float64), LINEAR)

    assert found[0] == pytest.approx(plainly(canvas, box), rel=1e-9)


def test_boxes_are_cut_at_the_edges_and_empty_ones_say_nothing():
    canvas = np.full((20, 30, 3), 255, np.uint8)
    boxes = np.array([[-5.5, -3.0, 10.2, 25.0], [40.0, 2.0, 50.0, 9.0], [5.0, 5.0, 5.0, 9.0]])

    found = ground_under(canvas, boxes, LINEAR)

    assert found[0] == pytest.approx([1, 1, 1, 0])
    assert not found[1:].any()
