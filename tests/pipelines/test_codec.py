"""Image files: lossless ones read back identically by Pillow and OpenCV."""

from io import BytesIO
from itertools import islice

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines.shards.codec import FORMATS, decode, encode
from pipelines.shards.seeds import rng_for

SIZES = [(1, 1), (1, 7), (7, 1), (2, 3), (64, 48), (33, 257)]


def noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return rng_for(0, "noise", *shape[:2]).integers(0, 256, shape, dtype=np.uint8)


def pillow(data: bytes) -> tuple[NDArray[np.uint8], str]:
    with Image.open(BytesIO(data)) as image:
        image.load()
        return np.asarray(image), image.mode


@pytest.mark.parametrize("fmt", ["png", "webp"])
@pytest.mark.parametrize("size", SIZES)
def test_lossless_reads_back_the_same(fmt, size):
    pixels = noise((*size, 3))

    data = encode(pixels, fmt)

    assert np.array_equal(decode(data), pixels)
    assert np.array_equal(pillow(data)[0], pixels)


@pytest.mark.parametrize("size", SIZES)
def test_grey_png_reads_back_the_same(size):
    pixels = noise(size)

    data = encode(pixels)
    seen, mode = pillow(data)

    assert mode == "L"
    assert np.array_equal(seen, pixels)
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), pixels)


@pytest.mark.parametrize("value", [0, 255])
def test_flat_png_reads_back_the_same(value):
    pixels = np.full((300, 200, 3), value, np.uint8)

    data = encode(pixels)

    assert np.array_equal(pillow(data)[0], pixels)
    assert len(data) < 4000


def test_png_takes_pixels_that_are_not_contiguous():
    pixels = noise((40, 60, 3))

    data = encode(pixels[::2, 5:50:3, ::-1])

    assert np.array_equal(decode(data), pixels[::2, 5:50:3, ::-1])


def test_png_is_the_same_file_each_time():
    pixels = noise((64, 64, 3))

    assert encode(pixels) == encode(pixels.copy())


def test_png_of_photos_is_small_and_exact(data):
    photos = islice(sorted((data / "natural" / "kodak").glob("*.png")), 3)
    for path in photos:
        with Image.open(path) as image:
            crop = np.asarray(image.convert("RGB"))[:512, :512]

        ours = encode(crop)

        assert np.array_equal(pillow(ours)[0], crop)
        assert len(ours) < 0.8 * crop.nbytes


def test_jpeg_keeps_full_colour():
    y, x = np.mgrid[0:64, 0:64]
    checks = np.where(((x + y) % 2)[..., None], (220, 40, 40), (40, 40, 220)).astype(np.uint8)

    back = decode(encode(checks, "jpeg")).astype(int)

    assert np.abs(back - checks).mean() < 10  # with colour at half size it is above 60


@pytest.mark.parametrize("fmt", FORMATS)
def test_formats_are_what_they_say(fmt):
    with Image.open(BytesIO(encode(noise((8, 8, 3)), fmt))) as image:
        assert image.format == fmt.upper()


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (5, 5, 4), (5,)])
def test_shapes_that_are_no_image_are_refused(shape):
    with pytest.raises(ValueError, match="pixels are"):
        encode(np.zeros(shape, np.uint8))


def test_floats_are_refused():
    with pytest.raises(ValueError, match="float64"):
        encode(np.zeros((4, 4, 3)))  # type: ignore[arg-type]


def test_unknown_format_is_refused():
    with pytest.raises(ValueError, match="'gif': use one of png, webp, jpeg"):
        encode(noise((4, 4, 3)), "gif")


@pytest.mark.parametrize("data", [b"", b"no image", encode(noise((64, 64, 3)))[:20]])
def test_broken_files_are_refused(data):
    with pytest.raises(ValueError, match="no readable image"):
        decode(data)
