import cv2
import numpy as np
import pytest

from pipelines.rendered.crops import cut, is_vertical


def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)


def test_cuts_an_upright_quad_at_whole_pixels_as_they_are():
    rgb = picture()

    assert np.array_equal(cut(rgb, rectangle(10.4, 20.6, 30.2, 31.0), 0), rgb[20:31, 10:31])
    assert np.array_equal(cut(rgb, rectangle(10.4, 20.6, 30.2, 31.0), 2), rgb[18:33, 8:33])


def test_leaves_away_what_lies_beyond_the_image():
    assert cut(picture(), rectangle(0, 0, 80, 10), 5).shape == (15, 80, 3)


@pytest.mark.parametrize("angle_deg", [-30, 8, 90, 170])
def test_makes_a_turned_quad_level(angle_deg):
    quad = rectangle(20, 24, 60, 36)
    level = np.zeros((60, 80, 3), np.uint8)
    level[24:36, 20:40], level[24:36, 40:60] = (250, 30, 30), (30, 30, 250)
    turn = np.asarray(cv2.getRotationMatrix2D((40, 30), angle_deg, 1.0))
    to_corner, to_centre = np.eye(3), np.eye(3)  # positions are of pixel corners, OpenCV's of centres
    to_corner[:2, 2], to_centre[:2, 2] = 0.5, -0.5
    pixels = to_centre[:2] @ np.vstack([turn, [0, 0, 1]]) @ to_corner
    turned = np.asarray(cv2.warpAffine(level, pixels, (80, 60), flags=cv2.INTER_LINEAR), np.uint8)
    result = cut(turned, quad @ turn[:, :2].T + turn[:, 2], 0)

    assert result.shape == (12, 40, 3)
    assert np.abs(result[2:-2, 2:18] - np.array([250.0, 30, 30])).max() < 8
    assert np.abs(result[2:-2, 22:-2] - np.array([30.0, 30, 250])).max() < 8


def test_keeps_a_turned_quad_sharp_where_it_falls_on_pixels():
    rgb = picture()
    quad = rectangle(20, 10, 40, 30)[[1, 2, 3, 0]]  # read downwards: a quarter turn

    assert np.array_equal(cut(rgb, quad, 0), np.rot90(rgb[10:30, 20:40]))


@pytest.mark.parametrize(
    ("width", "height", "vertical"), [(100, 12, False), (5, 10, False), (10, 11.5, False), (10, 20, True)]
)
def test_tells_vertical_lines_by_their_height_in_ems(width, height, vertical):
    assert is_vertical({"quad_px": rectangle(0, 0, width, height).tolist(), "size_px": 10.0}) is vertical
