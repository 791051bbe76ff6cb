"""evaluate.py compare: several evaluations in one table, plot and correlation; what cannot be compared."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.train.evaluations import page, run, write
from train.evaluation.evaluating import main


def expected_correlation(a: list[float], b: list[float]) -> float | None:
    """scipy's, with four decimals; None where one of the two is constant."""
    stats = pytest.importorskip("scipy.stats")
    if len(set(a)) == 1 or len(set(b)) == 1:
        return None
    return round(float(stats.spearmanr(a, b).statistic), 4)


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    """Three evaluations of the same originals, read as well."""
    pytest.importorskip("rapidocr")
    for number in range(3):
        write(tmp_path / "gt", f"{number}.png", page(number, scale=0.4))
    for name in ("identity", "bicubic-x4", "jpeg-q10"):
        run(tmp_path, "--reference", name, out=name, metrics="psnr ssim ned")
    return tmp_path


def test_evaluations_are_compared_in_one_table_and_plot(compared: Path, capsys: pytest.CaptureFixture[str]):
    folders = [str(compared / name) for name in ("identity", "bicubic-x4", "jpeg-q10")]

    assert main(["compare", *folders, "--out", str(compared / "all")]) == 0

    content = json.loads((compared / "all" / "comparison.json").read_bytes())
    assert list(content["evaluations"]) == ["identity", "bicubic-x4", "jpeg-q10"]
    assert content["evaluations"]["identity"]["NED"] == 1.0
    assert content["evaluations"]["identity"]["PSNR"] == 80.0
    figures = list(content["evaluations"].values())
    neds, psnrs = ([figure[name] for figure in figures] for name in ("NED", "PSNR"))
    assert content["rank_correlation_with_NED"]["over_evaluations"]["PSNR"] == expected_correlation(neds, psnrs)
    html = (compared / "all" / "report.html").read_text()
    assert "bicubic-x4" in html
    assert "NED over PSNR, dB" in html
    assert np.array(Image.open(compared / "all" / "side_by_side.png")).shape[1] > 4 * 256

    same = [folders[0], folders[0]]
    assert main(["compare", *same, "--out", str(compared / "all")]) == 1
    assert "two evaluations are called 'identity'" in capsys.readouterr().err
    write(compared / "gt", "0.png", page(8))
    run(compared, "--reference", "jpeg-q30", out="later")
    assert main(["compare", folders[0], str(compared / "later"), "--out", str(compared / "all")]) == 1
    assert "was measured with other originals" in capsys.readouterr().err
    (compared / "later" / "per_image.json").write_text('{"rows": [{}]}')
    assert main(["compare", folders[0], str(compared / "later"), "--out", str(compared / "all")]) == 1
    assert "per_image.json is damaged" in capsys.readouterr().err
    assert main(["compare", folders[0], "--out", str(compared / "all")]) == 1
    assert "name at least two folders" in capsys.readouterr().err
