"""rapidocr behind the interface: lines found, cut out and read."""

from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from curate.ocr import RapidOcr, cut_line, open_engine

pytest.importorskip("rapidocr")


TEXT = "SMALL PRINT 2024 second line"


@pytest.fixture(scope="module")
def engine() -> RapidOcr:
    return RapidOcr()


def page() -> np.ndarray:
    rgb = np.full((160, 420, 3), 250, np.uint8)
    for text, y in (("SMALL PRINT 2024", 50), ("second line", 120)):
        cv2.putText(rgb, text, (20, y), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (20, 20, 160), 2, cv2.LINE_AA)
    return rgb


def test_a_page_is_read_line_by_line(engine: RapidOcr):
    lines = engine.read(page())

    assert " ".join(text for _, text, _ in lines) == TEXT
    assert all(quad.shape == (4, 2) and confidence > 0.8 for quad, _, confidence in lines)
    assert 20 < lines[0][0][:, 1].mean() < 60


def test_found_lines_can_be_cut_and_read_apart(engine: RapidOcr):
    rgb = page()

    quads = engine.detect(rgb)
    read = engine.recognise([cut_line(rgb, quad) for quad in quads])

    assert quads.shape == (len(read), 4, 2)
    assert quads.dtype == np.float32
    assert " ".join(text for text, _ in read) == TEXT


def test_an_empty_page_and_an_empty_list_give_nothing(engine: RapidOcr):
    blank = np.full((100, 100, 3), 200, np.uint8)

    assert engine.detect(blank).shape == (0, 4, 2)
    assert engine.read(blank) == []
    assert engine.recognise([]) == []


def test_a_standing_line_is_laid_down():
    rgb = np.zeros((100, 100, 3), np.uint8)
    standing = np.array([[10, 5], [30, 5], [30, 95], [10, 95]], np.float32)

    assert cut_line(rgb, standing).shape == (20, 90, 3)


def test_the_engine_names_its_version(engine: RapidOcr):
    assert engine.version.startswith("rapidocr 3.")
    assert "PP-OCRv6_det_small" in engine.version


def test_engines_are_opened_by_name(engine: RapidOcr):
    assert open_engine("rapidocr").version == engine.version
    with pytest.raises(ValueError, match="no OCR engine is called 'tesseract': use rapidocr, paddleocr"):
        open_engine("tesseract")


def test_a_missing_package_or_gpu_is_named_with_the_remedy():
    if find_spec("paddleocr") is None:
        with pytest.raises(ModuleNotFoundError, match="paddleocr is not installed: pip install"):
            open_engine("paddleocr", models="models")
    from onnxruntime import get_available_providers

    if "CUDAExecutionProvider" not in get_available_providers():
        with pytest.raises(ModuleNotFoundError, match="pip install onnxruntime-gpu"):
            open_engine(device="gpu")
    with pytest.raises(ValueError, match="device is 'tpu': use cpu or gpu"):
        open_engine(device="tpu")


def test_a_line_of_a_very_tall_picture_is_cut_as_from_a_small_one():
    rgb = np.zeros((40_000, 60, 3), np.uint8)
    rgb[39_900:39_960] = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    quad = np.array([[5, 39_910.5], [50, 39_912], [50, 39_932], [5, 39_930.5]], np.float32)

    found = cut_line(rgb, quad)

    assert np.array_equal(found, cut_line(rgb[39_800:], quad - np.float32([0, 39_800])))
    assert found.any()
