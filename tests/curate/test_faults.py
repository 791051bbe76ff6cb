"""Each odd file gives the right picture, or an error with the fault's name and its details."""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curate.picture import BadImage, Picture, decode
from curate.scorers import open_scorers
from tests.curate.pictures import black_png, blocks, deep_rgb_png, encoded, smooth, with_orientation

END, SCAN = b"\xff\xd9", b"\xff\xda"


@pytest.fixture(scope="module", params=range(3))
def photo_file(request: pytest.FixtureRequest, data: Path) -> bytes:
    return sorted(data.glob("natural/**/*.jpg"))[request.param].read_bytes()


def fault_of(file: bytes) -> tuple[str, str]:
    with pytest.raises(BadImage) as caught:
        decode(file)
    return caught.value.status, caught.value.cause


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "GIF", "BMP"])
def test_a_truncated_file(fmt: str):
    file = encoded(blocks(3), fmt)

    assert fault_of(file[: len(file) // 2]) == ("truncated", "truncated")


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_jpeg_cut_in_its_scan_and_ended(options: dict[str, Any], share: float):
    file = encoded(blocks(3), "JPEG", **options)

    assert fault_of(file[: int(len(file) * share)] + END) == ("damaged", "damaged: premature end of data segment")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("reduce", [1, 4])
def test_a_photo_whose_scan_lost_a_block_of_bytes(photo_file: bytes, share: float, reduce: int):
    at = int(len(photo_file) * share)

    with pytest.raises(BadImage) as caught:
        decode(photo_file[:at] + photo_file[at + 512 :], reduce)

    assert caught.value.status == "damaged"


@pytest.mark.parametrize("padding", [bytes(1), bytes(9), b"\x20" * 5])
def test_padding_before_the_end_of_a_jpeg_does_no_harm(photo_file: bytes, padding: bytes):
    end = photo_file.rfind(END)

    assert np.array_equal(decode(photo_file[:end] + padding + photo_file[end:]), decode(photo_file))


def test_a_progressive_jpeg_without_its_last_scans():
    file = encoded(blocks(3), "JPEG", progressive=True)

    assert decode(file).shape == blocks(3).shape
    assert fault_of(file[: file.rfind(SCAN)] + END) == ("truncated", "truncated: scans are missing")


def test_a_grey_jpeg_is_whole():
    grey = np.full((90, 110, 3), 128, np.uint8)

    assert np.array_equal(decode(encoded(grey, "JPEG")), grey)


@pytest.mark.parametrize(
    ("file", "status"),
    [
        (b"", "zero bytes"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "not an image"),
        (b"\xff\xd8\xff", "damaged header"),
        (black_png(13_000), "too many pixels"),
        (black_png(30_000, num_rows=1), "too many pixels"),
        (encoded(np.ones((8, 8), np.float32), "TIFF"), "unsupported"),
    ],
    ids=["zero bytes", "html", "header", "13,000 px", "30,000 px", "32 bits"],
)
def test_what_gives_no_picture(file: bytes, status: str):
    assert fault_of(file)[0] == status


def test_a_fault_named_elsewhere_is_counted_by_its_first_words():
    error = BadImage("truncated: its tar ends early")

    assert error.status == "truncated"
    assert pickle.loads(pickle.dumps(BadImage("9 pixels", "too many pixels"))).status == "too many pixels"


def frames(fmt: str) -> bytes:
    pictures = [Image.fromarray(blocks(seed, 96, 80)) for seed in (1, 2, 3)]
    file = BytesIO()
    pictures[0].save(file, fmt, save_all=True, append_images=pictures[1:])
    return file.getvalue()


ODD = {
    "GIF": (frames("GIF"), ("GIF", "P", 3, 96, 80)),
    "APNG": (frames("PNG"), ("PNG", "RGB", 3, 96, 80)),
    "CMYK": (encoded(smooth(96, 80), "JPEG", "CMYK"), ("JPEG", "CMYK", 1, 96, 80)),
    "alpha": (encoded(smooth(96, 80), "PNG", "RGBA"), ("PNG", "RGBA", 1, 96, 80)),
    "16 bits": (encoded(np.full((80, 96), 999, np.uint16), "PNG"), ("PNG", "I;16", 1, 96, 80)),
    "16 bits RGB": (deep_rgb_png(np.full((80, 96, 3), 999, np.uint16)), ("PNG", "RGB", 1, 96, 80)),
    "palette": (encoded(blocks(2, 96, 80), "PNG", "P"), ("PNG", "P", 1, 96, 80)),
    "turned": (with_orientation(smooth(96, 80), "JPEG", 6), ("JPEG", "RGB", 1, 80, 96)),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_files_are_scored_like_any_other(kind: str):
    file, expected = ODD[kind]
    sanity, *others = open_scorers(["sanity", "compression", "fingerprint"])
    picture = Picture(file)

    row = sanity([picture]).to_pylist()[0]
    rows = [scorer([picture]).num_rows for scorer in others]

    assert tuple(row[name] for name in ("format", "mode", "num_frames", "width_px", "height_px")) == expected
    assert picture.rgb.shape == (expected[4], expected[3], 3)
    assert rows == [1, 1]
