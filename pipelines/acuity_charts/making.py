"""Makes acuity charts: photos indexed, folder claimed, card written, shards run, totals told."""

import tempfile
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from fonts.catalog import load_catalog
from pipelines.acuity_charts.job import ChartJob
from pipelines.acuity_charts.settings import ChartSettings
from pipelines.card import default_config, size_category
from pipelines.exits import exit_code
from pipelines.photos import PHOTOS, PhotoIndex, build_index
from pipelines.progress import spoken_size, spoken_time
from pipelines.runner import run, workers_of
from pipelines.shardloop import ShardsFailed
from pipelines.shards.codec import decode, encode
from pipelines.shards.files import fingerprint, read_manifest, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, check_free, claim_folder
from pipelines.sheet import lay_out
from render.text import open_writer

SAMPLE_CHARTS = 16
PREVIEW = "preview.png"
OWN = (PREVIEW, PHOTOS)  # what may lie in OUT before the job has begun
MIN_PHOTO_SIDE_PX = 256
DESCRIPTION = """Render acuity charts: lines of known English and Chinese text, 5 to 20 px, dark and light, on paper \
and on photos, each character with its true look and that of the nine characters that look most like it. They measure \
the smallest character that an autoencoder still transmits: `train/acuity.py --charts OUT`.

The same command again resumes; a larger --charts-per-cell extends the set."""
_COLUMNS = {
    "id": "hash of what the bytes depend on, index",
    "image": "the chart, 256 x 256 px, PNG",
    "source, licence": "the photo under the text, and its licence",
    "language, size_px, ground, contrast": "what kind of chart it is: en or zh; the em, px; paper or photo; dark or "
    "light ink",
    "text, lines": "every line drawn; each with its text, quad_px, contrast (APCA Lc), face",
    "ink": "the colour of the text, #rrggbb",
    "targets": "characters to be told apart: char; candidates, ten characters of which number truth (from 0) is the "
    "true one; the box x, y, width, height, px; line, its number",
    "under": "PNG: for each target, one below the other in cells of one size, what its box holds without it",
    "coverages": "PNG, grey: for each target a row of ten cells, how much of each pixel a candidate covers, 0 to 255",
    "scene": "JSON that draws the chart again",
}
_FORMULA = """With a candidate of coverage `c` in its place, a box holds, in whole numbers,

    weight = c + c // 128
    (under * (256 - weight) + ink * weight + 128) // 256

and with the true one it holds the chart's own pixels, byte for byte."""


def make(settings: ChartSettings) -> int:
    """Run a job as the settings say; the process's exit code."""

    def command() -> None:
        if settings.execution.dry_run or settings.execution.preview:
            print(_estimate(settings) if settings.execution.dry_run else _preview(settings))
        else:
            _make(settings)

    return exit_code("acuity.py", command, faults=(ShardsFailed,))


def _make(settings: ChartSettings) -> None:
    out, execution = Folder(settings.execution.out), settings.execution
    if not out.exists(JOB_FILE):
        check_free(out, OWN)
    identity = _identity(settings)
    claim_folder(out, identity, own=OWN)
    began, before = time.monotonic(), sum(info.num_rows for info in read_manifest(out).values())
    if not before:  # else its totals stay until there are new ones
        out.put("README.md", card_text(settings, Counter(), fingerprint(())).encode())
    done = run(
        partial(ChartJob, settings, identity),
        settings.num_shards,
        out.url,
        num_workers=execution.workers,
        backend=execution.backend,
        unit="charts",
    )
    counts, seconds = sum_counts(out), time.monotonic() - began
    out.put("README.md", card_text(settings, counts, fingerprint(done.values())).encode())
    print(_described(settings, counts, counts["charts"] - before, seconds))


def _identity(settings: ChartSettings) -> dict[str, Any]:
    """What the bytes depend on: the settings' fields, and the content of faces, texts and photos."""
    index = _index_photos(settings)
    faces = {face.id: face.sha256 for face in load_catalog(settings.inputs.fonts).faces}
    corpus = open_writer(settings.inputs.corpus).identity
    return settings.identity() | {"faces": faces, "corpus": corpus, "photos": index.identity if index else ""}


def _index_photos(settings: ChartSettings) -> PhotoIndex | None:
    """The index of the photos, made where it is not there yet; None where no ground is a photo."""
    if not settings.photo_index:
        return None
    execution = settings.execution
    build_index(
        settings.inputs.photos,
        settings.photo_index,
        min_side_px=MIN_PHOTO_SIDE_PX,
        licence=settings.inputs.photo_licence,
        num_workers=execution.workers,
        backend=execution.backend,
    )
    return PhotoIndex.load(settings.photo_index, split=settings.inputs.split)


