"""Corpora list the same entries each time, lose nothing silently, carry licences, and give the bytes stored."""

import json
from pathlib import Path

import pytest

from curate.picture import BadImage, decode
from pipelines.corpora.archives import Entry
from pipelines.corpora.sources import BUILTIN_PHOTOS, absolute, open_source
from tests.pipelines.corpus_files import PNG, image_parquet, listed, tar_of, write


def test_a_folder_is_listed_by_path_and_the_rest_is_counted(tmp_path: Path):
    files = {"b.png": PNG[0], "a/2.JPG": PNG[1], "a/1.png": PNG[2], "c.webp": b""}
    write(tmp_path, files | {"notes.txt": b"x", "a/.hidden.png": b"x", ".git/x.png": b"x", "LICENSE": b"x"})
    source = open_source(str(tmp_path))

    entries, counts = listed(source)

    assert [entry.name for entry in entries] == ["a/1.png", "a/2.JPG", "b.png", "c.webp"]
    assert [source.read(entry) for entry in entries] == [PNG[2], PNG[1], PNG[0], b""]
    assert entries[0] == Entry(name="a/1.png", length=len(PNG[2]), licence="unknown")
    assert counts == {"skipped/.txt": 1, "skipped/hidden": 2, "skipped/other names": 1}
    assert listed(open_source(str(tmp_path))) == (entries, counts)


def test_symlinks_may_not_leave_the_corpus(tmp_path: Path):
    write(tmp_path, {"in/a.png": PNG[0], "outside.png": PNG[1], "elsewhere/b.png": PNG[2]})
    corpus = tmp_path / "in"
    (corpus / "inside.png").symlink_to(corpus / "a.png")
    (corpus / "outside.png").symlink_to(tmp_path / "outside.png")
    (corpus / "folder").symlink_to(tmp_path / "elsewhere")
    (corpus / "loop").symlink_to(corpus)
    (corpus / "broken.png").symlink_to(corpus / "nothing.png")

    entries, counts = listed(open_source(str(corpus)))

    assert [entry.name for entry in entries] == ["a.png", "inside.png"]
    assert counts["skipped/symlink leading outside the corpus"] == 3  # the loop leads to the corpus itself
    assert counts["skipped/symlink to a folder or to nothing"] == 1


def test_a_snapshot_of_the_hugging_face_cache_leads_to_its_own_blobs_alone(tmp_path: Path):
    repository, other = tmp_path / "datasets--a--b", tmp_path / "datasets--a--c"
    write(repository, {"blobs/0": PNG[0], "blobs/1": image_parquet(tmp_path / "x.parquet", PNG[1:3]).read_bytes()})
    write(other, {"blobs/2": PNG[3]})
    snapshot = write(repository, {"snapshots/r1/data/own.png": PNG[4]}) / "snapshots/r1"
    targets = {"a.png": "../../blobs/0", "x.parquet": "../../blobs/1", "data/b.png": "../../../blobs/0"}
    outside = {"c.png": "../../../datasets--a--c/blobs/2", "d.png": "../../refs/main"}
    write(repository, {"refs/main": PNG[5]})
    for name, target in (targets | outside).items():
        (snapshot / name).symlink_to(target)

    entries, counts = listed(open_source(str(snapshot)))
    alone = [open_source(absolute(str(snapshot / name))) for name in ("a.png", "x.parquet")]

    assert [entry.name for entry in entries] == ["a.png", "data/b.png", "data/own.png", "x.parquet#0", "x.parquet#1"]
    assert entries[0].length == len(PNG[0])
    assert counts == {"skipped/symlink leading outside the corpus": 2}
    assert [[source.read(entry) for entry in listed(source)[0]] for source in alone] == [[PNG[0]], PNG[1:3]]


def test_a_name_that_is_not_utf8_is_counted(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(PNG[0])
    Path(str(tmp_path) + "/b\udcff.png").write_bytes(PNG[1])

    entries, counts = listed(open_source(str(tmp_path)))

    assert [entry.name for entry in entries] == ["a.png"]
    assert counts == {"skipped/name is not UTF-8": 1}


def test_licences_come_from_the_manifest(tmp_path: Path):
    lines = [{"file": "a.png", "licence": "CC0-1.0"}, {"file": "t.tar", "licence": "MIT"}, {"other": 1}]
    manifest = "\n".join(map(json.dumps, lines)).encode() + b"\n\n"
    write(
        tmp_path,
        {"a.png": PNG[0], "b.png": PNG[1], "t.tar": tar_of({"c.png": PNG[2]}), "manifest.jsonl": manifest},
    )

    entries, _ = listed(open_source(str(tmp_path), "unclear"))

    assert {entry.name: entry.licence for entry in entries} == {
        "a.png": "CC0-1.0",
        "b.png": "unclear",
        "t.tar/c.png": "MIT",
    }


def test_a_garbled_manifest_is_an_error_that_names_the_line(tmp_path: Path):
    write(tmp_path, {"a.png": PNG[0], "manifest.jsonl": b'{"file": "a.png", "licence": "MIT"}\nnot json\n'})

    with pytest.raises(ValueError, match=r"manifest.jsonl line 2 is not"):
        listed(open_source(str(tmp_path)))


def test_real_photos_carry_their_licences(data: Path):
    entries, counts = listed(open_source(str(data / "natural")))

    assert len(entries) == 104
    assert "CC0-1.0" in {entry.licence for entry in entries if entry.name.startswith("gb82/")}
    assert "unknown" not in {entry.licence for entry in entries}
    assert counts["skipped/.md"] == 1


def test_builtin_photos_are_photographs_with_licences():
    source = open_source("builtin")

    entries, counts = listed(source)

    assert {entry.name: entry.licence for entry in entries} == BUILTIN_PHOTOS
    assert not counts
    assert all(min(decode(source.read(entry)).shape[:2]) >= 256 for entry in entries)


def test_a_file_that_went_away_is_named(tmp_path: Path):
    source = open_source(str(write(tmp_path, {"a.png": PNG[0], "b.png": PNG[1]})))
    entries, _ = listed(source)
    (tmp_path / "a.png").unlink()

    with pytest.raises(BadImage, match="its file is gone"):
        source.read(entries[0])


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_a_corpus_that_went_away_is_no_fault_of_an_image(tmp_path: Path, left: str):
    source = open_source(str(write(tmp_path / "photos", {"a.png": PNG[0]})))
    entries, _ = listed(source)
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    if left == "an empty folder":
        (tmp_path / "photos").mkdir()

    with pytest.raises(OSError, match=r"the folder of the images is gone or empty: '.*/photos'"):
        source.read(entries[0])


def test_nothing_at_a_path_is_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="no such folder or file; give a folder"):
        open_source(str(tmp_path / "nowhere"))


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    assert absolute("photos") == str(tmp_path.resolve() / "photos")
    assert absolute("s3://bucket/photos") == "s3://bucket/photos"
    assert absolute("builtin") == "builtin"
