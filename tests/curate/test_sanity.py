"""Header fields and simple statistics of the luma."""

from typing import Any

import numpy as np
import pytest

from curate.picture import Picture
from curate.sanity import SCHEMA, SizeAndSanity
from tests.curate.pictures import blocks, encoded, with_orientation


def row_of(file: bytes) -> dict[str, Any]:
    return SizeAndSanity()([Picture(file)]).to_pylist()[0]


def test_every_column_says_what_it_is():
    assert all(field.metadata[b"about"] for field in SCHEMA)


def test_the_header_is_reported():
    file = encoded(blocks(1, 320, 200), "PNG", "RGBA")

    row = row_of(file)

    assert (row["width_px"], row["height_px"], row["num_bytes"]) == (320, 200, len(file))
    assert (row["format"], row["mode"], row["num_frames"]) == ("PNG", "RGBA", 1)
    assert row["aspect"] == pytest.approx(1.6)
    assert row["bits_per_pixel"] == pytest.approx(8 * len(file) / 64_000)


def test_a_picture_on_its_side_is_measured_as_seen():
    row = row_of(with_orientation(blocks(1, 320, 200), "JPEG", 6))

    assert (row["width_px"], row["height_px"]) == (200, 320)


def test_entropy_goes_from_one_level_to_all():
    levels = np.arange(256, dtype=np.uint8).repeat(16).reshape(64, 64)
    flat = np.full((64, 64), 7, np.uint8)

    assert row_of(encoded(levels, "PNG"))["entropy_bits"] == pytest.approx(8)
    assert row_of(encoded(flat, "PNG"))["entropy_bits"] == 0


def test_dark_light_and_flat_are_shares():
    grey = np.zeros((64, 80), np.uint8)
    grey[:, :40] = 255
    grey[:32, 40:] = np.random.default_rng(0).integers(60, 200, (32, 40))

    row = row_of(encoded(grey, "PNG"))

    assert row["light_share"] == pytest.approx(0.5)
    assert row["dark_share"] == pytest.approx(0.25)
    assert row["flat_share"] == pytest.approx(0.75)


@pytest.mark.parametrize("fmt", ["PNG", "JPEG"])
def test_bars_are_found_on_every_side(fmt: str):
    framed = np.zeros((280, 400, 3), np.uint8)
    framed[40:248, 32:] = blocks(2, 368, 208)

    row = row_of(encoded(framed, fmt))

    assert row["border_share"] == pytest.approx(1 - 208 * 368 / (280 * 400), abs=0.01)


def test_a_picture_without_bars_has_none():
    assert row_of(encoded(blocks(3), "PNG"))["border_share"] == 0


def test_one_colour_is_all_border():
    row = row_of(encoded(np.full((50, 60), 200, np.uint8), "PNG"))

    assert row["border_share"] == 1
    assert row["flat_share"] == 1


def test_one_pixel_is_measured():
    assert row_of(encoded(np.zeros((1, 1), np.uint8), "PNG"))["dark_share"] == 1
