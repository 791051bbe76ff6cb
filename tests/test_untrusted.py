"""Files of strangers: each reader that meets them counts and names what is bad, stays small, and loses nothing else."""

import ast
import io
import json
import os
import subprocess
import sys
import tarfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curate.picture import BadImage, Picture
from pipelines.photos import PhotoIndex, build_index
from pipelines.shards.files import sum_counts
from pipelines.shards.folder import Folder
from tests.curate.pictures import encoded
from tests.nasty import PIXELS, PNG, harmful, whole
from tests.pipelines.corpus_files import write
from tests.pipelines.curation import curate, rows
from train.evaluation.picture_files import BadPicture, read_picture
from train.feeding import crops

ROOT = Path(__file__).parents[1]
PACKAGES = ("fonts", "render", "curate", "pipelines", "train")
HARMFUL, WHOLE = harmful(), whole()
MAX_PEAK_BYTES = 20_000_000  # of Python and numpy; a whole picture here has 0.3 MB
SECONDS = 10.0
CUTS = [crops.Cut(size=(64, 64), native=native, down=0.5, right=0.5, mirrored=False) for native in (True, False)]


def scored(data: bytes, folder: Path) -> tuple[int, int]:
    height, width, _ = Picture(data).rgb.shape
    return width, height


def cropped(data: bytes, folder: Path) -> tuple[int, int]:
    assert all(crops.crop(data, cut).shape == (64, 64, 3) for cut in CUTS)
    height, width, _ = crops.decode(data).shape
    return width, height


def evaluated(data: bytes, folder: Path) -> tuple[int, int]:
    (folder / "picture.png").write_bytes(data)
    height, width, _ = read_picture(folder / "picture.png").shape
    return width, height


