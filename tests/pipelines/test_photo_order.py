"""Accepted photos come in a seeded order, and are read as they are."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.photo_order import FittingOrder, PhotoOrder
from pipelines.photos import PhotoIndex, PhotoReader, build_index
from tests.curate.pictures import blocks, encoded
from tests.pipelines.corpus_files import image_parquet, write


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> PhotoIndex:
    """The index of 12 photos in Parquet row groups of 4, and 4 in a folder."""
    folder = tmp_path_factory.mktemp("grouped")
    photos = [encoded(blocks(i, 264, 260), "PNG") for i in range(16)]
    image_parquet(folder / "corpus/p.parquet", list(photos[:12]), group_rows=4)
    write(folder / "corpus", {f"{i}.png": photo for i, photo in enumerate(photos[12:])})
    build_index(str(folder / "corpus"), str(folder / "index"))
    return PhotoIndex.load(str(folder / "index"))


def test_a_pass_visits_every_photo_once_and_passes_differ(grouped: PhotoIndex):
    order = PhotoOrder(grouped, seed=7)
    passes = [[order.at(16 * which + place) for place in range(16)] for which in range(3)]

    assert all(sorted(numbers) == list(range(16)) for numbers in passes)
    assert passes[0] != passes[1] != passes[2]
    assert passes[1] == [PhotoOrder(grouped, seed=7).at(16 + place) for place in range(16)]
    assert passes[0] != [PhotoOrder(grouped, seed=8).at(place) for place in range(16)]
    assert order.at(3, attempt=2) == order.at(5)


def test_photos_of_a_row_group_come_together_and_shuffled(grouped: PhotoIndex):
    groups = grouped.groups()
    order = PhotoOrder(grouped, seed=1)
    numbers = [order.at(place) for place in range(16 * 40)]

    for start in range(0, len(numbers), 16):
        visited = [int(groups[number]) for number in numbers[start : start + 16]]
        changes = 1 + sum(first != second for first, second in pairwise(visited))
        assert changes == len(set(visited)) == 3 + 4
    assert len({order.at(16 * which) for which in range(400)}) == 16  # any photo may come first
    followers = {numbers[i + 1] for i in range(len(numbers) - 1) if numbers[i] == 4 and i % 16 != 15}
    assert len(followers) > 3


def test_photos_for_a_size_are_spread_evenly_over_those_that_hold_it(tmp_path: Path):
    write(
        tmp_path / "corpus",
        {f"{i:02d}.png": encoded(blocks(i, 300 if i % 4 == 0 else 264, 260), "PNG") for i in range(16)},
    )
    build_index(str(tmp_path / "corpus"), str(tmp_path / "index"))
    index = PhotoIndex.load(str(tmp_path / "index"))
    order, size = FittingOrder(index, seed=1), (280, 200)
    large = {number for number in range(16) if index.photo(number).width_px == 300}
    found = [order.at(position, size) for position in range(16 * 40)]
    counts = Counter(number for number, _ in found)

    assert len(large) == 4
    assert counts.keys() == large
    assert max(counts.values()) < 1.5 * min(counts.values())
    assert [number for number, replaced in found if not replaced] == [
        number for number in (PhotoOrder(index, seed=1).at(place) for place in range(16 * 40)) if number in large
    ]
    with pytest.raises(ValueError, match="is at least 9000 x 1 px"):
        order.at(0, (9000, 1))


def test_a_photo_is_read_as_it_is(grouped: PhotoIndex):
    reader = PhotoReader(grouped)
    by_name = {grouped.photo(number).name.partition("/")[2]: number for number in range(16)}

    assert np.array_equal(reader.read(by_name["p.parquet#5"]), blocks(5, 264, 260))
    assert np.array_equal(reader.read(by_name["2.png"]), blocks(14, 264, 260))
    assert reader.read(by_name["2.png"], reduce=4).shape == (65, 66, 3)


def test_the_last_photos_are_kept_and_cannot_be_spoiled(grouped: PhotoIndex):
    reader = PhotoReader(grouped, num_kept=2)

    first = reader.read(0)
    assert reader.read(0) is first
    reader.read(1)
    assert reader.read(0) is first
    reader.read(2)
    assert reader.read(0) is first
    reader.read(3)
    reader.read(4)

    assert reader.read(0) is not first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0


def test_a_million_photos_can_be_ordered(grouped: PhotoIndex):
    class Many:
        def groups(self) -> NDArray[np.int64]:
            return np.arange(1_000_000) // 7

    order = PhotoOrder(Many(), seed=0)  # type: ignore[arg-type]
    first = [order.at(place) for place in range(1000)]

    assert len(set(first)) == 1000
    assert len({number // 7 for number in first}) in (143, 144)
