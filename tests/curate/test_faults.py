"""Each odd file gives the right picture, or an error with the fault's name and its details."""

import base64
import pickle
import re
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
SAMPLED_4X2 = (  # smooth(32, 32) by cjpeg -sample 4x2
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5a"
    "YVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAAR"
    "CAAgACADAUIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAABAMF/8QAFxAAAwEAAAAAAAAAAAAAAAAAAAIDYf/EABUBAQEAAAAAAAAAAAAA"
    "AAAAAAUD/8QAGREAAgMBAAAAAAAAAAAAAAAAAAMEBREx/9oADAMBAAIRAxEAPwDFSQhJCEkJSYNJYISQhJCEmLSH4Wr28CpLC6SEJIukw6SL"
    "pIski6SCJr8Dq9vD/9k="
)


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


@pytest.mark.parametrize("fill", [b"\0", b"\xaa"])
def test_a_photo_whose_second_half_was_overwritten_is_not_taken_for_a_padded_one(photo_file: bytes, fill: bytes):
    end, half = photo_file.rfind(END), len(photo_file) // 2

    assert fault_of(photo_file[:half] + fill * (end - half) + photo_file[end:])[0] == "damaged"


def test_what_stands_behind_the_picture_changes_nothing(photo_file: bytes):
    """As with phones that append a second picture, or their own data."""
    end = photo_file.rfind(END)
    trailer = b"gain map" + encoded(blocks(1), "JPEG") + END
    progressive = encoded(blocks(3), "JPEG", progressive=True)
    cut = progressive[: progressive.rfind(SCAN)] + END

    assert np.array_equal(decode(photo_file[:end] + bytes(9) + photo_file[end:] + trailer), decode(photo_file))
    assert fault_of(cut + encoded(blocks(1), "JPEG", progressive=True)) == fault_of(cut)


@pytest.mark.parametrize("reduce", [1, 2])
def test_a_sampling_of_chroma_without_a_name_is_read(reduce: int):
    rgb = decode(base64.b64decode(SAMPLED_4X2), reduce)

    assert rgb.shape == (32 // reduce, 32 // reduce, 3)
    assert np.abs(rgb.astype(int) - smooth(32, 32)[::reduce, ::reduce]).mean() < 6


def test_an_unknown_revision_of_jfif_does_no_harm():
    file = encoded(blocks(3), "JPEG")
    newer = file.replace(b"JFIF\0\1\1", b"JFIF\0\2\1", 1)

    assert newer != file
    assert np.array_equal(decode(newer), decode(file))
    assert fault_of(newer[:9000] + newer[9400:])[0] == "damaged", "its data are looked at all the same"


def test_half_a_profile_and_stray_bytes_in_the_header_do_no_harm():
    file = encoded(blocks(3), "JPEG")
    half = b"\xff\xe2\0\x14ICC_PROFILE\0\1\2data"  # the first of two parts
    at = file.index(b"\xff\xdb")

    assert np.array_equal(decode(file[:at] + half + file[at:]), decode(file))
    assert np.array_equal(decode(file[:at] + b"ab" + file[at:]), decode(file))


def test_a_progressive_jpeg_that_lost_an_earlier_scan():
    file = encoded(blocks(3), "JPEG", progressive=True)
    scans = [match.start() for match in re.finditer(SCAN, file)]
    tables = file.rfind(b"\xff\xc4", 0, scans[2])

    assert fault_of(file[: scans[1]] + file[tables:])[0] in ("damaged", "truncated")


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_of_four_inks_that_is_not_whole(options: dict[str, Any]):
    file = encoded(blocks(3), "JPEG", "CMYK", **options)
    at = file.rfind(SCAN) if options else len(file) // 2

    assert decode(file).shape == blocks(3).shape
    assert fault_of(file[:at] + END)[0] in ("damaged", "truncated")


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
