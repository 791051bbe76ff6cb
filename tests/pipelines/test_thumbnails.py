import cv2
import numpy as np

from pipelines.curation.thumbnails import DETAIL_PX, THUMB_PX, detail, picture, side_by_side, whole
from pipelines.shards.codec import encode


def test_makes_large_images_small_and_leaves_small_ones():
    large, small = np.zeros((900, 1300, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)

    assert whole(encode(large)).shape == (round(THUMB_PX * 900 / 1300), THUMB_PX, 3)
    assert whole(encode(small)).shape == (20, 30, 3)


def test_shows_the_most_detailed_part_at_its_own_pixels():
    rgb = np.full((600, 800, 3), 128, np.uint8)
    rgb[300:330, 400:460] = np.random.default_rng(1).integers(0, 256, (3, 6, 1), np.uint8).repeat(10, 0).repeat(10, 1)
    part = detail(encode(rgb))

    assert part.base is None  # a view would hold the whole image
    assert part.shape == (DETAIL_PX[1], DETAIL_PX[0], 3)
    assert part.std() > 5


def test_of_a_page_it_shows_small_text_rather_than_a_few_large_letters():
    rgb = np.full((1344, 840, 3), 255, np.uint8)
    cv2.putText(rgb, "LOGO", (10, 100), cv2.FONT_HERSHEY_SIMPLEX, 3.5, (0, 0, 0), 24, cv2.LINE_AA)
    for y in range(700, 1000, 16):
        cv2.putText(
            rgb, "many small words in a line " * 3, (60, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0,) * 3, 1, cv2.LINE_AA
        )
    part = detail(encode(rgb))
    at = [
        y
        for y in range(0, 1344, DETAIL_PX[1])
        for x in range(0, 840, DETAIL_PX[0])
        if np.array_equal(rgb[y : y + 112, x : x + 168], part)
    ]

    assert min(at) >= 600


def test_shows_a_small_image_as_it_is():
    rgb = np.random.default_rng(2).integers(0, 256, (50, 40, 3), np.uint8)

    assert np.array_equal(detail(encode(rgb)), rgb)


def test_sets_pictures_of_any_height_side_by_side():
    row = side_by_side([np.zeros((10, 20, 3), np.uint8), np.ones((30, 5, 3), np.uint8)])

    assert row.shape == (30, 29, 3)
    assert (row[10:, :20] == 255).all()
    assert (row[:, 24:] == 1).all()


def test_pictures_know_their_size_and_tone():
    made = picture(np.zeros((10, 20, 3), np.uint8), "caption", "bad")

    assert (made.width_px, made.height_px, made.caption, made.tone) == (20, 10, "caption", "bad")
    assert made.uri.startswith("data:image/webp")
