"""Crops of encoded images: exact where nothing is resized, of the sort that was asked for, broken files told."""

import io
from contextlib import suppress

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.shards.codec import encode, write_png
from pipelines.shards.seeds import rng_for
from tests.curate.pictures import black_png, with_orientation
from tests.train.shards import PHOTOS, noise, photo
from train.feeding.crops import BadImage, Cut, Unfit, crop, decode, header_size
from train.feeding.png import window

PIXELS = rng_for(0, "crops", 0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
SMOOTH = cv2.resize(PIXELS[:6, :8], (128, 96), interpolation=cv2.INTER_CUBIC)


def cut(size=(32, 64), down=0.5, right=0.5, **values) -> Cut:
    return Cut(**({"size": size, "native": True, "down": down, "right": right, "mirrored": False} | values))


def pillow(pixels, fmt="PNG", mode="RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, fmt, **options)
    return file.getvalue()


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., 0], SMOOTH], ids=["rgb", "grey", "smooth"])
def test_a_window_of_our_png_is_that_of_the_whole(pixels):
    data = write_png(pixels)
    rgb = decode(data)
    for top, left, size in (
        (0, 0, (96, 128)),
        (0, 0, (1, 1)),
        (64, 64, (32, 64)),
        (13, 1, (32, 32)),
        (95, 127, (1, 1)),
    ):
        part = window(data, top, left, size)

        assert np.array_equal(part, rgb[top : top + size[0], left : left + size[1]])


@pytest.mark.parametrize(
    "data",
    [
        pillow(SMOOTH),  # other filters
        pillow(PIXELS, mode="P"),
        pillow(PIXELS, mode="RGBA"),
        write_png(PIXELS)[:-1],
        write_png(PIXELS).replace(b"IDAT", b"JDAT"),
        write_png(PIXELS)[:900] + b"\x00" + write_png(PIXELS)[901:],
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["filters", "palette", "alpha", "cut", "no data", "damaged", "signature alone"],
)
def test_a_window_of_another_png_is_left_to_a_general_reader(data):
    assert window(data, 0, 0, (32, 64)) is None


@pytest.mark.parametrize("fmt", ["png", "webp"])
def test_native_crops_are_the_image_s_own_pixels(fmt):
    data = encode(PIXELS, fmt)
    for down, right, top, left in ((0, 0, 0, 0), (0.5, 0.5, 32, 32), (0.999999, 0.999999, 64, 64)):
        found = crop(data, cut(down=down, right=right))
        mirrored = crop(data, cut(down=down, right=right, mirrored=True))

        assert np.array_equal(found, PIXELS[top : top + 32, left : left + 64])
        assert np.array_equal(mirrored, found[:, ::-1])


def test_pngs_of_others_are_cut_alike():
    assert np.array_equal(crop(pillow(SMOOTH), cut()), crop(write_png(SMOOTH), cut()))


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png"])  # both hold a profile that libpng warns about
def test_a_colour_profile_is_left_alone_in_silence(name, capfd):
    data = (PHOTOS / name).read_bytes()
    found = decode(data)

    assert capfd.readouterr().err == ""
    assert np.array_equal(found, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1])
    assert "iCCP" in capfd.readouterr().err  # OpenCV's


def test_resized_crops_cover_and_a_jpeg_read_smaller_looks_the_same():
    whole = cv2.resize(decode((PHOTOS / "coffee.png").read_bytes()), (2400, 1600), interpolation=cv2.INTER_CUBIC)
    jpeg = pillow(whole, "JPEG", quality=95)
    for size, covering in (((128, 128), (192, 128)), ((96, 160), (160, 107)), ((160, 96), (240, 160))):
        found = crop(jpeg, cut(size=size, native=False, down=0, right=0))
        expected = cv2.resize(decode(jpeg), covering, interpolation=cv2.INTER_AREA)[: size[0], : size[1]]

        assert found.shape == (*size, 3)
        assert np.abs(found.astype(int) - expected).mean() < 1


def test_an_image_is_never_enlarged():
    with pytest.raises(BadImage, match=r"128x96 px: smaller than a crop of 64x128"):
        crop(write_png(PIXELS), cut(size=(128, 64), native=False))
    with pytest.raises(BadImage, match=r"128x96 px: smaller than a crop of 160x32"):
        crop(write_png(PIXELS), cut(size=(32, 160)))


