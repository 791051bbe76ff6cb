"""Makes a rendered dataset: photos indexed, folder claimed, card written, shards run, totals told."""

import json
import os
import sys
import time
from collections import Counter
from functools import partial
from typing import Any

from fonts.catalog import load_catalog
from pipelines.card import write_card
from pipelines.photos import PhotoIndex, build_index
from pipelines.plan import WINDOW
from pipelines.rendering import RenderJob
from pipelines.runner import ShardsFailed, run
from pipelines.settings import Settings
from pipelines.sheet import contact_sheet, preview_of
from pipelines.shards.files import Folder, sum_counts
from pipelines.shards.identity import claim_folder
from pipelines.summary import describe, summarise
from render.text import open_writer

DESCRIPTION = """Render small English and Chinese text onto natural photos, with exact labels, into Parquet \
shards that `datasets.load_dataset(OUT)` opens.

--recipe NAME|FILE is the base (default, f16, f32, demo, or a YAML file of the fields below); every other flag \
overrides it. The same command again resumes. Afterwards: `render.py inspect OUT`, `render.py verify OUT`, \
`render.py export OUT --to DIR`."""


def make(settings: Settings) -> int:
    """Run a job as the settings say; the process's exit code."""
    try:
        if settings.execution.dry_run:
            return dry_run(settings)
        if settings.execution.preview:
            return preview(settings)
        return _make(settings)
    except (ValueError, FileNotFoundError, ShardsFailed) as error:
        print(f"render.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("render.py: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _make(settings: Settings) -> int:
    execution = settings.execution
    out = Folder(execution.out)
    index = photo_index(settings)
    identity = identity_of(settings, index)
    claim_folder(out, identity)
    write_card(out, settings, index)
    make_job = partial(RenderJob, settings, identity, _index_folder(settings) if index else "")
    began, before = time.monotonic(), _images_there(out)
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
    summary = summarise(counts, index)
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
    return sum_counts(out)["images"]


def preview(settings: Settings) -> int:
    """Render the first few images in this process, lay them side by side, and say where they are."""
    job = _job(settings)
    records = [job.record(i, Counter()) for i in range(settings.execution.preview)]
    out = Folder(settings.execution.out)
    out.put("preview.png", preview_of(records))
    print(f"contact sheet: {out.url}/preview.png")
    return 0


def _job(settings: Settings) -> RenderJob:
    index = photo_index(settings)
    return RenderJob(settings, identity_of(settings, index), _index_folder(settings) if index else "")


def dry_run(settings: Settings) -> int:
    """Print the plan, and bytes and time from a sample rendered in this process."""
    from dataclasses import replace

    inputs, recipe = settings.inputs, settings.recipe
    sample = replace(
        settings,
        recipe=replace(recipe, image_size=recipe.image_size, style_block=1),
        inputs=replace(inputs, photos=("builtin",), num_images=24),
        execution=replace(settings.execution, backend="inline", workers=0),
    )
    grounds = recipe.grounds if max(max(s) for s in recipe.sizes()) <= 256 else "plain"
    job = RenderJob(_without_photos(sample), identity_of(_without_photos(sample), None), "")
    began, num_bytes, count = time.process_time(), 0, 24
    for i in range(count):
        num_bytes += len(job.record(i * WINDOW // count, Counter()).image)
    seconds = (time.process_time() - began) / count
    print(_plan_text(settings, seconds, num_bytes / count, str(grounds)))
    return 0


def _without_photos(settings: Settings) -> Settings:
    from dataclasses import replace

    from render.mix import Mix

    return replace(settings, recipe=replace(settings.recipe, grounds=Mix.of({"paper": 1.0})))


def _plan_text(settings: Settings, seconds: float, num_bytes: float, grounds: str) -> str:
    inputs = settings.inputs
    workers = num_workers(settings)
    return "\n".join(
        [
            f"{inputs.num_images:,} images in {inputs.num_shards:,} shards into {settings.execution.out}",
            f"estimate: {inputs.num_images * num_bytes / 1e9:.2f} GB, "
            f"{inputs.num_images * seconds / max(1, workers) / 60:.1f} minutes on {workers} workers",
        ]
    )