READERS: dict[str, tuple[Callable[[bytes, Path], tuple[int, int]], type[ValueError]]] = {
    "curate and render": (scored, BadImage),
    "train": (cropped, crops.BadImage),
    "evaluate": (evaluated, BadPicture),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_file_is_named_soon_and_in_little_memory(name: str, reader: str, tmp_path: Path):
    read, fault = READERS[reader]
    start = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(fault) as caught:
            read(HARMFUL[name], tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert type(caught.value) is fault
    assert 0 < len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)
    assert peak < MAX_PEAK_BYTES
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize(("name", "reader"), [(name, reader) for name in WHOLE for reader in READERS
                                              if reader != "evaluate" or not name.endswith(".gif")])  # fmt: skip
def test_an_odd_file_gives_its_picture(name: str, reader: str, tmp_path: Path):
    data, size = WHOLE[name]
    read, _ = READERS[reader]
    if reader == "evaluate":  # as the official evaluator has it
        size = size[::-1] if name == "exif_6.jpg" else size

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about EXIF; here they would be errors
        assert read(data, tmp_path) == size


@pytest.mark.parametrize("reader", READERS)
def test_a_format_that_is_no_photograph_s_is_not_begun(reader: str, tmp_path: Path):
    """PostScript would go to an interpreter, others to readers that few have tried."""
    read, fault = READERS[reader]
    for data in (HARMFUL["postscript.jpg"], encoded(PIXELS, "PPM"), encoded(PIXELS, "TGA"), encoded(PIXELS, "PCX")):
        with pytest.raises(fault, match=r"^not an image$|^no image that can be read$"):
            read(data, tmp_path)


def test_memory_of_a_process_that_reads_them_all_is_bounded(tmp_path: Path):
    """What C libraries hold, too."""
    program = (
        f"import sys, warnings; sys.path.insert(0, {str(ROOT)!r}); warnings.simplefilter('ignore')\n"
        "import resource, pathlib\nfrom tests.test_untrusted import HARMFUL, READERS\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for data in HARMFUL.values():\n"
        "    for read, fault in READERS.values():\n"
        "        try:\n            read(data, pathlib.Path(sys.argv[1]))\n"
        "        except fault:\n            continue\n"
        "        raise SystemExit('read')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)

    assert int(done.stdout) < 100_000  # kB


def test_scoring_a_folder_of_them_gives_each_its_row_and_spoils_no_other(tmp_path: Path, capfd):
    files = HARMFUL | {name: data for name, (data, _) in WHOLE.items()}
    code = curate("score", tmp_path / "out", write(tmp_path / "in", files | sly_containers(tmp_path)))
    told = capfd.readouterr().out
    found = {name.removeprefix("0/"): row for name, row in rows(tmp_path / "out").items()}
    bad = {name: row["reason"] for name, row in found.items() if row["status"] != "ok"}

    assert code == 0
    assert bad.keys() == HARMFUL.keys() | {"t.tar/up.png", "t.tar/etc/short.png", "t.tar"}
    assert all(bad.values())
    assert found.keys() == bad.keys() | WHOLE.keys() | {"t.tar/etc/passwd.png"}
    for name, (_, size) in WHOLE.items():
        assert (found[name]["width_px"], found[name]["height_px"]) == size
        assert found[name]["entropy_bits"] is not None
    assert "too many pixels" in told
    assert f"{len(found)} listed, {len(found) - len(bad)} scored" in told


def test_an_index_of_photos_takes_the_whole_ones_and_names_the_others(tmp_path: Path):
    files = HARMFUL | {name: data for name, (data, _) in WHOLE.items()}
    write(tmp_path / "in", files | sly_containers(tmp_path))
    build_index(str(tmp_path / "in"), str(tmp_path / "index"))
    index, counts = PhotoIndex.load(str(tmp_path / "index")), sum_counts(Folder(str(tmp_path / "index")))
    taken = {index.photo(number).name.removeprefix("in/") for number in range(len(index))}
    named = {name.removeprefix("fault/").partition(": ")[0] for name in counts if name.startswith("fault/")}

    assert taken <= WHOLE.keys() | {"t.tar/etc/passwd.png"}
    assert len(taken) > 15
    assert HARMFUL.keys() <= named
    assert not named & taken
    assert index.verdicts["unreadable"] == len(HARMFUL) + 3


def sly_containers(folder: Path) -> dict[str, bytes]:
    """A tar that would write, read and fill elsewhere were it unpacked; a compressed one; a Parquet bomb."""
    secret = folder / "secret.png"
    secret.write_bytes(PNG)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("../../up.png", "/etc/passwd.png"):
            member = tarfile.TarInfo(name)
            member.size = len(PNG)
            tar.addfile(member, io.BytesIO(PNG))
        for name, kind, target in (
            ("link.png", tarfile.SYMTYPE, str(secret)),
            ("hard.png", tarfile.LNKTYPE, "../secret.png"),
            ("pipe.png", tarfile.FIFOTYPE, ""),
            ("null.png", tarfile.CHRTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            tar.addfile(member)
        sparse = tarfile.TarInfo("sparse.png")  # a terabyte of nothing
        sparse.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(10**12),
                              "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,1"}  # fmt: skip
        tar.addfile(sparse)
        short = tarfile.TarInfo("/etc/short.png")  # claims more than there is
        short.size = 10**9
        buffer.write(short.tobuf(tarfile.PAX_FORMAT))
    return {"t.tar": buffer.getvalue()}


def test_links_out_of_the_corpus_are_counted_not_followed(tmp_path: Path):
    (tmp_path / "secret.png").write_bytes(PNG)
    corpus = write(tmp_path / "in", {"a.png": PNG} | sly_containers(tmp_path))
    (corpus / "out.png").symlink_to(tmp_path / "secret.png")
    (corpus / "proc.png").symlink_to("/proc/self/environ")
    (corpus / "up").symlink_to(tmp_path)
    os.mkfifo(corpus / "pipe.png")  # to open it would wait for ever

    assert curate("score", tmp_path / "out", corpus) == 0

    assert {name for name in rows(tmp_path / "out") if "t.tar" not in name} == {"0/a.png"}
    assert json.loads((tmp_path / "out/list/listing.json").read_text()) == {
        "skipped/link or special file in a tar": 5,
        "skipped/not a file": 1,
        "skipped/symlink leading outside the corpus": 3,
    }


def calls(tree: ast.AST) -> list[tuple[str, dict[str, Any]]]:
    """The dotted name and the keywords of each call in a file."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords if word.arg}
            found.append((ast.unparse(node.func), keywords))
    return found


def test_nothing_read_can_run_code():
    """No pickle, no YAML of objects, no eval; torch files as tensors alone."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        where = str(path.relative_to(ROOT))
        for name, keywords in calls(ast.parse(path.read_text(encoding="utf-8"))):
            last = name.rpartition(".")[2]
            if name == "torch.load":
                assert keywords.get("weights_only") == "True", where
            assert "allow_pickle" not in keywords or keywords["allow_pickle"] == "False", where
            assert name not in ("eval", "exec", "yaml.load", "yaml.full_load", "yaml.unsafe_load"), where
            assert not name.startswith(("marshal.", "shelve.", "dill.", "joblib.")), where
            # What workers of one run tell each other; no file.
            assert last != "loads" or "pickle" not in name or where == "pipelines/pools.py", where
            assert name not in ("pickle.load", "pickle.Unpickler", "extractall", "tar.extract"), where
