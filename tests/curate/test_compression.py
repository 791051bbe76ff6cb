"""Blockiness follows the coarsest JPEG in a picture's past; headers say how the file itself was squeezed."""

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from curate import jpegfile, webpfile
from curate.blocks import blocks as blocks_of
from curate.compression import Compression
from curate.picture import Picture, Pixels, decode
from tests.curate.pictures import blocks, encoded, smooth

PHOTOS = ("gb82/bulb.png", "kodak/kodim05.png", "kodak/kodim23.png", "skimage/astronaut.png")


def row_of(file: bytes) -> dict[str, Any]:
    return Compression()([Picture(file)]).to_pylist()[0]


def blockiness(rgb: Pixels) -> float:
    found = blocks_of(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    assert found is not None
    return found.coarseness


def saved(rgb: Pixels, quality: int) -> Pixels:
    return decode(encoded(rgb, "JPEG", quality=quality))


@pytest.fixture(params=PHOTOS)
def photo(request: pytest.FixtureRequest, data: Path) -> Pixels:
    return decode((data / "natural" / request.param).read_bytes())


def test_a_photo_never_coded_has_no_blocks(photo: Pixels):
    assert blockiness(photo) < 0.3


@pytest.mark.parametrize(("quality", "expected"), [(15, 3.33), (30, 1.67), (50, 1.0)])
def test_blockiness_is_the_quantisation_over_that_of_quality_50(photo: Pixels, quality: int, expected: float):
    assert blockiness(saved(photo, quality)) == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("offset", [(1, 7), (4, 4), (6, 3)])
def test_cropping_and_saving_again_hide_nothing(photo: Pixels, offset: tuple[int, int]):
    cropped = np.ascontiguousarray(saved(photo, 30)[offset[0] :, offset[1] :])

    assert blockiness(saved(cropped, 95)) == pytest.approx(1.67, rel=0.12)


def test_noise_and_blur_are_no_blocks(photo: Pixels):
    noise = np.random.default_rng(0).normal(0, 10, photo.shape)

    assert blockiness(np.clip(photo + noise, 0, 255).astype(np.uint8)) == 0
    assert blockiness(cv2.GaussianBlur(photo, (0, 0), 2)) == 0


def test_a_noisy_copy_of_a_coarse_jpeg_is_still_seen(photo: Pixels):
    noise = np.random.default_rng(0).normal(0, 2, photo.shape)

    assert blockiness(np.clip(saved(photo, 30) + noise, 0, 255).astype(np.uint8)) > 1.3


def bricks(width_px: int, height_px: int) -> Pixels:
    """Rows of bricks with joints of 2 px, on a grid of 8 px; lightly noisy."""
    y, x = np.mgrid[:height_px, :width_px]
    joint = (y % 16 < 2) | ((x + 16 * (y // 16 % 2)) % 32 < 2)
    grey = np.where(joint, 190, 120) + np.random.default_rng(1).normal(0, 3, joint.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def screen(line_type: int) -> Pixels:
    """Lines of text at a pitch of 16 px, as on a terminal."""
    page = np.full((480, 640, 3), 30, np.uint8)
    for row in range(1, 30):
        text = f"{row:03d} for name in names: print(name, {row * 37})"
        cv2.putText(page, text, (8, 16 * row), 2, 0.45, (220,) * 3, 1, line_type)
    return page


ON_A_GRID = {
    "bricks": bricks(640, 480),
    "hard text": screen(cv2.LINE_8),
    "smooth text": screen(cv2.LINE_AA),
    "blocks of 8 px": blocks(1, 640, 480, 8),
    "blocks of 3 px": blocks(2, 640, 480, 3),
}


@pytest.mark.parametrize("kind", ON_A_GRID)
def test_content_on_a_grid_is_not_taken_for_a_coder(kind: str):
    assert blockiness(ON_A_GRID[kind]) == 0


def test_a_flat_picture_has_no_blocks():
    assert blockiness(np.full((200, 300, 3), 77, np.uint8)) == 0


def test_a_small_picture_is_not_measured():
    row = row_of(encoded(smooth(63, 100), "PNG"))

    assert row["blockiness"] is None
    assert row["block_steps"] is None


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 92, 100])
def test_jpeg_quality_is_read_from_the_tables(quality: int):
    row = row_of(encoded(blocks(1), "JPEG", quality=quality))

    assert row["jpeg_quality"] == quality


@pytest.mark.parametrize(("subsampling", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_chroma_sampling_is_named(subsampling: int, name: str):
    assert row_of(encoded(blocks(1), "JPEG", subsampling=subsampling))["jpeg_sampling"] == name


def test_a_grey_jpeg_has_no_sampling():
    row = row_of(encoded(blocks(1)[..., 0], "JPEG", quality=60))

    assert (row["jpeg_quality"], row["jpeg_sampling"]) == (60, None)


def test_tables_of_another_encoder_get_the_nearest_quality():
    tables = [np.clip(jpegfile.LUMA[79] + 1, 1, 255).tolist(), jpegfile.CHROMA[79].tolist()]
    file = encoded(blocks(1), "JPEG", qtables=tables)

    assert abs(row_of(file)["jpeg_quality"] - 80) <= 5


def test_a_png_has_no_coder_settings():
    row = row_of(encoded(blocks(1), "PNG"))

    assert row["jpeg_quality"] is row["jpeg_sampling"] is row["webp_quality"] is row["webp_lossless"] is None


@pytest.mark.parametrize("quality", [10, 30, 50, 80, 95])
def test_webp_quality_is_estimated_from_the_quantiser(photo: Pixels, quality: int):
    row = row_of(encoded(photo, "WEBP", quality=quality))

    assert row["webp_lossless"] is False
    assert row["webp_quality"] == pytest.approx(quality, abs=13)


def test_a_lossless_webp_is_told_apart():
    row = row_of(encoded(blocks(1), "WEBP", lossless=True))

    assert (row["webp_lossless"], row["webp_quality"]) == (True, None)


def test_an_animated_webp_is_judged_by_its_first_frame():
    frames = [Image.fromarray(blocks(seed)) for seed in (1, 2)]
    file = BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], quality=60)

    assert row_of(file.getvalue())["webp_lossless"] is False


def test_damaged_webp_headers_give_no_quality():
    assert webpfile.coding(b"RIFF\0\0\0\0WEBP") is None
    assert webpfile.coding(b"RIFF\0\0\0\0WEBPVP8 \4\0\0\0abcd") == webpfile.Coding(lossless=False, quality=None)


def test_the_quality_of_any_webp_header_is_in_range():
    rng = np.random.default_rng(1)
    for _ in range(500):
        frame = bytes(3) + webpfile.START + bytes(4) + rng.bytes(40)
        found = webpfile.coding(bytes(12) + webp_chunk(b"VP8 ", frame))

        assert found is not None
        assert found.quality is not None
        assert 0 <= found.quality <= 100


def test_frames_within_frames_are_not_followed():
    file = b""
    for _ in range(2000):
        file = webp_chunk(b"ANMF", bytes(16) + file)

    assert webpfile.coding(bytes(12) + file) is None


def webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body


def test_one_table_for_all_components_tells_the_quality_too():
    image = Image.fromarray(smooth(64, 64))
    file = BytesIO()
    image.save(file, "JPEG", qtables=[jpegfile.LUMA[74][jpegfile.ZIGZAG].tolist()])

    assert jpegfile.coding(file.getvalue()).quality() == 75
