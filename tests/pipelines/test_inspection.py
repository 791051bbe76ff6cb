import re
from pathlib import Path

import numpy as np
import pytest

from pipelines.rendered.inspection import choose, inspect, part
from tests.pipelines.rendered import NUM_IMAGES, copy_of, rendered


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the dataset with its report, nothing read back."""
    copy = copy_of(rendered(), tmp_path_factory.mktemp("inspected"))
    inspect(str(copy), num_images=2, num_ocr_images=0)
    return copy


def test_writes_one_page_into_the_dataset(folder):
    html = (folder / "report.html").read_text("utf-8")

    assert html.startswith("<!DOCTYPE html>")
    for title in (
        "Contact sheet",
        "Distributions",
        "Characters",
        "Rejects, faults and photos",
        "Read back by OCR",
    ):
        assert f"<h2>{title}</h2>" in html
    assert f"{NUM_IMAGES} images rendered by Smallprint" in html


def test_shows_each_band_at_native_pixels_and_enlarged(folder):
    html = (folder / "report.html").read_text("utf-8")
    sizes = re.findall(r'<img src="[^"]*" width="(\d+)"\s+height="(\d+)"', html)

    assert re.findall(r"Band ([\d-]+) px", html) == ["5-7", "7-10", "10-14", "14-20"]
    assert sizes.count(("192", "192")) == 8
    assert sizes.count(("510", "120")) == 8


def test_counts_what_there_is(folder):
    html = (folder / "report.html").read_text("utf-8")

    for title in (
        "Em size, px",
        "Ink height, px",
        "Contrast, APCA Lc",
        "Ink density",
        "Layouts",
        "Faces",
    ):
        assert title in html
    for text in ("GB2312 level 1", "3,755", "GB2312 level 2", "3,008", "Photos by verdict", "<td>ok</td>"):
        assert text in html


def test_does_not_need_a_finished_run(tmp_path):
    folder = copy_of(rendered(), tmp_path)
    (folder / "summary.json").unlink()
    (folder / "manifest/000001.json").unlink()
    path = inspect(str(folder), num_images=1, num_ocr_images=0)

    assert path == f"{folder}/report.html"
    assert "The run is not finished" in (folder / "report.html").read_text("utf-8")
    assert "8 images rendered" in (folder / "report.html").read_text("utf-8")


def test_bears_the_name_of_the_folder_it_is_called_in(tmp_path, monkeypatch):
    copy = copy_of(rendered(), tmp_path)
    monkeypatch.chdir(copy)

    assert inspect(".", num_images=1, num_ocr_images=0) == f"{copy}/report.html"
    assert f"<title>{copy.name}</title>" in (copy / "report.html").read_text("utf-8")


def test_chooses_languages_layouts_and_photos_in_turn():
    keys = {
        n: {"band": "5-7", "language": "en" if n < 6 else "zh", "layout": f"l{n % 3}", "source": f"p{n // 3}"}
        for n in range(9)
    }
    keys[20] = {"band": "14-20", "language": "en", "layout": "l0", "source": ""}
    chosen = choose(keys, 4)

    assert chosen == {"5-7": [0, 7, 5, 6], "14-20": [20]}


@pytest.mark.parametrize(
    ("corner", "first", "shape"),
    [((2, 3), (3, 2), (40, 30)), ((-5, 99), (60, 0), (40, 30)), ((60.7, 10.2), (10, 50), (40, 30))],
)
def test_cuts_a_part_without_leaving_the_picture(corner, first, shape):
    rgb = np.arange(100 * 80 * 3, dtype=np.uint8).reshape(100, 80, 3)
    y, x = first

    assert np.array_equal(part(rgb, np.array(corner), (30, 40)), rgb[y : y + shape[0], x : x + shape[1]])


def test_keeps_a_picture_smaller_than_the_part():
    rgb = np.zeros((20, 10, 3), np.uint8)

    assert part(rgb, np.array([5, 5]), (512, 512)).shape == (20, 10, 3)
