"""Every kind of image file becomes RGB, or an error with a stable cause, before too much is decoded."""

import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from curate.picture import BadImage, Limits, Picture, decode, read_header
from tests.curate.pictures import Pixels, black_png, blocks, deep_rgb_png, encoded, smooth, with_orientation


def cause_of(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(BadImage) as caught:
        decode(data, limits=limits or Limits())
    return caught.value.cause


def distance(first: Pixels, second: NDArray[Any]) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


@pytest.mark.parametrize("fmt", ["PNG", "BMP", "TIFF"])
def test_lossless_files_come_back_as_they_were(fmt: str):
    pixels = blocks(1)

    assert np.array_equal(decode(encoded(pixels, fmt)), pixels)


def test_no_scorer_changes_the_pixels_that_the_next_one_sees():
    with pytest.raises(ValueError, match="read-only"):
        Picture(encoded(blocks(1), "PNG")).rgb[0] = 0


@pytest.mark.parametrize(("fmt", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {})])
def test_lossy_files_come_back_about_as_they_were(fmt: str, options: dict[str, Any]):
    pixels = smooth()

    rgb = decode(encoded(pixels, fmt, quality=95, **options))

    assert rgb.shape == pixels.shape
    assert rgb.dtype == np.uint8
    assert distance(rgb, pixels) < 2


def test_a_header_is_read_without_decoding(data: Path):
    file = (data / "natural/camera/cam_blackberry-z10.jpg").read_bytes()  # 3264 x 1836, lying on its side

    header = read_header(file)

    assert (header.format, header.mode, header.num_frames, header.orientation) == ("JPEG", "RGB", 1, 6)
    assert (header.width_px, header.height_px) == (1836, 3264)


def test_photos_decode_as_pillow_decodes_them(data: Path):
    for name in ("camera/cam_blackberry-z10.jpg", "immich/silver_fir.jpg", "gb82/bulb.png"):
        file = (data / "natural" / name).read_bytes()
        expected = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(file))).convert("RGB"))

        picture = Picture(file)

        assert picture.rgb.shape == (picture.header.height_px, picture.header.width_px, 3)
        assert distance(picture.rgb, expected) < 0.5  # two JPEG decoders


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(fmt: str, orientation: int):
    file = with_orientation(smooth(), fmt, orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(file))).convert("RGB"))

    header, rgb = read_header(file), decode(file)

    assert rgb.shape == expected.shape
    assert (header.height_px, header.width_px) == rgb.shape[:2]
    assert distance(rgb, expected) < 1


def test_an_impossible_orientation_and_broken_exif_are_ignored():
    pixels = smooth()
    broken = encoded(pixels, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")

    assert read_header(with_orientation(pixels, "JPEG", 77)).orientation == 1
    assert decode(broken).shape == pixels.shape


def test_grey_files_become_rgb():
    grey = smooth()[:, :, 0]
    for file in (encoded(grey, "PNG"), encoded(grey, "JPEG", quality=95), encoded(grey > 128, "PNG")):
        rgb = decode(file)

        assert rgb.shape == (*grey.shape, 3)
        assert np.array_equal(rgb[..., 0], rgb[..., 2])


def test_a_palette_becomes_rgb():
    pixels = blocks(2, 32, 32)

    rgb = decode(encoded(pixels, "PNG", "P", bits=8))

    assert np.array_equal(rgb, np.asarray(Image.fromarray(pixels).convert("P").convert("RGB")))


def test_sixteen_bits_keep_their_upper_byte():
    deep = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)

    grey, rgb = decode(encoded(deep, "PNG")), decode(deep_rgb_png(np.dstack([deep, deep.T, deep])))

    assert np.array_equal(grey[..., 1], deep >> 8)
    assert np.array_equal(rgb[..., 1], deep.T >> 8)


