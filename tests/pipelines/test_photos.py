"""A corpus is indexed once: every file has a verdict, accepted photos come in a seeded order, and are checked
when they are read."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from curate.picture import BadImage
from pipelines.dataset import open_job
from pipelines.photo_order import FittingOrder, PhotoOrder
from pipelines.photos import PhotoIndex, PhotoReader, build_index, in_split
from pipelines.settings import Execution, Inputs, Settings
from pipelines.shards.files import sum_counts
from pipelines.shards.folder import Folder
from render.mix import Mix
from render.recipe import Recipe
from render.scene import Scene
from tests.curate.pictures import black_png, blocks, encoded
from tests.pipelines.corpus_files import image_parquet, tar_of, write

GOOD = {f"good/{i}.png": encoded(blocks(i), "PNG") for i in range(3)}
JPEG = encoded(blocks(9), "JPEG", quality=90)
BAD = {
    "bad/cut.jpg": JPEG[: len(JPEG) // 2],
    "bad/empty.jpg": b"",
    "bad/page.jpg": b"<html>not found</html>",
    "bad/huge.png": black_png(13_000),
    "bad/soft.png": encoded(cv2.GaussianBlur(blocks(4), (0, 0), 6), "PNG"),
    "bad/small.png": encoded(blocks(5, 300, 200), "PNG"),
    "bad/t.tar": tar_of({"a.png": GOOD["good/0.png"]})[:1000],
}


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    rows = [row for path in sorted((folder / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {row["name"]: row for row in rows}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indexed corpus of three good photos and every kind of bad one: corpus/ and index/."""
    folder = tmp_path_factory.mktemp("mixed")
    write(folder / "corpus", GOOD | BAD | {"notes.txt": b"x"})
    build_index(str(folder / "corpus"), str(folder / "index"), licence="CC0-1.0")
    return folder


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> PhotoIndex:
    """The index of 12 photos in Parquet row groups of 4, and 4 in a folder."""
    folder = tmp_path_factory.mktemp("grouped")
    photos = [encoded(blocks(i, 264, 260), "PNG") for i in range(16)]
    image_parquet(folder / "corpus/p.parquet", list(photos[:12]), group_rows=4)
    write(folder / "corpus", {f"{i}.png": photo for i, photo in enumerate(photos[12:])})
    build_index(str(folder / "corpus"), str(folder / "index"))
    return PhotoIndex.load(str(folder / "index"))


def test_every_file_has_a_row_with_its_verdict_and_cause(mixed: Path):
    found = {name: (row["verdict"], row["cause"]) for name, row in rows_of(mixed / "index").items()}
    soft = found.pop("bad/soft.png")

    assert soft[0] == "blurred"
    assert found == {
        "bad/cut.jpg": ("unreadable", "truncated"),
        "bad/empty.jpg": ("unreadable", "zero bytes"),
        "bad/huge.png": ("unreadable", "169000000 pixels: over the 64000000 allowed"),
        "bad/page.jpg": ("unreadable", "not an image"),
        "bad/small.png": ("too small", "short side 200 px: under 256"),
        "bad/t.tar": ("unreadable", "tar damaged or cut short: after 1 files"),
        "bad/t.tar/a.png": ("unreadable", "truncated: its tar ends early"),
        **dict.fromkeys(GOOD, ("ok", "")),
    }


def test_a_row_tells_what_the_file_is(mixed: Path):
    row = rows_of(mixed / "index")["good/1.png"]

    assert (row["width_px"], row["height_px"], row["format"]) == (320, 280, "PNG")
    assert row["num_bytes"] == len(GOOD["good/1.png"])
    assert row["licence"] == "CC0-1.0"
    assert row["sharpness"] > 1.56


def test_counts_name_each_fault_and_each_file_left_out(mixed: Path):
    counts = sum_counts(Folder(str(mixed / "index")))

    assert counts["verdict/ok"] == 3
    assert counts["verdict/unreadable"] == 6
    assert counts["fault/bad/cut.jpg: truncated"] == 1
    assert json.loads((mixed / "index/listing.json").read_text()) == {"skipped/.txt": 1}


