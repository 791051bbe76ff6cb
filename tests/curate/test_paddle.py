"""The real PaddleOCR reads a page, on model folders made from the files in rapidocr's wheel."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from curate.ocr import OcrEngine, cut_line, open_engine
from curate.paddle import PaddleOcr, build_models
from tests.curate.test_ocr import TEXT, page

pytest.importorskip("paddleocr", reason="paddleocr is not installed: it is the extra `paddle`")
pytest.importorskip("rapidocr")
pytestmark = pytest.mark.filterwarnings("ignore")  # what the package itself warns of as it is imported


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    build_models(folder)
    return folder


@pytest.fixture(scope="module")
def engine(models: Path) -> OcrEngine:
    return open_engine("paddleocr", models=str(models), min_side_px=736)


def test_a_page_is_read_line_by_line(engine: OcrEngine):
    lines = engine.read(page())

    assert " ".join(text for _, text, _ in lines) == TEXT
    assert all(quad.shape == (4, 2) and confidence > 0.8 for quad, _, confidence in lines)
    assert 20 < lines[0][0][:, 1].mean() < 60


def test_found_lines_can_be_cut_and_read_apart(engine: OcrEngine):
    rgb = page()

    quads = engine.detect(rgb)
    read = engine.recognise([cut_line(rgb, quad) for quad in quads])

    assert quads.dtype == np.float32
    assert quads.shape == (len(read), 4, 2)
    assert " ".join(text for text, _ in read) == TEXT


def test_it_finds_what_rapidocr_finds(engine: OcrEngine):
    mine, other = (covered(some.detect(page())) for some in (engine, open_engine(min_side_px=736)))

    assert (mine & other).sum() > 0.8 * (mine | other).sum()  # a line may be one box or two


def covered(quads):
    """The pixels of the page that lie in boxes."""
    blank = np.array(page()[..., 0] * 0)
    return cv2.fillPoly(blank, list(quads.round().astype(np.int32)), (1.0,)) > 0


def test_an_empty_page_and_an_empty_list_give_nothing(engine: OcrEngine):
    blank = np.full((100, 100, 3), 200, np.uint8)

    assert engine.detect(blank).shape == (0, 4, 2)
    assert engine.read(blank) == []
    assert engine.recognise([]) == []


def test_the_version_names_package_and_models(engine: OcrEngine):
    assert engine.version.startswith("paddleocr 3.")
    assert engine.version.count("PP-OCR") == 2


@pytest.mark.parametrize("models", ["", "/nowhere"])
def test_missing_models_are_named_with_the_remedy(models: str):
    with pytest.raises(ValueError, match=r"no det/inference\.onnx.*build_models"):
        PaddleOcr(models)
