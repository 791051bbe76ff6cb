"""Photos serve as backgrounds unless small, blurred or full of text; real photos of each kind."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from curate.ocr import OcrEngine
from curate.picture import Picture
from curate.verdict import Thresholds, Verdict, judge, sharpness, text_finder, text_in
from tests.curate.pictures import blocks, encoded

BLUR_LABELS = {  # what the photographers' own labels say of these files
    "kwentar/106_nikon-d3400-35mm": {"s": "ok", "f": "blurred", "m": "blurred"},
    "kwentar/176_honor-7x": {"s": "ok", "f": "blurred", "m": "blurred"},
    "kwentar/180_honor-10": {"s": "ok", "f": "blurred", "m": "blurred"},
}


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    pytest.importorskip("rapidocr")
    return text_finder()


def verdict_on(path: Path, engine: OcrEngine | None = None) -> Verdict:
    return judge(Picture(path.read_bytes()), Thresholds(), engine)


def test_sharp_photos_pass_and_their_blurred_twins_do_not(data: Path):
    found = {
        stem: {kind: verdict_on(data / "blur" / f"{stem}_{kind}.jpg").verdict for kind in kinds}
        for stem, kinds in BLUR_LABELS.items()
    }

    assert found == BLUR_LABELS


def test_haze_bokeh_and_shallow_focus_are_not_blur(data: Path):
    names = ("gb82/haze.png", "gb82/bulb.png", "gb82/rain.png", "budgie/canyon-wren.jpg", "kodak/kodim03.png")
    for name in names:
        assert verdict_on(data / "natural" / name).verdict == "ok", name


def test_sharpness_ignores_contrast_and_noise(data: Path):
    grey = Picture((data / "natural/kodak/kodim08.png").read_bytes()).grey
    noise = np.random.default_rng(0).normal(0, 5, grey.shape)
    blurred = np.asarray(cv2.GaussianBlur(grey, (0, 0), 2.5), np.uint8)
    noisy = np.clip(blurred + noise, 0, 255).astype(np.uint8)

    assert sharpness(grey) > 2
    assert sharpness(grey // 2 + 60) > 2
    assert sharpness(np.clip(grey + noise, 0, 255).astype(np.uint8)) > 2
    assert sharpness(blurred) < 1.56
    assert sharpness(noisy) < 1.56


def test_motion_in_one_direction_is_blur():
    grey = blocks(5, 800, 800, block_px=20)[..., 1]
    moved = np.asarray(cv2.blur(grey, (13, 1)), np.uint8)

    assert sharpness(grey) > 1.65
    assert sharpness(moved) < 1.56


def test_a_picture_without_edges_has_no_sharpness():
    assert sharpness(np.full((400, 400), 128, np.uint8)) == 0.0
    assert sharpness(np.random.default_rng(0).integers(100, 140, (400, 400), dtype=np.uint8)) == 0.0


def test_a_small_photo_is_measured_no_further():
    found = judge(Picture(encoded(blocks(1, 900, 200), "PNG")), Thresholds(), None)

    assert found == Verdict(verdict="too small", cause="short side 200 px: under 256")


@pytest.mark.parametrize("name", ["gb82/mies.png", "gb82/night.png", "kodak/kodim05.png"])
def test_some_text_in_the_scene_is_found_and_allowed(data: Path, engine: OcrEngine, name: str):
    found = verdict_on(data / "natural" / name, engine)

    assert found.verdict == "ok"
    assert found.text_lines
    assert found.text_fraction


def test_texture_is_not_text(data: Path, engine: OcrEngine):
    for name in ("immich/cyclamen_persicum.jpg", "kodak/kodim01.png", "skimage/coffee.png"):
        rgb = Picture((data / "natural" / name).read_bytes()).rgb
        assert len(engine.detect(rgb))  # the detector takes some of it for text

        assert text_in(rgb, engine) == (0.0, 0), name


def test_document_pages_are_full_of_text(data: Path, engine: OcrEngine):
    pages = sorted((data / "omnidocbench-demo/images").glob("*.jpg"))[::6]
    for page in pages:
        found = verdict_on(page, engine)

        assert found.verdict == "full of text", page.name
        assert found.text_lines
        assert found.text_lines > 4


@pytest.mark.parametrize(
    ("field", "value"),
    [("min_side_px", 0), ("min_sharpness", -1.0), ("max_text_lines", -1), ("max_text_fraction", 1.5)],
)
def test_an_impossible_threshold_is_refused(field: str, value: float):
    with pytest.raises(ValueError, match=f"{field} is {value}: use"):
        Thresholds(**{field: value})  # type: ignore[arg-type]
