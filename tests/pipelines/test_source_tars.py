"""Tars as corpora: read in place, their names harmless, damage named and what comes before it kept."""

import gzip
from pathlib import Path

import pytest

from curate.picture import BadImage
from pipelines.corpora.sources import open_source
from tests.pipelines.corpus_files import PNG, listed, tar_of, write


def test_a_tar_is_read_in_place_and_its_names_are_harmless(tmp_path: Path):
    members = {
        "../../up.png": PNG[0],
        "/etc/passwd.png": PNG[1],
        "x/0.png": PNG[2],
        "x/0.json": b"{}",
        "line\n.png": PNG[3],
    }
    write(tmp_path, {"train/0.tar": tar_of(members)})
    source = open_source(str(tmp_path))

    entries, counts = listed(source)

    assert [entry.name for entry in entries] == [
        "train/0.tar/up.png",
        "train/0.tar/etc/passwd.png",
        "train/0.tar/x/0.png",
        "train/0.tar/line_.png",
    ]
    assert entries[0].fault == "unsafe name: '../../up.png' leads out of its tar"
    assert [source.read(entry) for entry in entries[1:]] == PNG[1:4]
    assert counts == {"skipped/.json": 1}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0.tar", "train"]


@pytest.mark.parametrize("cut", ["last file", "header", "garbage header", "gzip", "empty"])
def test_a_damaged_tar_is_named_and_what_comes_before_is_kept(tmp_path: Path, cut: str):
    whole = tar_of({"0.png": PNG[0], "1.png": PNG[1]})
    first = 512 + -(-len(PNG[0]) // 512) * 512
    damaged = {
        "last file": whole[: first + 512 + 100],
        "header": whole[: first + 200],
        "garbage header": whole[:first] + b"?" * 512 + whole[first + 512 :],
        "gzip": gzip.compress(whole),
        "empty": b"",
    }[cut]
    source = open_source(str(write(tmp_path, {"t.tar": damaged}) / "t.tar"))

    entries, _ = listed(source)

    assert entries[-1].name == "t.tar"
    assert entries[-1].fault.startswith("tar damaged or cut short: after")
    with pytest.raises(BadImage, match="tar damaged"):
        source.read(entries[-1])
    if cut not in ("gzip", "empty"):
        assert source.read(entries[0]) == PNG[0]
    if cut == "last file":
        with pytest.raises(BadImage, match="truncated: its tar ends early"):
            source.read(entries[1])


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "q"},
        {"GNU.sparse.size": "q"},
        {"size": "-1024"},
        {"size": "-2048"},  # leads back to its own header
    ],
)
def test_a_tar_with_false_headers_is_named_and_the_listing_goes_on(tmp_path: Path, headers: dict[str, str]):
    write(tmp_path, {"t.tar": tar_of({"0.png": PNG[0], "1.png": PNG[1]}, {"1.png": headers}), "z.png": PNG[2]})

    entries, _ = listed(open_source(str(tmp_path)))

    assert [entry.name for entry in entries] == ["t.tar/0.png", "t.tar", "z.png"]
    assert entries[1].fault == "tar damaged or cut short: after 1 files"


def test_a_member_larger_than_any_file_ends_its_tar(tmp_path: Path):
    headers = {"1.png": {"size": str(2**63 - 2048)}}
    write(tmp_path, {"t.tar": tar_of({"0.png": PNG[0], "1.png": PNG[1]}, headers), "z.png": PNG[2]})

    entries, _ = listed(open_source(str(tmp_path)))

    assert [entry.name for entry in entries] == ["t.tar/0.png", "t.tar/1.png", "t.tar", "z.png"]
