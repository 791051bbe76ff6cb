"""What enlarging and shaking leave in a picture, whatever it shows: the comb of resampling and the dips of a blur."""

import cv2
import numpy as np
import pytest

from curate.cepstrum import FIRST_PX, NAMES, dips
from curate.damage import DAMAGES
from curate.resampling import COMB_NAMES, comb, profiles
from curate.spectrum import mean_log, powers
from curate.tiles import choose_tiles

OUTSTANDING = 3.0  # logarithm of a peak over its background; noise alone stays under it


@pytest.fixture(scope="module")
def texture():
    """Noise that falls off as photos do, 800 x 640 px, and as RGB."""
    rng = np.random.default_rng(3)
    height, width = 640, 800
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / (radius + 0.01)
    grey = np.fft.irfft2(spectrum, (height, width))
    levels = np.clip(np.rint(128 + 45 * grey / grey.std()), 0, 255).astype(np.uint8)
    return np.repeat(levels[:, :, None], 3, axis=2)


def combed(rgb) -> dict[str, float]:
    return comb(*profiles(np.ascontiguousarray(rgb[:, :, 0])))


def dipped(rgb) -> dict[str, float]:
    grey = np.ascontiguousarray(rgb[:, :, 0])
    return dips(mean_log(powers(grey, choose_tiles(grey).top_left)))


def enlarged(rgb, factor: float, way: int):
    small = cv2.resize(rgb, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, rgb.shape[1::-1], interpolation=way)


def sharpened(rgb):
    return cv2.addWeighted(rgb, 2, cv2.GaussianBlur(rgb, (0, 0), 1.2), -1, 0)


@pytest.mark.parametrize("way", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
@pytest.mark.parametrize(("factor", "name"), [(1.5, "comb_1"), (2.2, "comb_2"), (3, "comb_1")])
def test_enlarging_leaves_its_period_and_sharpening_does_not_remove_it(texture, factor, way, name):
    large = enlarged(texture, factor, way)
    plain = combed(texture)

    assert max(plain[f"comb_{i}"] for i in range(3)) < OUTSTANDING
    assert combed(large)[name] > OUTSTANDING
    assert combed(sharpened(large))[name] > OUTSTANDING


def test_doubling_shows_at_a_half(texture):
    assert combed(texture)["comb_half"] < OUTSTANDING < combed(enlarged(texture, 2, cv2.INTER_LINEAR))["comb_half"]


def test_a_blur_has_no_period_and_the_blocks_of_jpeg_count_apart(texture):
    blurred = combed(DAMAGES["gaussian"](texture, 1.2, np.random.default_rng(1)))
    stored = combed(DAMAGES["jpeg"](texture, 20, np.random.default_rng(1)))

    assert max(blurred[f"comb_{i}"] for i in range(3)) < OUTSTANDING
    assert max(stored[f"comb_{i}"] for i in range(3)) < OUTSTANDING
    assert stored["comb_grid"] > OUTSTANDING


def test_a_shake_leaves_a_dip_as_far_out_as_it_is_long(texture):
    plain = dipped(texture)
    for length_px in (9, 17):
        shaken = dipped(DAMAGES["motion"](texture, length_px, np.random.default_rng(4)))

        assert shaken["dip_line"] > plain["dip_line"] + 0.7
        assert np.exp(shaken["dip_line_px"]) == pytest.approx(length_px, abs=1.5)


def test_a_disc_leaves_a_dip_all_around_and_a_gaussian_none(texture):
    disc = dipped(DAMAGES["defocus"](texture, 5, np.random.default_rng(1)))
    soft = dipped(DAMAGES["gaussian"](texture, 2, np.random.default_rng(1)))

    assert disc["dip_ring"] > max(soft["dip_ring"], dipped(texture)["dip_ring"]) + 0.5
    assert soft["dip_line"] < dipped(texture)["dip_line"] + 0.5


@pytest.mark.parametrize("shape", [(64, 64), (64, 900), (131, 65)])
@pytest.mark.parametrize("level", [0, 200])
def test_flat_and_small_pictures_have_numbers_too(shape, level):
    flat = np.full((*shape, 3), level, np.uint8)

    assert list(combed(flat)) == list(COMB_NAMES)
    assert list(dipped(flat)) == list(NAMES)
    assert np.isfinite(list(combed(flat).values())).all()
    assert np.isfinite(list(dipped(flat).values())).all()
    assert np.exp(dipped(flat)["dip_line_px"]) >= FIRST_PX - 1e-6
