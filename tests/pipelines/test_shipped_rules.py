"""The rules that come along, on real photographs of lenses out of focus and hands that shook."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq

from tests.pipelines.curation import curate

SCORERS = ("--scorers", "sanity", "compression", "sharpness")
BLURRED = {
    "kwentar/106_nikon-d3400-35mm_f.jpg": "clarity under 0.5",
    "kwentar/106_nikon-d3400-35mm_m.jpg": "motion over 0.95",
    "kwentar/176_honor-7x_f.jpg": "blur over 2 where sharp_share < 0.05",
    "kwentar/180_honor-10_f.jpg": "clarity under 0.5",
    "camera/canon-powershot-s330.jpg": "blur over 2 where sharp_share < 0.05",
}
SHARP = ("kwentar/106_nikon-d3400-35mm_s.jpg", "kwentar/176_honor-7x_s.jpg", "kwentar/180_honor-10_s.jpg")


def test_general_drops_real_blur_that_clarity_alone_would_keep(data: Path, tmp_path: Path):
    for name in (*BLURRED, *SHARP):
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copy(data / "blur" / name, tmp_path / "photos" / name.replace("/", "_"))
    out = tmp_path / "out"
    assert curate("score", out, tmp_path / "photos", *SCORERS) == 0
    assert curate("select", out, None, "--rules", "general") == 0
    rows = pq.read_table(out / "selections/general/rows.parquet").to_pylist()
    found = {row["id"].partition("/")[2]: row["reason"] for row in rows}
    wanted = BLURRED | dict.fromkeys(SHARP)
    assert found == {name.replace("/", "_"): reason for name, reason in wanted.items()}