def _described(settings: ChartSettings, counts: Counter[str], num_new: int, seconds: float) -> str:
    lines = [
        f"charts    {counts['charts']:,} ({num_new:,} new in {seconds:,.0f} s), {counts['lines']:,} lines",
        f"targets   {counts['targets']:,} characters with nine look-alikes each",
    ]
    for kind in ("fault", "reject", "left out"):
        lines += [f"{kind:9} {n:,} {key[len(kind) + 1 :]}" for key, n in counts.items() if key.startswith(f"{kind}/")]
    return "\n".join([*lines, f"dataset   {Folder(settings.execution.out).url}"])


def _spread_charts(settings: ChartSettings, count: int) -> list[dict[str, Any]]:
    """Charts of sizes spread evenly, the other kinds in turn, made in this process."""
    job, cells = ChartJob(settings, _identity(settings)), settings.charts.cells()
    count, kinds = min(count, len(cells)), sum(cell.size_px == cells[0].size_px for cell in cells)
    places = (i * len(cells) // count for i in range(count))
    return [job.row(place - place % kinds + i % kinds, Counter()) for i, place in enumerate(places)]


def _preview(settings: ChartSettings) -> str:
    """Write OUT/preview.png, charts beside their first targets' candidates; says where it is."""
    out = Folder(settings.execution.out)
    pictures = [(_beside(row), _caption(row)) for row in _spread_charts(settings, settings.execution.preview)]
    out.put(PREVIEW, encode(lay_out(pictures, columns=2)))
    return f"contact sheet: {out.url}/{PREVIEW}"


def _beside(row: dict[str, Any]) -> NDArray[np.uint8]:
    """A chart, and what its sheet of candidates shows in as much room."""
    chart, sheet = decode(row["image"]), decode(row["coverages"])
    picture = np.full((chart.shape[0], 2 * chart.shape[1], 3), 245, np.uint8)
    picture[:, : chart.shape[1]] = chart
    scale = 2 if sheet.shape[1] * 2 <= chart.shape[1] else 1
    large = np.asarray(cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST), np.uint8)
    part = large[: chart.shape[0], : chart.shape[1]]
    picture[: part.shape[0], chart.shape[1] : chart.shape[1] + part.shape[1]] = part
    return picture


def _caption(row: dict[str, Any]) -> str:
    return f"{row['size_px']} px  {row['language']}  {row['ground']}  {row['contrast']} ink"


def _estimate(settings: ChartSettings) -> str:
    """The plan, and its bytes and time from a few charts made in this process, on the photos that come with us."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = replace(settings.inputs, photos=("builtin",), split="all")
        execution = replace(settings.execution, photo_index=folder, backend="inline", workers=0)
        sample = replace(settings, inputs=inputs, execution=execution)
        _spread_charts(sample, 1)  # compiles, reads faces
        began = time.process_time()
        rows = _spread_charts(sample, SAMPLE_CHARTS)
    seconds = (time.process_time() - began) / len(rows)
    num_bytes = sum(len(row[name]) for row in rows for name in ("image", "under", "coverages")) / len(rows)
    workers = max(1, workers_of(settings.execution.workers))
    num_targets = sum(len(row["targets"]) for row in rows) / len(rows)
    return "\n".join(
        [
            f"would make {settings.num_charts:,} charts in {settings.num_shards:,} shards in {settings.execution.out}",
            f"targets   about {settings.num_charts * num_targets:,.0f} (mean of {len(rows)} charts)",
            f"size      about {spoken_size(settings.num_charts * num_bytes)}",
            f"time      about {spoken_time(settings.num_charts * seconds, workers)}",
        ]
    )


def card_text(settings: ChartSettings, counts: Counter[str], shards: str) -> str:
    """The dataset card, README.md, with the YAML that makes the folder a Hugging Face dataset."""
    header = {
        "pretty_name": "Smallprint acuity charts",
        "language": list(settings.charts.languages),
        "task_categories": ["image-to-text"],
        "tags": ["synthetic", "small-text", "autoencoder", "benchmark"],
        "license": "other",
        "size_categories": [size_category(settings.num_charts)],
        "configs": default_config("test", shards),
    }
    totals = f"{counts['charts']:,} charts, {counts['lines']:,} lines, {counts['targets']:,} targets."
    return (
        "\n\n".join(
            [
                "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
                "# Acuity charts, rendered by Smallprint",
                "They measure the smallest character that an autoencoder still transmits.",
                totals if counts else "Rendering is under way; the shards that are there are whole.",
                "## Columns\n\n" + "\n".join(f"- **{name}**: {text}" for name, text in _COLUMNS.items()),
                _FORMULA,
                "## Settings\n\n```yaml\n" + yaml.safe_dump(settings.identity(), sort_keys=False) + "```",
            ]
        )
        + "\n"
    )