def test_the_index_holds_the_accepted_photos(mixed: Path):
    index = PhotoIndex.load(str(mixed / "index"))

    assert [index.photo(i).name for i in range(len(index))] == [f"corpus/{name}" for name in sorted(GOOD)]
    assert (index.photo(0).width_px, index.photo(0).height_px) == (320, 280)
    assert index.verdicts == {"ok": 3, "unreadable": 6, "blurred": 1, "too small": 1}
    assert index.licences == {"CC0-1.0": 3}
    assert len(index.identity) == 64


def test_what_rows_will_say_of_their_photos_is_part_of_the_identity(mixed: Path, tmp_path: Path):
    moved, renamed = tmp_path / "corpus", tmp_path / "photos"
    for folder in (moved, renamed):
        write(folder, GOOD | BAD)
    identities: list[str] = []
    for folder, licence in ((moved, "CC0-1.0"), (renamed, "CC0-1.0"), (moved, "proprietary")):
        build_index(str(folder), str(tmp_path / f"index-{len(identities)}"), licence=licence)
        identities.append(PhotoIndex.load(str(tmp_path / f"index-{len(identities)}")).identity)

    assert identities[0] == PhotoIndex.load(str(mixed / "index")).identity
    assert len(set(identities)) == 3


def test_processes_make_the_same_index_and_a_lost_shard_is_made_again(mixed: Path, tmp_path: Path):
    out = tmp_path / "index"
    build_index(str(mixed / "corpus"), str(out), licence="CC0-1.0", num_workers=2, backend="processes")
    (out / "manifest/000001.json").unlink()
    with pytest.raises(ValueError, match=r"8 of 11 photos are indexed; build it again"):
        PhotoIndex.load(str(out))
    before = (out / "data/000000.parquet").stat().st_mtime_ns

    build_index(str(mixed / "corpus"), str(out), licence="CC0-1.0")

    assert (out / "data/000000.parquet").stat().st_mtime_ns == before
    for name in ("data/000000.parquet", "data/000001.parquet"):
        assert (out / name).read_bytes() == (mixed / "index" / name).read_bytes()
    assert PhotoIndex.load(str(out)).identity == PhotoIndex.load(str(mixed / "index")).identity


def test_another_source_or_threshold_is_refused_with_the_difference(mixed: Path):
    with pytest.raises(ValueError, match=r"--image-size, its least side in px: 256 -> 300"):
        build_index(str(mixed / "corpus"), str(mixed / "index"), licence="CC0-1.0", min_side_px=300)
    with pytest.raises(ValueError, match=r"--photos \(0\): .*corpus\" -> \"builtin\""):
        build_index("builtin", str(mixed / "index"), licence="CC0-1.0")


def test_a_corpus_without_images_is_an_error_that_says_what_is_there(tmp_path: Path):
    write(tmp_path / "corpus", {"a.txt": b"x", "b.txt": b"x", ".c.png": b"x"})

    with pytest.raises(ValueError, match=r"hold no image \(2 skipped \(.txt\), 1 skipped \(hidden\)\)"):
        build_index(str(tmp_path / "corpus"), str(tmp_path / "index"))
    write(tmp_path / "corpus", {"small.png": BAD["bad/small.png"]})
    build_index(str(tmp_path / "corpus"), str(tmp_path / "index"))

    with pytest.raises(ValueError, match="no photo was accepted"):
        PhotoIndex.load(str(tmp_path / "index"))


def test_a_corpus_of_bad_photos_is_an_error_that_lists_the_reasons(tmp_path: Path):
    write(tmp_path / "corpus", BAD)
    build_index(str(tmp_path / "corpus"), str(tmp_path / "index"))

    with pytest.raises(ValueError, match="no photo was accepted") as caught:
        PhotoIndex.load(str(tmp_path / "index"))

    for reason in ("1 blurred", "1 too small", "1 unreadable: truncated", "1 unreadable: zero bytes"):
        assert reason in str(caught.value)


