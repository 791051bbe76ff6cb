"""A small rendered dataset for tests of what is done with one; made once a test run, never to be changed."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from pipelines import dataset
from pipelines.settings import parse_settings

NUM_IMAGES, SHARD_ROWS = 14, 6
FLAGS = (
    f"--recipe demo --num-images {NUM_IMAGES} --images-per-shard {SHARD_ROWS} --image-size 192 "
    "--style-block 1 --backend inline --workers 0 --words --chars --mask --seed 3"
)


@cache
def rendered() -> Path:
    """14 images of 192 px in three shards, all bands, both languages, nearly all on photos, every label."""
    folder = Path(tempfile.mkdtemp(prefix="smallprint-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = parse_settings([*FLAGS.split(), "--out", str(folder)], "", "render.py").absolute()
    assert dataset.make(settings) == 0
    return folder


def copy_of(folder: Path, to: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(folder, to / "copy"))
