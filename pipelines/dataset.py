"""Makes a rendered dataset: photos indexed, folder claimed, card written, shards run, totals told."""

import json
import os
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from curate.picture import BadImage
from fonts.catalog import load_catalog
from pipelines.card import write_card
from pipelines.corpora.sources import open_source
from pipelines.exits import exit_code
from pipelines.photos import PhotoIndex, build_index
from pipelines.recipe_files import flags_of
from pipelines.rendered.summary import describe, summarise
from pipelines.rendered.verification import SOURCES_FILE
from pipelines.rendering import RenderJob
from pipelines.runner import run
from pipelines.settings import Inputs, Settings
from pipelines.shardloop import ShardsFailed
from pipelines.shards.files import Folder, read_manifest, sum_counts
from pipelines.shards.identity import claim_folder
from pipelines.sheet import contact_sheet, preview_of
from render.recipe import Recipe
from render.text import open_writer

SAMPLE_IMAGES, SAMPLE_PHOTOS = 40, 12
CONTENT_FLAGS = {"faces": "--fonts", "corpus": "--corpus, its content", "photos": "--photos, their content"}
DESCRIPTION = """Render small English and Chinese text onto natural photos, with exact labels, into Parquet \
shards that `datasets.load_dataset(OUT)` opens.

--recipe NAME|FILE is the base (default, f16, f32, demo, or a YAML file of the fields below); every other flag \
overrides it. The same command again resumes. Afterwards: `render.py inspect OUT`, `render.py verify OUT`, \
`render.py export OUT --to DIR`."""


def make(settings: Settings) -> int:
    """Run a job as the settings say; the process's exit code."""

    def command() -> int:
        if settings.execution.dry_run:
            return _told(estimate(settings))
        return preview(settings) if settings.execution.preview else _make(settings)

    return exit_code("render.py", command, faults=(ShardsFailed,))


def _told(text: str) -> int:
    print(text)
    return 0


def _make(settings: Settings) -> int:
    execution = settings.execution
    out = Folder(execution.out)
    index = photo_index(settings)
    identity = identity_of(settings, index)
    flags = flags_of(Recipe, "recipe.") | flags_of(Inputs, "inputs.") | CONTENT_FLAGS
    claim_folder(out, identity, flags=flags)
    began, before = time.monotonic(), _images_there(out)
    sources = {"fonts": settings.inputs.fonts, "photo_index": _index_folder(settings)}
    out.put(SOURCES_FILE, json.dumps(sources).encode())
    if not before:  # else its totals stay until there are new ones, or for good where the run is refused
        write_card(out, settings, index)
    make_job = partial(RenderJob, settings, identity, _index_folder(settings) if index else "")
    run(
        make_job,
        settings.inputs.num_shards,
        out.url,
        num_workers=num_workers(settings),
        backend=execution.backend,
    )
    seconds = time.monotonic() - began
    counts = sum_counts(out)
    write_card(out, settings, index, counts)
    summary = summarise(counts, index, load_catalog(settings.inputs.fonts))
    out.put("summary.json", json.dumps(summary, indent=1, ensure_ascii=False).encode())
    out.put("preview.png", contact_sheet(out))
    print(describe(summary, settings, counts["images"] - before, seconds))
    return 0


def photo_index(settings: Settings) -> PhotoIndex | None:
    """The index of the photos, made where it is not there yet; None where no ground is a photo."""
    if "photo" not in settings.recipe.grounds.names:
        return None
    folder = _index_folder(settings)
    build_index(
        settings.inputs.photos,
        folder,
        min_side_px=max(max(size) for size in settings.recipe.sizes()),
        licence=settings.inputs.photo_licence,
        num_workers=num_workers(settings),
        backend=settings.execution.backend,
    )
    return PhotoIndex.load(folder, split=settings.inputs.split)


def _index_folder(settings: Settings) -> str:
    return settings.execution.photo_index or f"{settings.execution.out}/photos"


def identity_of(settings: Settings, index: PhotoIndex | None) -> dict[str, Any]:
    """What the bytes depend on: the fields of recipe and inputs, and the content of faces, texts and photos."""
    faces = {face.id: face.sha256 for face in load_catalog(settings.inputs.fonts).faces}
    if not faces:
        raise ValueError(f"fonts {settings.inputs.fonts}: no face can be used; run `python -m fonts check`")
    corpus = open_writer(settings.inputs.corpus).identity
    photos = index.identity if index else ""
    return settings.identity() | {"faces": faces, "corpus": corpus, "photos": photos}


def num_workers(settings: Settings) -> int:
    """Workers to start: as asked, or one a CPU of this machine (of the cluster under Ray)."""
    asked = settings.execution.workers
    if asked >= 0:
        return asked
    if settings.execution.backend == "ray":
        from pipelines.runner import cluster_cpus

        return cluster_cpus()
    return os.cpu_count() or 1


def _images_there(out: Folder) -> int:
    return sum(info.num_rows for info in read_manifest(out).values())


def preview(settings: Settings) -> int:
    """Render the first few images in this process, lay them side by side, and say where they are."""
    job = open_job(settings)
    records = [job.record(i, Counter()) for i in range(settings.execution.preview)]
    out = Folder(settings.execution.out)
    out.put("preview.png", preview_of(records))
    print(f"contact sheet: {out.url}/preview.png")
    return 0


def open_job(settings: Settings) -> RenderJob:
    """A job ready to make any record in this process."""
    index = photo_index(settings)
    return RenderJob(settings, identity_of(settings, index), _index_folder(settings) if index else "")


def estimate(settings: Settings) -> str:
    """The plan, and its bytes and time from a few records on a few of the photos, rendered in this process."""
    inputs = settings.inputs
    with tempfile.TemporaryDirectory() as folder:
        photos = _few_photos(inputs.photos, Path(folder, "photos"))
        execution = replace(settings.execution, out=f"{folder}/out", photo_index="", backend="inline", workers=0)
        job = open_job(replace(settings, inputs=replace(inputs, photos=(photos,)), execution=execution))
        began = time.process_time()
        num_bytes = [len(job.record(index, Counter()).image) for index in range(SAMPLE_IMAGES)]
        seconds = (time.process_time() - began) / SAMPLE_IMAGES
    workers = max(1, num_workers(settings))
    size, hours = (
        inputs.num_images * sum(num_bytes) / SAMPLE_IMAGES,
        inputs.num_images * seconds / workers / 3600,
    )
    return "\n".join(
        [
            f"would render {inputs.num_images:,} images into {inputs.num_shards:,} shards in {settings.execution.out}",
            f"recipe    {settings.recipe.name}: {settings.recipe.languages}; {settings.recipe.band_mix()}",
            f"size      about {size / 1e9:,.2f} GB (mean of {SAMPLE_IMAGES} images)",
            f"time      about {hours:,.2f} hours on {workers} workers ({seconds * 1e3:.0f} ms each, start included)",
        ]
    )


def _few_photos(sources: tuple[str, ...], folder: Path) -> str:
    """Copy the first few photos that can be read into a folder."""
    folder.mkdir()
    found = (source for url in sources for source in [open_source(url)])
    entries = ((source, entry) for source in found for entry in source.entries(Counter()))
    for number, (source, entry) in enumerate(islice(entries, SAMPLE_PHOTOS)):
        with suppress(BadImage):
            (folder / f"{number}{Path(entry.name).suffix}").write_bytes(source.read(entry))
    return str(folder)
