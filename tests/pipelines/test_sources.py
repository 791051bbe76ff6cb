"""Corpora of every kind list the same entries each time, lose nothing silently, and give the bytes stored."""

import errno
import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.picture import BadImage, decode
from pipelines.corpora.archives import Entry, RowReader
from pipelines.corpora.sources import BUILTIN_PHOTOS, Source, absolute, open_source
from pipelines.shards.images import image_column
from tests.curate.pictures import blocks, encoded

PNG = [encoded(blocks(seed, 40, 30), "PNG") for seed in range(6)]


def listed(source: Source) -> tuple[list[Entry], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(source.entries(counts)), counts


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def tar_of(files: dict[str, bytes], headers: Mapping[str, dict[str, str]] = MappingProxyType({})) -> bytes:
    """A tar of these files; `headers` are pax headers of some."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.pax_headers = headers.get(name, {})
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def image_parquet(path: Path, images: Sequence[bytes | None], *, group_rows: int = 2, **columns: list[str]) -> Path:
    """A file as `datasets` writes it, with an Image feature."""
    cells = [None if data is None else {"bytes": data, "path": None} for data in images]
    features = {"image": {"_type": "Image"}} | {name: {"dtype": "string", "_type": "Value"} for name in columns}
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, struct), **columns})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group_rows)
    return path


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


def test_a_hugging_face_folder_gives_original_bytes(tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"image": [{"bytes": data, "path": None} for data in PNG[:3]]})
    built = rows.cast_column("image", datasets.Image())
    built.to_parquet(str(tmp_path / "hub/data/train-00000-of-00001.parquet"))
    write(tmp_path / "hub", {"README.md": b"# card"})
    source = open_source(str(tmp_path / "hub"))

    entries, counts = listed(source)

    assert [source.read(entry) for entry in entries] == PNG[:3]
    assert entries[2].name == "data/train-00000-of-00001.parquet#2"
    assert counts == {"skipped/.md": 1}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_a_licence_column_counts_whatever_type_of_text_it_is(tmp_path: Path, kind: pa.DataType):
    licence = pa.array(["CC-BY-NC-4.0", None], pa.string()).cast(kind)
    table = pa.table({"image": pa.array(PNG[:2], pa.binary()), "license": licence})
    pq.write_table(table, tmp_path / "a.parquet")

    entries, _ = listed(open_source(str(tmp_path / "a.parquet"), "CC0-1.0"))

    assert [entry.licence for entry in entries] == ["CC-BY-NC-4.0", "CC0-1.0"]


def test_rows_are_addressed_by_group_and_carry_their_licence(tmp_path: Path):
    path = image_parquet(tmp_path / "a.parquet", [PNG[0], PNG[1], PNG[2], None], licence=["CC0-1.0", "", "MIT", ""])
    source = open_source(str(path), "CC-BY-4.0")

    entries, _ = listed(source)

    assert [(entry.row_group, entry.row) for entry in entries] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [entry.licence for entry in entries] == ["CC0-1.0", "CC-BY-4.0", "MIT", "CC-BY-4.0"]
    assert source.read(entries[2]) == PNG[2]
    with pytest.raises(BadImage, match="no bytes in its row"):
        source.read(entries[3])


def test_a_row_group_too_large_to_hold_is_refused(tmp_path: Path):
    path = image_parquet(tmp_path / "a.parquet", [PNG[0]] * 4)
    small = RowReader(lambda _: path.open("rb"), max_group_bytes=len(PNG[0]))

    with pytest.raises(BadImage, match=rf"row group too large: \d+ bytes of images, over the {len(PNG[0])} allowed"):
        small.read("a.parquet", 0, 0)
    assert RowReader(lambda _: path.open("rb")).read("a.parquet", 0, 0) == PNG[0]


def test_a_damaged_parquet_file_is_named_and_the_others_are_read(tmp_path: Path):
    for name in ("a", "b", "c"):
        image_parquet(tmp_path / f"{name}.parquet", PNG[:4])
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    start = len(b"PAR1")
    (tmp_path / "b.parquet").write_bytes(whole[:start] + b"\xff" * 16 + whole[start + 16 :])  # the page's header
    pq.write_table(pa.table({"caption": ["no image here"]}), tmp_path / "d.parquet")
    source = open_source(str(tmp_path))

    entries, counts = listed(source)
    found: Counter[str] = Counter()
    for entry in entries:
        try:
            found["read"] += len(decode(source.read(entry))) > 0
        except BadImage as error:
            found[error.cause] += 1

    assert found["Parquet file damaged or cut short"] == 1
    assert found["its row group cannot be read"] == 2
    assert found["read"] == 2 + 4
    assert counts == {"skipped/Parquet file without an image column": 1}


def test_the_image_column_is_found_by_feature_then_by_type():
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    hub = {
        "huggingface": json.dumps({"info": {"features": {"photo": {"_type": "Image"}, "image": {"_type": "Value"}}}})
    }

    assert image_column(pa.schema([("image", pa.binary()), ("photo", struct)], metadata=hub)) == "photo"
    assert image_column(pa.schema([("raw", pa.binary()), ("photo", struct)])) == "photo"
    assert image_column(pa.schema([("thumb", struct), ("image", struct)])) == "image"
    assert image_column(pa.schema([("jpg", pa.large_binary()), ("key", pa.string())])) == "jpg"
    assert image_column(pa.schema([("jpg", pa.string())], metadata={"huggingface": "[]"})) is None


def test_of_binary_columns_the_one_with_images_is_read(tmp_path: Path):
    vectors = pa.array([None, b"\0" * 100], pa.binary())
    named = pa.table({"embedding": vectors, "jpg": pa.array(PNG[:2], pa.large_binary())})
    unnamed = pa.table({"embedding": vectors, "payload": pa.array(PNG[2:4], pa.binary())})
    pq.write_table(named, tmp_path / "named.parquet")
    pq.write_table(unnamed, tmp_path / "unnamed.parquet")
    source = open_source(str(tmp_path))
    entries, counts = listed(source)

    assert [source.read(entry) for entry in entries] == PNG[:4]
    assert not counts


def test_images_of_other_columns_are_counted(tmp_path: Path):
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [{"bytes": data, "path": None} for data in PNG]
    pq.write_table(
        pa.table({"before": pa.array(cells[:2], struct), "after": pa.array(cells[2:4], struct)}),
        tmp_path / "pairs.parquet",
    )
    pq.write_table(pa.table({"images": pa.array([cells[:2], cells[2:]], pa.list_(struct))}), tmp_path / "lists.parquet")
    source = open_source(str(tmp_path))
    entries, counts = listed(source)

    assert [source.read(entry) for entry in entries] == PNG[:2]
    assert counts == {
        "skipped/rows with a list of images, in column images": 2,
        "skipped/images of column after: before is read": 2,
    }


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


def test_a_bucket_lists_and_reads_like_a_folder(s3: str, tmp_path: Path):
    files = {
        "x/b.png": PNG[0],
        "x/t.tar": tar_of({"0.png": PNG[1], "/1.png": PNG[2]}),
        "a.png": PNG[3],
        "n.txt": b"x",
    }
    write(tmp_path, files)
    image_parquet(tmp_path / "z.parquet", PNG[4:6])
    fs, root = fsspec.core.url_to_fs(f"{s3}/corpus")
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        fs.pipe_file(f"{root}/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    local, remote = open_source(str(tmp_path)), open_source(f"{s3}/corpus")

    entries, counts = listed(remote)

    assert (entries, counts) == listed(local)
    assert len(entries) == 6
    assert [remote.read(entry) for entry in entries] == [local.read(entry) for entry in entries]


def in_store(url: str) -> tuple[Source, list[Entry]]:
    """An image of each kind in a store, and how it is listed."""
    pdf = io.BytesIO()
    pdfs = pytest.importorskip("pypdfium2")
    document = pdfs.PdfDocument.new()
    document.new_page(72, 72)
    document.save(pdf)
    parquet = pa.BufferOutputStream()
    pq.write_table(pa.table({"image": PNG[:2]}), parquet)
    fs, root = fsspec.core.url_to_fs(url)
    files = {"a.png": PNG[0], "p.pdf": pdf.getvalue(), "t.tar": tar_of({"0.png": PNG[1]})}
    for name, data in (files | {"z.parquet": parquet.getvalue().to_pybytes()}).items():
        fs.pipe_file(f"{root}/{name}", data)
    source = open_source(url)
    return source, listed(source)[0]


def test_a_store_that_is_down_is_no_fault_of_an_image(s3: str, second_server: Any):
    source, entries = in_store(f"{s3}/down")
    second_server.stop()

    assert [entry.name for entry in entries] == ["a.png", "p.pdf#page=1", "t.tar/0.png", "z.parquet#0", "z.parquet#1"]
    for entry in entries[:-1]:
        with pytest.raises(OSError, match=r"Could not connect.*: 's3://shards/down/") as failed:
            source.read(entry)
        assert failed.value.errno == errno.EIO


def test_a_store_that_refuses_is_no_fault_of_an_image(s3: str, refused: Callable[[], None]):
    source, entries = in_store(f"{s3}/refused")
    refused()

    for entry in entries[:-1]:
        with pytest.raises(PermissionError, match=r": 's3://shards/refused/"):
            source.read(entry)


def test_an_object_that_went_away_is_named(s3: str):
    source, entries = in_store(f"{s3}/objects")
    fs, root = fsspec.core.url_to_fs(f"{s3}/objects")
    for name in ("a.png", "z.parquet"):
        fs.rm_file(f"{root}/{name}")

    for entry in (entries[0], entries[-1]):
        with pytest.raises(BadImage, match="its file is gone"):
            source.read(entry)
    fs.rm(root, recursive=True)
    with pytest.raises(OSError, match="the folder of the images is gone or empty: 's3://shards/objects'"):
        source.read(entries[0])