def test_cmyk_becomes_rgb():
    file = encoded(smooth(), "JPEG", "CMYK", quality=95)

    rgb = decode(file)

    assert read_header(file).mode == "CMYK"
    assert distance(rgb, smooth()) < 3


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(fmt: str):
    layer = np.zeros((20, 20, 4), np.uint8)
    layer[:10] = (10, 20, 30, 255)

    rgb = decode(encoded(layer, fmt, lossless=True))

    assert np.array_equal(rgb[0, 0], (10, 20, 30))
    assert np.array_equal(rgb[-1, -1], (255, 255, 255))


@pytest.mark.parametrize("fmt", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(fmt: str):
    frames = [Image.new("RGB", (16, 12), colour) for colour in ("red", "blue", "green")]
    file = BytesIO()
    frames[0].save(file, fmt, save_all=True, append_images=frames[1:])

    assert read_header(file.getvalue()).num_frames == 3
    assert distance(decode(file.getvalue()), np.asarray(frames[0])) < 3


def test_samples_of_32_bits_are_refused():
    assert cause_of(encoded(np.ones((8, 8), np.float32), "TIFF")) == "32-bit samples (mode F)"


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    ("fmt", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("BMP", {}), ("GIF", {})]
)
def test_a_truncated_file_is_an_error(fmt: str, options: dict[str, Any], share: float):
    file = encoded(blocks(3), fmt, **options)

    assert cause_of(file[: int(len(file) * share)]) == "truncated"


@pytest.mark.parametrize("fmt", ["WEBP", "TIFF", "JPEG", "PNG"])
def test_a_file_cut_in_its_header_is_an_error(fmt: str):
    file = encoded(blocks(3), fmt)

    assert cause_of(file[:40]) in ("truncated or damaged header", "truncated", "damaged")


def test_a_thumbnail_does_not_hide_a_truncated_photo():
    thumbnail = encoded(blocks(1, 40, 30), "JPEG")
    file = encoded(blocks(3), "JPEG", exif=b"Exif\0\0" + thumbnail)  # ends as a JPEG does, inside the header

    assert decode(file).shape == blocks(3).shape
    assert cause_of(file[: len(file) // 2]) == "truncated"


def test_what_follows_a_jpeg_is_ignored():
    assert decode(encoded(blocks(3), "JPEG") + b"trailer of a phone").shape == blocks(3).shape


@pytest.mark.parametrize(
    ("file", "cause"),
    [
        (b"", "zero bytes"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "not an image"),
        (b"\xff\xd8\xff", "truncated or damaged header"),
        (bytes(5000), "not an image"),
    ],
)
def test_what_is_no_image_is_named(file: bytes, cause: str):
    assert cause_of(file) == cause


def test_too_many_pixels_are_refused_from_the_header_alone():
    file = black_png(13_000)
    assert len(file) < 40_000

    tracemalloc.start()
    cause = cause_of(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert cause == "169000000 pixels: over the 64000000 allowed"
    assert peak < 2_000_000


def test_a_header_may_claim_any_size():
    assert cause_of(black_png(30_000, num_rows=1)) == "900000000 pixels: over the 64000000 allowed"


def test_limits_are_settable_and_checked():
    file = encoded(blocks(1), "PNG")

    assert cause_of(file, Limits(max_bytes=100)) == f"{len(file)} bytes: over the 100 allowed"
    assert cause_of(file, Limits(max_pixels=100)) == f"{320 * 280} pixels: over the 100 allowed"
    with pytest.raises(ValueError, match="max_pixels is 0"):
        Limits(max_pixels=0)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG"])
@pytest.mark.parametrize("reduce", [1, 2, 4, 8])
def test_a_reduced_picture_is_the_picture_smaller(fmt: str, reduce: int):
    pixels = smooth(101, 67)
    size = (-(-101 // reduce), -(-67 // reduce))

    rgb = decode(encoded(pixels, fmt), reduce)

    assert rgb.shape == (size[1], size[0], 3)
    assert distance(rgb, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)) < 5


def test_another_reduction_is_refused():
    with pytest.raises(ValueError, match="reduce is 3: use one of 1, 2, 4, 8"):
        decode(encoded(smooth(), "PNG"), 3)