def test_several_corpora_make_one_index(tmp_path: Path):
    photos = list(GOOD.values())
    write(tmp_path, {"one/a.png": photos[0], "two/a.png": photos[1], "two/b.png": photos[2]})
    build_index([str(tmp_path / "one"), str(tmp_path / "two")], str(tmp_path / "index"))
    index = PhotoIndex.load(str(tmp_path / "index"))

    reader = PhotoReader(index)

    assert [index.photo(i).name for i in range(3)] == ["one/a.png", "two/a.png", "two/b.png"]
    assert all(np.array_equal(reader.read(i), blocks(i)) for i in range(3))


def test_splits_share_no_photo_and_miss_none(tmp_path: Path):
    photos = [encoded(blocks(i, 264, 260), "PNG") for i in range(300)]
    held_out = [photo for photo in photos if in_split(hashlib.sha256(photo).hexdigest(), "held-out")]
    files = {f"{i}.png": photo for i, photo in enumerate(held_out[:2] + photos[:8])}
    write(tmp_path / "corpus", files)
    build_index(str(tmp_path / "corpus"), str(tmp_path / "index"))
    everything = PhotoIndex.load(str(tmp_path / "index"))

    parts = {split: PhotoIndex.load(str(tmp_path / "index"), split) for split in ("train", "held-out")}

    names = {split: {part.photo(i).name for i in range(len(part))} for split, part in parts.items()}
    assert len(parts["train"]) + len(parts["held-out"]) == len(everything) == len(files)
    assert {"corpus/0.png", "corpus/1.png"} <= names["held-out"]
    assert not names["train"] & names["held-out"]
    assert parts["train"].identity == parts["held-out"].identity == everything.identity
    with pytest.raises(ValueError, match="split is 'test': use one of"):
        PhotoIndex.load(str(tmp_path / "index"), "test")


def test_a_twentieth_is_held_out():
    sums = np.random.default_rng(0).bytes(32 * 20_000).hex()
    held_out = sum(in_split(sums[i : i + 64], "held-out") for i in range(0, len(sums), 64))

    assert 900 < held_out < 1100


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


def test_a_photo_changed_or_gone_since_is_refused(tmp_path: Path):
    write(tmp_path / "corpus", GOOD)
    build_index(str(tmp_path / "corpus"), str(tmp_path / "index"))
    (tmp_path / "corpus/good/0.png").write_bytes(encoded(blocks(77), "PNG"))
    (tmp_path / "corpus/good/1.png").unlink()
    reader = PhotoReader(PhotoIndex.load(str(tmp_path / "index")))

    with pytest.raises(BadImage, match="changed since it was indexed"):
        reader.read(0)
    with pytest.raises(BadImage, match="its file is gone"):
        reader.read(1)
    assert np.array_equal(reader.read(2), blocks(2))


