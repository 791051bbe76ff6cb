"""Copies are found in whatever form, other pictures are left alone, and the first of a group stays."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from curate.duplicates import exact_duplicates, near_duplicates, text_duplicates
from curate.fingerprint import SCHEMA, Fingerprint, perceptual_hashes
from curate.picture import Picture, Pixels, decode
from tests.curate.pictures import blocks, encoded

WORDS = np.array(["small", "print", "on", "a", "photo", "stays", "sharp", "when", "every", "glyph", "keeps", "its"])


def test_equal_keys_share_their_first_row_and_nulls_stay_alone():
    keys = pa.chunked_array([["a", "b", None], ["a", None, "b", "c"]])

    assert exact_duplicates(keys).tolist() == [0, 1, 2, 0, 4, 1, 6]


def test_exact_duplicates_of_nothing_are_none():
    assert exact_duplicates(pa.array([], pa.string())).tolist() == []


@pytest.mark.parametrize("max_distance", [0, 2, 5, 6, 8])
def test_near_duplicates_are_those_of_a_search_through_all(max_distance: int):
    hashes = flipped_copies(np.random.default_rng(max_distance), 1500)

    found = near_duplicates(pa.array(hashes), max_distance=max_distance)

    assert found.tolist() == searched(hashes, max_distance)
    assert np.array_equal(found[found], found)


def flipped_copies(rng: np.random.Generator, count: int) -> np.ndarray:
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    for row in range(count // 2, count):
        places = rng.choice(64, rng.integers(0, 10), replace=False).tolist()
        hashes[row] = hashes[rng.integers(row)] ^ np.uint64(sum(1 << place for place in places))
    return hashes


def searched(hashes: np.ndarray, max_distance: int) -> list[int]:
    leading: list[int] = []
    found = []
    for row, value in enumerate(hashes):
        away = np.bitwise_count(hashes[leading] ^ value) if leading else np.array([99])
        if away.min() <= max_distance:
            found.append(leading[int(away.argmin())])
        else:
            leading.append(row)
            found.append(row)
    return found


def test_fine_hashes_must_agree_too():
    hashes = pa.array([7, 7, 7], pa.uint64())
    fine = pa.array([bytes(32), b"\xff" * 32, b"\x01" + bytes(31)], pa.binary(32))

    assert near_duplicates(hashes, fine).tolist() == [0, 1, 0]
    assert near_duplicates(hashes, fine.slice(0)).tolist() == near_duplicates(hashes, pa.chunked_array([fine])).tolist()


def test_rows_without_a_hash_stand_for_themselves():
    assert near_duplicates(pa.array([None, 1, None, 1], pa.uint64())).tolist() == [0, 1, 2, 1]


def test_a_distance_that_cannot_be_searched_is_refused():
    with pytest.raises(ValueError, match="max_distance is 9: use 0 to 8"):
        near_duplicates(pa.array([1], pa.uint64()), max_distance=9)


def fingerprints(pictures: list[Pixels]) -> pa.Table:
    files = [Picture(encoded(rgb, "PNG")) for rgb in pictures]
    return pa.Table.from_batches([Fingerprint()(files)])


def copies(rgb: Pixels) -> list[Pixels]:
    return [
        decode(encoded(rgb, "JPEG", quality=30)),
        decode(encoded(rgb, "WEBP", quality=50)),
        cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8),
        np.clip(rgb.astype(int) + 20, 0, 255).astype(np.uint8),
        (rgb * 0.7 + 38).astype(np.uint8),
    ]


def test_copies_of_photos_are_found_and_other_photos_are_not(data: Path):
    files = sorted((data / "natural/kodak").glob("*.png"))
    photos = [decode(file.read_bytes(), reduce=2) for file in files]
    table = fingerprints([*photos, *(copy for photo in photos[:4] for copy in copies(photo))])

    found = near_duplicates(table["phash"], table["phash_fine"])

    assert found[: len(photos)].tolist() == list(range(len(photos)))
    assert np.mean(found[len(photos) :] == np.repeat(range(4), 5)) >= 0.9


@pytest.mark.parametrize("width_px", [40, 64, 100])
def test_narrow_strips_keep_their_hash_at_another_size(data: Path, width_px: int):
    away = []
    for path in sorted(data.glob("natural/**/*.jpg"))[:12]:
        strip = np.ascontiguousarray(cv2.cvtColor(decode(path.read_bytes()), cv2.COLOR_RGB2GRAY)[:600, :width_px])
        smaller = cv2.resize(strip, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
        first, second = (perceptual_hashes(grey).get("phash") for grey in (strip, smaller))
        if first is not None and second is not None:  # neither is plain
            away.append((first ^ second).bit_count())

    assert len(away) >= 8
    assert max(away) <= 6


def test_a_plain_picture_has_no_perceptual_hash():
    assert perceptual_hashes(np.full((100, 100), 9, np.uint8)) == {}
    assert fingerprints([np.full((20, 20, 3), 9, np.uint8)])["phash"].to_pylist() == [None]


def test_a_fingerprint_holds_the_hash_of_the_file():
    file = encoded(blocks(1), "PNG")

    row = Fingerprint()([Picture(file)])

    assert row.schema == SCHEMA
    assert len(row["sha256"][0].as_py()) == 64
    assert row == Fingerprint()([Picture(file)])


def english(rng: np.random.Generator, num_words: int = 300) -> str:
    return " ".join(rng.choice(WORDS, num_words)) + " ".join(map(str, rng.integers(0, 10**6, 60)))


def chinese(rng: np.random.Generator) -> str:
    return "".join(map(chr, rng.integers(0x4E00, 0x5200, 600)))


@pytest.mark.parametrize("write", [english, chinese])
def test_texts_that_overlap_are_found(write):
    rng = np.random.default_rng(0)
    texts = [write(rng) for _ in range(30)]
    misread = texts[3][:200] + "§" + texts[3][204:]
    rewrapped = texts[5].upper().replace(" ", " \n ")

    found = text_duplicates([*texts, misread, rewrapped, None, ""])

    assert found.tolist() == [*range(30), 3, 5, 32, 33]


def test_texts_that_share_a_part_are_not_the_same():
    rng = np.random.default_rng(1)
    first, second, third = (chinese(rng) for _ in range(3))

    assert text_duplicates([first + second, first + third]).tolist() == [0, 1]


def test_short_texts_stand_for_themselves():
    assert text_duplicates(["Contents", "Contents"]).tolist() == [0, 1]


def test_an_overlap_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match="min_overlap is 70"):
        text_duplicates([], min_overlap=70)
