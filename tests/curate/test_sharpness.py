"""The sharpness columns on real photos, their damaged copies, and pictures whose answer is known."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from curate.damage import DAMAGES
from curate.fusion import Net, shipped_nets
from curate.noise import noise_and_grain
from curate.picture import Picture
from curate.sharpness import COLUMNS, Sharpness
from curate.spectrum import log_spectra, powers
from curate.tilefeatures import features, measure, subject_features
from curate.tiles import TILE_PX, choose_tiles
from tests.curate.pictures import blocks, encoded

PHOTOS = ("kodak/kodim08.png", "kodak/kodim13.png", "kodak/kodim19.png", "kodak/kodim23.png")
BLURS = (("gaussian", 2), ("defocus", 4), ("motion", 21), ("upscale", 4), ("blur_noise", 2.5))
HARMLESS = (("contrast", 0.5), ("bokeh", 8), ("noise", 5), ("jpeg", 80))


@cache
def scorer() -> Sharpness:
    return Sharpness()


def row(rgb) -> dict[str, float | None]:
    """The columns of one picture's pixels."""
    return {name: values[0] for name, values in scorer()([Picture(encoded(rgb, "PNG"))]).to_pydict().items()}


def damaged(rgb, name: str, strength: float):
    return DAMAGES[name](rgb, strength, np.random.default_rng(5))


def step(sigma_px: float):
    """Slanted black and white stripes, blurred."""
    y, x = np.mgrid[:512, :512]
    stripes = ((x * np.cos(0.3) + y * np.sin(0.3)) // 50 % 2).astype(np.float32)
    both = np.where(x < 256, stripes, stripes.T) * 160 + 40  # two directions
    fine = cv2.GaussianBlur(both, (0, 0), sigma_px) if sigma_px else both
    return np.repeat(np.rint(fine).astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.fixture(params=PHOTOS)
def photo(request, data: Path):
    return Picture((data / "natural" / request.param).read_bytes()).rgb


def test_a_row_a_picture_with_columns_that_say_what_they_are():
    pictures = [Picture(encoded(blocks(seed), "PNG")) for seed in (1, 2, 3)]
    batch = scorer()(pictures)

    assert batch.schema.equals(scorer().schema, check_metadata=True)
    assert batch.schema.names == list(COLUMNS)
    assert batch.num_rows == 3
    assert all(len(field.metadata[b"about"]) > 40 for field in batch.schema)
    assert batch.equals(scorer()(pictures))
    assert scorer()([]).num_rows == 0


@pytest.mark.parametrize("shape", [(1, 1), (63, 400), (400, 63)])
def test_too_small_for_a_tile_is_null(shape):
    assert set(row(np.zeros((*shape, 3), np.uint8)).values()) == {None}


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_edges_to_be_blurred(level):
    flat = row(np.full((200, 300, 3), level, np.uint8))

    assert flat["blur"] is None
    assert flat["sharp_share"] is None
    assert flat["noise_sigma"] == 0
    assert 0 <= flat["clarity"] <= 1


def test_clarity_keeps_good_photos_and_finds_blur(photo):
    kept = [row(photo)["clarity"], *(row(damaged(photo, *how))["clarity"] for how in HARMLESS)]
    blurred = [row(damaged(photo, *how))["clarity"] for how in BLURS]

    assert min(kept) > 0.5
    assert max(blurred) < 0.5


def test_noise_does_not_make_a_blurred_photo_sharp(photo):
    blurred, noisy = row(damaged(photo, "gaussian", 2)), row(damaged(photo, "blur_noise", 2))

    assert noisy["clarity"] < row(photo)["clarity"] - 0.4
    assert noisy["blur"] == pytest.approx(blurred["blur"], rel=0.35)


def test_each_fault_raises_its_own_column(photo):
    good = row(photo)

    assert row(damaged(photo, "defocused_subject", 6))["subject"] < 0.5 < good["subject"]
    assert row(damaged(photo, "motion", 21))["motion"] > 0.5 > good["motion"]
    assert row(damaged(photo, "upscale", 2))["upscale"] > 0.5 > good["upscale"]
    assert row(damaged(photo, "noise", 10))["noise_sigma"] > good["noise_sigma"] + 3


def test_a_sharp_subject_leaves_some_tiles_sharp(photo):
    good, soft = row(photo)["sharp_share"], row(damaged(photo, "gaussian", 3))["sharp_share"]

    assert soft < row(damaged(photo, "bokeh", 10))["sharp_share"] < good


@pytest.mark.parametrize("sigma_px", [1, 1.5, 2.5, 4])
def test_blur_is_the_width_of_a_step(sigma_px):
    assert row(step(sigma_px))["blur"] == pytest.approx(sigma_px, rel=0.15)


@pytest.mark.parametrize("scene", ["106_nikon-d3400-35mm", "176_honor-7x", "180_honor-10"])
def test_real_twins_out_of_focus_and_shaken_come_after_the_sharp_one(scene, data: Path):
    kinds = {}
    for kind in "sfm":
        picture = Picture((data / "blur/kwentar" / f"{scene}_{kind}.jpg").read_bytes())
        kinds[kind] = scorer()([picture]).column("clarity")[0].as_py()

    assert kinds["s"] > max(kinds["f"], kinds["m"])


def test_white_noise_has_its_power_in_every_band_and_a_grain_of_one():
    grey = np.clip(np.rint(np.random.default_rng(2).normal(128, 12, (640, 640))), 0, 255).astype(np.uint8)
    spectra = log_spectra(powers(grey, choose_tiles(grey).top_left))
    noise, grain = noise_and_grain(grey)
    _, coarse = noise_and_grain(cv2.GaussianBlur(grey, (0, 0), 1.5))

    assert np.allclose(spectra[:, :, 2:].mean(axis=0), np.log(144), atol=0.35)
    assert noise == pytest.approx(12, rel=0.1)
    assert grain == pytest.approx(1, abs=0.05)
    assert coarse > 1.5


def test_tiles_are_where_the_detail_is():
    grey = np.full((512, 1024), 90, np.uint8)
    grey[:, 900:964] = blocks(1, 64, 512, block_px=4)[:, :, 0]
    tiles = choose_tiles(grey)
    last_column = tiles.top_left.reshape(8, 8, 2)[:, 7]

    assert len(tiles.top_left) == 64
    assert (tiles.top_left + TILE_PX <= grey.shape).all()
    assert set(last_column[:, 1]) == {896}
    assert tiles.centrality.max() <= 1


@pytest.mark.parametrize("shape", [(64, 64), (64, 700), (131, 65), (1000, 67)])
def test_odd_sizes_are_measured(shape):
    grey = blocks(4, shape[1], shape[0])[:, :, 0]
    tiles = choose_tiles(grey)

    assert (tiles.top_left >= 0).all()
    assert (tiles.top_left + TILE_PX <= grey.shape).all()
    assert np.isfinite(list(features(measure(grey)).values())).all()


def test_shipped_nets_take_the_features_and_survive_their_file():
    measured = measure(blocks(1)[:, :, 0])
    for name, net in shipped_nets().items():
        found = subject_features(measured) if name == "subject" else features(measured)

        assert set(net.names) == set(found)
        assert Net.of_json(net.as_json()).probability(found) == net.probability(found)


def test_a_net_whose_parts_do_not_fit_is_refused():
    net = shipped_nets()["clarity"].as_json()

    with pytest.raises(ValueError, match="refit"):
        Net.of_json({**net, "names": net["names"][1:]})
