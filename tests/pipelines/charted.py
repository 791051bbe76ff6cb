"""A small set of acuity charts for tests of what is measured with them; made once a test run, never to be changed."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from pipelines.acuity_charts import making
from pipelines.acuity_charts.settings import ChartSettings, parse_settings

FLAGS = "--backend inline --workers 0 --charts-per-shard 32 --seed 3 --charts-per-cell 1 --targets-per-chart 32"
NUM_CHARTS, NUM_SHARDS = 128, 4


def settings_of(out: Path, *flags: str) -> ChartSettings:
    """Settings of the small set, or of one that differs in some flags."""
    return parse_settings([*FLAGS.split(), *flags, "--out", str(out)], "", "acuity.py").absolute()


@cache
def charted() -> Path:
    """128 charts in four shards: one of every size, language, ground and contrast."""
    folder = Path(tempfile.mkdtemp(prefix="smallprint-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    assert making.make(settings_of(folder)) == 0
    return folder
