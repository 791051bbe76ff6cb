"""The disk cache: same answers from it, from a damaged one, and from none."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fonts.cache import file_sha256, write_whole
from fonts.catalog import load_catalog
from fonts.coverage import drawn

Make = Callable[..., Path]
ASCII = "".join(map(chr, range(0x20, 0x7F)))


@pytest.fixture
def font(own_cache: Path, make_subset: Make) -> Path:
    return make_subset("DejaVuSerif", ASCII)


def test_the_second_reading_comes_from_the_cache(font: Path, own_cache: Path) -> None:
    first = load_catalog((str(font),)).faces
    states = {path: path.stat().st_mtime_ns for path in own_cache.rglob("*.*")}
    second = load_catalog((str(font),)).faces

    assert first == second
    assert {path.parts[len(own_cache.parts)] for path in states} == {"digests", "drawn", "faces"}
    assert states == {path: path.stat().st_mtime_ns for path in own_cache.rglob("*.*")}


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\x00" * len(b)])
def test_a_damaged_cache_is_made_again(
    font: Path, own_cache: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    first = load_catalog((str(font),)).faces
    codes = drawn(first[0])
    files = [path for path in own_cache.rglob("*.*") if path.is_file()]
    for path in files:
        path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        second = load_catalog((str(font),)).faces

    assert second == first
    assert np.array_equal(drawn(second[0]), codes)
    assert caplog.text.count("made again") == len(files) == 3


@pytest.mark.parametrize("content", ["{}", "[]", "[1]", '[{"index": 0}]', "null", '{"a": 1}'])
def test_a_cache_of_another_form_is_made_again(font: Path, own_cache: Path, content: str) -> None:
    first = load_catalog((str(font),)).faces
    for path in own_cache.glob("faces/*/*.json"):
        path.write_text(content)

    assert load_catalog((str(font),)).faces == first


def test_a_flipped_bit_in_the_coverage_is_noticed(font: Path, own_cache: Path) -> None:
    face = load_catalog((str(font),)).faces[0]
    codes = drawn(face)
    [path] = own_cache.rglob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    assert np.array_equal(drawn(face), codes)


def test_a_cache_that_cannot_be_written_costs_only_time(
    font: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = load_catalog((str(font),)).faces
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SMALLPRINT_CACHE", str(tmp_path / "file" / "cache"))

    assert load_catalog((str(font),)).faces == first
    assert "SMALLPRINT_CACHE" in caplog.text


@pytest.mark.usefixtures("own_cache")
def test_a_changed_file_gets_another_hash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = file_sha256(path)
    os.utime(path, ns=(1, 1))
    again = file_sha256(path)
    path.write_bytes(b"two")

    assert first == again == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert file_sha256(path) != first


def test_many_writers_leave_one_whole_file(tmp_path: Path) -> None:
    contents = [bytes([i]) * 100_000 for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_whole(tmp_path / "file", content), contents))

    assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