def test_a_picture_is_taken_as_it_is_seen():
    deep = io.BytesIO()
    Image.fromarray(PIXELS[..., 0].astype("uint16") * 257).save(deep, "PNG")
    clear = np.dstack([PIXELS, np.zeros((96, 128), np.uint8)])
    layer = io.BytesIO()
    Image.fromarray(clear).save(layer, "PNG")

    assert decode(with_orientation(SMOOTH, "JPEG", 6)).shape == (128, 96, 3)
    assert np.array_equal(decode(deep.getvalue())[..., 1], PIXELS[..., 0])
    assert (decode(layer.getvalue()) == 255).all()
    assert decode(pillow(SMOOTH, "JPEG", "CMYK")).shape == (96, 128, 3)
    assert np.array_equal(
        decode(pillow(PIXELS, "GIF", "L")), np.array(Image.fromarray(PIXELS).convert("L").convert("RGB"))
    )


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", r"no bytes"),
        (b"<html>", r"no image that can be read"),
        (b"\xff\xd8", r"no image that can be read"),
        (photo(0)[: len(photo(0)) // 2], r"truncated"),
        (photo(0)[:9000] + photo(0)[9400:], r"damaged: "),
        (photo(0)[:9000] + photo(0)[-2:], r"damaged: premature end"),
        (pillow(SMOOTH, "JPEG", "CMYK")[:-400] + b"\xff\xd9", r"damaged: "),
        (noise(0, 96)[:-30], r"truncated"),
        (pillow(SMOOTH)[:-30], r"truncated"),
        (noise(0, 96)[:900] + b"??" + noise(0, 96)[902:], r"damaged"),
        (encode(PIXELS, "webp")[:3000], r"damaged or cut short|no image"),
        (black_png(13_000, 1_000), r"13000x13000 px: over the 128000000 pixels allowed"),
        (pillow(np.zeros((12_000, 12_000, 3), np.uint8), "GIF", "L"), r"over the 128000000 pixels allowed"),
    ],
    ids=[
        "empty",
        "page",
        "start",
        "jpeg",
        "lost",
        "ended",
        "four inks",
        "png",
        "other png",
        "bytes",
        "webp",
        "png bomb",
        "gif bomb",
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_what_is_broken_is_told(data, cause, native):
    with pytest.raises(BadImage, match=cause):
        crop(data, cut(native=native))


def test_an_image_that_is_too_small_is_told_from_its_header():
    with pytest.raises(Unfit, match="128x96 px: smaller than a crop of 160x32"):
        crop(pillow(SMOOTH, "JPEG")[:-400], cut((32, 160)))


def test_damaged_exif_is_no_end():
    data = with_orientation(SMOOTH, "WEBP", 6)
    at = data.index(b"EXIF") + 8
    shapes = set()
    for place in range(at, at + 26):
        for value in (0, 255):
            with suppress(BadImage):
                shapes.add(crop(data[:place] + bytes([value]) + data[place + 1 :], cut()).shape)

    assert shapes == {(32, 64, 3)}, "some are read, those that are not are told"


def test_the_header_alone_tells_the_size():
    assert header_size(write_png(PIXELS)) == header_size(pillow(PIXELS, "JPEG")) == (128, 96)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_header_tells_the_size_as_an_image_is_seen(kind, orientation):
    data = with_orientation(SMOOTH, kind, orientation)
    height_px, width_px = decode(data).shape[:2]

    assert header_size(data) == (width_px, height_px) == ((96, 128) if orientation > 4 else (128, 96))
    for native in (True, False):
        assert crop(data, cut((height_px, width_px), native=native)).shape == (height_px, width_px, 3)
        with pytest.raises(Unfit):
            crop(data, cut((height_px + 1, width_px), native=native))


def test_an_orientation_behind_the_pixels_counts_too():
    data = with_orientation(SMOOTH, "PNG", 6)
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    late = data[:start] + data[end:-12] + data[start:end] + data[-12:]

    assert header_size(late) == decode(late).shape[1::-1] == (96, 128)


def test_places_are_drawn_over_all_of_the_room():
    cuts = [Cut.draw(rng_for(0, "crop", 0, 0, number), (32, 32), native=True, mirror=True) for number in range(400)]

    assert np.mean([one.mirrored for one in cuts]) == pytest.approx(0.5, abs=0.08)
    assert min(one.down for one in cuts) < 0.02
    assert max(one.right for one in cuts) > 0.98
    assert not Cut.draw(rng_for(0, "crop", 0, 0, 0), (32, 32), native=True, mirror=False).mirrored
