"""Text already in photos: real ones get their verdicts, those with text are never mirrored, nothing is guessed."""

import os
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from pipelines.dataset import open_job
from pipelines.photos import build_index
from pipelines.settings import Execution, Inputs, Settings
from pipelines.shards.files import sum_counts
from pipelines.shards.folder import Folder
from render.mix import Mix
from render.recipe import Recipe
from render.scene import Scene
from tests.pipelines.corpus_files import write
from tests.pipelines.indexed import GOOD, rows_of

WITH_TEXT = ("gb82/mies.png", "kodak/kodim05.png")
WITHOUT_TEXT = ("gb82/haze.png",)


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
