"""What a run's page says of its time, its command and its held-out images."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.shards.codec import decode, encode
from tests.train.runs import small_run
from train.run_curves import short_count
from train.run_report import command_of, duration, seconds_of, times_of, write_report
from train.run_sheets import columns
from train.samples import GAP_PX, ZOOM

SIDE_PX = 32


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200.0, "3 min 20 s"),
        (3599.9, "1 h 0 min"),
        (18_420.0, "5 h 7 min"),
        (183_600.0, "2 d 3 h"),
    ],
)
def test_a_time_has_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_the_time_of_training_is_that_of_its_steps() -> None:
    steps = [
        {"images": 80, "images_per_s": 8.0, "data_wait": 0.5},
        {"images": 100, "images_per_s": None},  # what is not finite is null
        {"images": 160, "images_per_s": 20.0, "data_wait": None},
    ]

    assert times_of(steps) == [(10.0, 0.5), (3.0, 0.0)]
    assert seconds_of(steps) == 13.0


def test_the_command_is_told_where_it_was_typed() -> None:
    typed = ["train/run.py", "--data", "my photos"]

    assert command_of(typed, {}) == "python train/run.py --data 'my photos'"
    assert command_of(typed, {"LOCAL_WORLD_SIZE": "8"}).startswith("torchrun --nproc-per-node 8 train/run.py ")
    assert command_of(["/usr/bin/ray/default_worker.py"], {}) == ""


def write_sheet(out: Path, num_images: int, originals: list[int], made: int) -> None:
    """A sheet of flat images: originals of these greys, reconstructions of another."""
    tiles = [np.full((2 * SIDE_PX, SIDE_PX, 3), grey, np.uint8) for grey in originals]
    for tile in tiles:
        tile[SIDE_PX:] = made
    gap = np.full((2 * SIDE_PX * ZOOM, GAP_PX, 3), 255, np.uint8)
    parts = [part for tile in tiles for part in (tile.repeat(ZOOM, 0).repeat(ZOOM, 1), gap)][:-1]
    (out / "samples").mkdir(parents=True, exist_ok=True)
    (out / f"samples/{num_images:012d}.png").write_bytes(encode(np.concatenate(parts, axis=1)))


def test_an_original_is_shown_once_above_what_was_made_of_it(tmp_path: Path) -> None:
    for seen in range(0, 1000, 100):
        write_sheet(tmp_path, seen, [10, 20, 30], 100 + seen // 10)
    line = {"kind": "eval", "images": 900, "crops/general": 1.0, "crops/text": 7.0}

    found = columns(tmp_path, [line])

    assert [column[0].caption for column in found] == ["general, original", "text, original", "text, original"]
    assert [[int(decode(one.data).mean()) for one in column] for column in found] == [
        [grey, 100, 130, 160, 190] for grey in (10, 20, 30)
    ]
    assert [one.caption for one in found[1][1:]] == [f"{seen} images seen" for seen in (0, 300, 600, 900)]
    assert {(one.width_px, one.height_px) for column in found for one in column} == {(SIDE_PX, SIDE_PX)}


def test_other_pictures_among_the_sheets_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples/best.png").write_bytes(b"")

    assert columns(tmp_path, []) == []


def test_columns_that_the_log_does_not_explain_have_numbers(tmp_path: Path) -> None:
    write_sheet(tmp_path, 0, [10, 20], 50)

    assert [column[0].caption for column in columns(tmp_path, [])] == ["image 1, original", "image 2, original"]
    assert columns(tmp_path / "none", []) == []


def test_a_mean_of_few_crops_has_a_decimal_less_and_says_of_how_many(run_data: list[str], tmp_path: Path) -> None:
    run = small_run(run_data, tmp_path)
    figures = {"psnr/general": 24.5678, "ssim/general": 0.98765, "crops/general": 5.0}
    few = {"psnr/text": 21.4321, "ssim/text": 0.54321, "crops/text": 4.0}
    (tmp_path / "log.jsonl").write_text(
        str({"kind": "eval", "images": 8} | figures | few).replace("'", '"') + "\n", encoding="utf-8"
    )

    write_report(tmp_path, run)

    page = (tmp_path / "report.html").read_text()
    assert "<dt>PSNR general, dB, 5 crops</dt><dd>24.57</dd>" in page
    assert "<dt>PSNR text, dB, 4 crops</dt><dd>21.4</dd>" in page
    assert "<td>0.988</td>" in page
    assert "<td>0.54</td>" in page
    assert f"data {', '.join(run_data)}" in page, "the paths as they were given"


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (8000, "8,000"), (20_000, "20k"), (2.5e6, "2.5M"), (1e9, "1,000M")]
)
def test_numbers_of_images_are_short_on_an_axis(count: float, shown: str) -> None:
    assert short_count(count) == shown