def test_a_million_photos_can_be_ordered(grouped: PhotoIndex):
    class Many:
        def groups(self) -> NDArray[np.int64]:
            return np.arange(1_000_000) // 7

    order = PhotoOrder(Many(), seed=0)  # type: ignore[arg-type]
    first = [order.at(place) for place in range(1000)]

    assert len(set(first)) == 1000
    assert len({number // 7 for number in first}) in (143, 144)


def test_builtin_photos_are_all_accepted(tmp_path: Path):
    build_index("builtin", str(tmp_path / "index"))

    index = PhotoIndex.load(str(tmp_path / "index"))

    assert len(index) == 6
    assert index.verdicts == {"ok": 6}


WITH_TEXT, WITHOUT_TEXT = ("gb82/mies.png", "kodak/kodim05.png"), ("gb82/haze.png",)


@pytest.fixture(scope="module")
def real(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages, three photos and a blurred one, and their index."""
    folder = tmp_path_factory.mktemp("real")
    pages = sorted((data / "omnidocbench-demo/images").glob("*.jpg"))[:2]
    photos = [data / "natural" / name for name in (*WITH_TEXT, *WITHOUT_TEXT)]
    (folder / "corpus").mkdir()
    for path in (*pages, *photos, data / "blur/kwentar/180_honor-10_f.jpg"):
        (folder / "corpus" / path.name).write_bytes(path.read_bytes())
    build_index(str(folder / "corpus"), str(folder / "index"), num_workers=2, backend="processes")
    return folder


def test_real_photos_and_pages_get_their_verdicts(data: Path, real: Path):
    pages = sorted((data / "omnidocbench-demo/images").glob("*.jpg"))[:2]
    rows = rows_of(real / "index")

    assert [rows[path.name]["verdict"] for path in pages] == ["full of text"] * 2
    assert rows["180_honor-10_f.jpg"]["verdict"] == "blurred"
    for names, found in ((WITH_TEXT, True), (WITHOUT_TEXT, False)):
        for row in (rows[Path(name).name] for name in names):
            assert (row["verdict"], bool(row["text_lines"])) == ("ok", found)


def test_a_photo_with_text_is_never_mirrored(real: Path):
    inputs = Inputs(photos=(str(real / "corpus"),), num_images=48, images_per_shard=48, seed=1)
    recipe = Recipe(image_size=("256",), grounds=Mix.parse("photo"), layouts=Mix.parse("line"))
    execution = Execution(photo_index=str(real / "index"), backend="inline", workers=0)
    job = open_job(Settings(recipe=recipe, inputs=inputs, execution=execution))

    flipped: dict[str, list[bool]] = {}
    for index in range(48):
        record = job.record(index, Counter())
        crop = Scene.from_json(record.scene).ground.crop
        flipped.setdefault(record.source, []).append(crop.flip)

    assert {name: any(flips) for name, flips in flipped.items()} == {
        f"corpus/{Path(name).name}": name in WITHOUT_TEXT for name in (*WITH_TEXT, *WITHOUT_TEXT)
    }


def test_ray_makes_the_same_index(mixed: Path, tmp_path: Path, ray_cluster: None):
    build_index(str(mixed / "corpus"), str(tmp_path / "index"), licence="CC0-1.0", num_workers=2, backend="ray")

    assert PhotoIndex.load(str(tmp_path / "index")).identity == PhotoIndex.load(str(mixed / "index")).identity


def test_a_bucket_is_indexed_and_read(s3: str, tmp_path: Path):
    import fsspec

    fs, root = fsspec.core.url_to_fs(f"{s3}/photos")
    for name, file in (GOOD | {"bad.png": b""}).items():
        fs.pipe_file(f"{root}/{name}", file)
    build_index(f"{s3}/photos", f"{s3}/photo-index")
    index = PhotoIndex.load(f"{s3}/photo-index")

    assert index.verdicts == {"ok": 3, "unreadable": 1}
    assert np.array_equal(PhotoReader(index).read(2), blocks(2))


def test_without_an_ocr_engine_text_is_said_to_be_not_measured(tmp_path: Path):
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.startswith("rapidocr"):
            (packages / path.name).symlink_to(path)
    write(tmp_path / "corpus", GOOD)
    script = (
        "from pipelines.photos import PhotoIndex, build_index\n"
        "from curate.ocr import RapidOcr\n"
        "build_index('corpus', 'index')\n"
        "print(PhotoIndex.load('index').text_engine)\n"
        "try:\n    RapidOcr()\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{packages}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == [
        "not measured",
        'rapidocr is not installed: pip install "smallprint[ocr]"',
    ]
    assert {row["text_fraction"] for row in rows_of(tmp_path / "index").values()} == {None}
    assert sum_counts(Folder(str(tmp_path / "index")))["text/not measured"] == 3
