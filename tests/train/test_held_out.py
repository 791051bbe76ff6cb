"""What is held out, and which part of a page is looked at."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.shards.codec import encode
from pipelines.shards.folder import Folder
from tests.train.shards import pages, photos, write
from train.feeding.corpus import Corpus
from train.feeding.heldout import hold_out, read_held_out
from train.feeding.labels import fullest, line_boxes

SIDE_PX = 64


def page(corner: tuple[int, int]) -> bytes:
    """Grey, with a white square of 64 px at (top, left)."""
    pixels = np.full((256, 192, 3), 128, np.uint8)
    pixels[corner[0] : corner[0] + SIDE_PX, corner[1] : corner[1] + SIDE_PX] = 255
    return encode(pixels)


def quad(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def write_pages(path: Path, lines: object) -> Corpus:
    columns = {"width_px": [192, 192], "height_px": [256, 256], "image": [page((180, 10)), page((96, 64))]}
    pq.write_table(pa.table({"kind": ["synthetic"] * 2, "band": ["7-10"] * 2, **columns, "lines": lines}), path)
    return Corpus.of([str(path.parent)])


def test_a_page_is_cut_where_its_text_is_and_in_the_middle_where_no_label_tells(tmp_path: Path) -> None:
    lines = [[{"text": "a", "quad_px": quad(12, 200 + 10 * row, 72, 208 + 10 * row)} for row in range(4)], []]
    corpus = write_pages(tmp_path / "0.parquet", lines)

    held_out = read_held_out(corpus, np.arange(2), side_px=SIDE_PX, factor=8)

    assert held_out.images[0].shape == (3, SIDE_PX, SIDE_PX)
    assert (held_out.images[0, :, 30:62, 2:62] == 255).all(), "the lines' place"
    assert (held_out.images[1] == 255).all(), "the middle"


def lines_of(*quads: object) -> list[object]:
    return [[{"text": "a", "quad_px": one}] for one in quads]


@pytest.mark.parametrize(
    "lines",
    [
        ["a", "b"],
        [["a"], ["b"]],
        [None, None],
        lines_of([0.0, 0.0, 9.0, 9.0], None),
        lines_of([[0.0, 0.0]] * 5, [[0.0, 0.0]] * 5),
        lines_of("0 0 9 9", "0 0 9 9"),
        lines_of(quad(float("nan"), 0, 1, 1), quad(float("nan"), 0, 1, 1)),
    ],
)
def test_lines_of_another_form_are_no_labels(tmp_path: Path, lines: object) -> None:
    corpus = write_pages(tmp_path / "0.parquet", lines)

    held_out = read_held_out(corpus, np.arange(2), side_px=SIDE_PX, factor=8)

    assert (held_out.images[1] == 255).all()


def test_damaged_labels_leave_the_middle(tmp_path: Path) -> None:
    write_pages(path := tmp_path / "0.parquet", lines_of(quad(0, 0, 9, 9), quad(0, 0, 9, 9)))
    metadata = pq.read_metadata(path)
    columns = [metadata.row_group(0).column(number) for number in range(metadata.num_columns)]
    data = bytearray(path.read_bytes())
    for one in columns:
        if one.path_in_schema.startswith("lines"):
            start = one.dictionary_page_offset or one.data_page_offset
            data[start : start + one.total_compressed_size] = b"\xff" * one.total_compressed_size
    path.write_bytes(data)

    held_out = read_held_out(Corpus.of([str(tmp_path)]), np.arange(2), side_px=SIDE_PX, factor=8)

    assert (held_out.images[1] == 255).all()


def test_a_store_that_fails_once_is_asked_for_labels_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_pages(tmp_path / "0.parquet", lines_of(quad(0, 100, 9, 109), quad(0, 0, 9, 9)))
    opened, whole = [], Folder.open

    def failing(folder: Folder, name: str, *rest: object) -> object:
        opened.append(name)
        if len(opened) == 1:
            raise TimeoutError(110, "the store does not answer")
        return whole(folder, name, *rest)

    monkeypatch.setattr(Folder, "open", failing)
    monkeypatch.setattr("time.sleep", lambda _: None)

    boxes = line_boxes(corpus, [0, 1])

    assert boxes[0].tolist() == [[0, 100, 9, 109]]
    assert boxes[1].tolist() == [[0, 0, 9, 9]]
    assert opened == ["0.parquet"] * 2, "once for all rows of a shard, but for the failure"


def test_the_square_shows_most_characters_not_the_largest() -> None:
    heading = [10, 10, 250, 60]
    body = [[300, 300 + 12 * row, 420, 308 + 12 * row] for row in range(5)]

    top, left = fullest(np.array([heading, *body], np.float64), (512, 512), 128)

    assert left <= 300
    assert left + 128 >= 420
    assert top <= 300
    assert top + 128 >= 356
    assert fullest(np.zeros((0, 4)), (512, 300), 128) == (192, 86)


def test_a_tenth_of_each_kind_that_lies_in_one_shard_is_held_out(tmp_path: Path) -> None:
    folders = [
        write(
            pages(60, side_px=64, shard_rows=60, band=lambda number: "5-7" if number < 8 else "7-10"), tmp_path / "a"
        ),
        write(photos(40, shard_rows=40), tmp_path / "b"),
    ]
    corpus = Corpus.of(folders)

    away, chosen = hold_out(corpus, 3)

    counts = {name: int(corpus.matches(name)[away].sum()) for name in ("synthetic-5-7", "synthetic-7-10", "general")}
    assert counts == {"synthetic-5-7": 1, "synthetic-7-10": 3, "general": 3}
    assert np.array_equal(away, chosen)
