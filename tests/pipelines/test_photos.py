"""A corpus is indexed once: every file has a verdict, splits share no photo, photos are checked when read."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from curate.picture import BadImage
from pipelines.photos import PhotoIndex, PhotoReader, build_index, in_split
from pipelines.shards.files import sum_counts
from pipelines.shards.folder import Folder
from tests.curate.pictures import black_png, blocks, encoded
from tests.pipelines.corpus_files import tar_of, write
from tests.pipelines.indexed import GOOD, rows_of

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


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indexed corpus of three good photos and every kind of bad one: corpus/ and index/."""
    folder = tmp_path_factory.mktemp("indexed")
    write(folder / "corpus", GOOD | BAD | {"notes.txt": b"x"})
    build_index(str(folder / "corpus"), str(folder / "index"), licence="CC0-1.0")
    return folder


def test_every_file_has_a_row_with_its_verdict_and_cause(indexed: Path):
    found = {name: (row["verdict"], row["cause"]) for name, row in rows_of(indexed / "index").items()}
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


def test_a_row_tells_what_the_file_is(indexed: Path):
    row = rows_of(indexed / "index")["good/1.png"]

    assert (row["width_px"], row["height_px"], row["format"]) == (320, 280, "PNG")
    assert row["num_bytes"] == len(GOOD["good/1.png"])
    assert row["licence"] == "CC0-1.0"
    assert row["sharpness"] > 1.56


def test_counts_name_each_fault_and_each_file_left_out(indexed: Path):
    counts = sum_counts(Folder(str(indexed / "index")))

    assert counts["verdict/ok"] == 3
    assert counts["verdict/unreadable"] == 6
    assert counts["fault/bad/cut.jpg: truncated"] == 1
    assert json.loads((indexed / "index/listing.json").read_text()) == {"skipped/.txt": 1}


def test_the_index_holds_the_accepted_photos(indexed: Path):
    index = PhotoIndex.load(str(indexed / "index"))

    assert [index.photo(i).name for i in range(len(index))] == [f"corpus/{name}" for name in sorted(GOOD)]
    assert (index.photo(0).width_px, index.photo(0).height_px) == (320, 280)
    assert index.verdicts == {"ok": 3, "unreadable": 6, "blurred": 1, "too small": 1}
    assert index.licences == {"CC0-1.0": 3}
    assert len(index.identity) == 64


def test_what_rows_will_say_of_their_photos_is_part_of_the_identity(indexed: Path, tmp_path: Path):
    moved, renamed = tmp_path / "corpus", tmp_path / "photos"
    for folder in (moved, renamed):
        write(folder, GOOD | BAD)
    identities: list[str] = []
    for folder, licence in ((moved, "CC0-1.0"), (renamed, "CC0-1.0"), (moved, "proprietary")):
        build_index(str(folder), str(tmp_path / f"index-{len(identities)}"), licence=licence)
        identities.append(PhotoIndex.load(str(tmp_path / f"index-{len(identities)}")).identity)

    assert identities[0] == PhotoIndex.load(str(indexed / "index")).identity
    assert len(set(identities)) == 3


def test_processes_make_the_same_index_and_a_lost_shard_is_made_again(indexed: Path, tmp_path: Path):
    out = tmp_path / "index"
    build_index(str(indexed / "corpus"), str(out), licence="CC0-1.0", num_workers=2, backend="processes")
    (out / "manifest/000001.json").unlink()
    with pytest.raises(ValueError, match=r"8 of 11 photos are indexed; build it again"):
        PhotoIndex.load(str(out))
    before = (out / "data/000000.parquet").stat().st_mtime_ns

    build_index(str(indexed / "corpus"), str(out), licence="CC0-1.0")

    assert (out / "data/000000.parquet").stat().st_mtime_ns == before
    for name in ("data/000000.parquet", "data/000001.parquet"):
        assert (out / name).read_bytes() == (indexed / "index" / name).read_bytes()
    assert PhotoIndex.load(str(out)).identity == PhotoIndex.load(str(indexed / "index")).identity


def test_another_source_or_threshold_is_refused_with_the_difference(indexed: Path):
    with pytest.raises(ValueError, match=r"--image-size, its least side in px: 256 -> 300"):
        build_index(str(indexed / "corpus"), str(indexed / "index"), licence="CC0-1.0", min_side_px=300)
    with pytest.raises(ValueError, match=r"--photos \(0\): .*corpus\" -> \"builtin\""):
        build_index("builtin", str(indexed / "index"), licence="CC0-1.0")


def test_a_corpus_without_images_is_an_error_that_says_what_is_there(tmp_path: Path):
    write(tmp_path / "corpus", {"a.txt": b"x", "b.txt": b"x", ".c.png": b"x"})

    with pytest.raises(ValueError, match=r"no image in .* \(2 skipped \(.txt\), 1 skipped \(hidden\)\)"):
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


def test_corpora_that_end_alike_are_told_apart(tmp_path: Path):
    photos = list(GOOD.values())
    write(tmp_path, {f"{part}/photos/a.png": photo for part, photo in zip(("one", "two"), photos, strict=False)})
    places = [str(tmp_path / "one/photos"), str(tmp_path / "two/photos"), str(tmp_path / "one/photos")]
    build_index(places, str(tmp_path / "index"))
    index = PhotoIndex.load(str(tmp_path / "index"))

    assert [index.photo(i).name for i in range(3)] == ["photos/a.png", "photos-2/a.png", "photos/a.png"]


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


def test_builtin_photos_are_all_accepted(tmp_path: Path):
    build_index("builtin", str(tmp_path / "index"))

    index = PhotoIndex.load(str(tmp_path / "index"))

    assert len(index) == 6
    assert index.verdicts == {"ok": 6}


def test_ray_makes_the_same_index(indexed: Path, tmp_path: Path, ray_cluster: None):
    build_index(str(indexed / "corpus"), str(tmp_path / "index"), licence="CC0-1.0", num_workers=2, backend="ray")

    assert PhotoIndex.load(str(tmp_path / "index")).identity == PhotoIndex.load(str(indexed / "index")).identity


def test_a_bucket_is_indexed_and_read(s3: str, tmp_path: Path):
    import fsspec

    fs, root = fsspec.core.url_to_fs(f"{s3}/photos")
    for name, file in (GOOD | {"bad.png": b""}).items():
        fs.pipe_file(f"{root}/{name}", file)
    build_index(f"{s3}/photos", f"{s3}/photo-index")
    index = PhotoIndex.load(f"{s3}/photo-index")

    assert index.verdicts == {"ok": 3, "unreadable": 1}
    assert np.array_equal(PhotoReader(index).read(2), blocks(2))
