"""Makes a rendered dataset: photos indexed, folder claimed, card written, shards run, totals told."""

import hashlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from curate.ocr import is_installed
from curate.picture import BadImage, Picture
from curate.verdict import OK, Thresholds, judge, text_finder
from fonts.catalog import Catalog, load_catalog
from pipelines.card import write_card
from pipelines.corpora.sources import open_source
from pipelines.exits import exit_code
from pipelines.photos import PHOTOS, PhotoIndex, build_index, in_split
from pipelines.progress import spoken_size, spoken_time
from pipelines.recipe_files import flags_of
from pipelines.rendered.summary import SUMMARY_FILE, describe, summarise, texts_of, told_texts
from pipelines.rendered.verification import SOURCES_FILE
from pipelines.rendering import RenderJob
from pipelines.runner import run, workers_of
from pipelines.settings import Inputs, Settings
from pipelines.shardloop import ShardsFailed
from pipelines.shards.files import ShardInfo, read_manifest, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, check_free, claim_folder
from pipelines.sheet import contact_sheet, preview_of
from render.recipe import Recipe
from render.text import open_writer

SAMPLE_IMAGES, SAMPLE_PHOTOS, MAX_LOOKED_AT = 40, 12, 1000
PREVIEW = "preview.png"
OWN = (PREVIEW, PHOTOS)  # what may lie in OUT before the job has begun
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
    began, out, execution = time.monotonic(), Folder(settings.execution.out), settings.execution
    faces_of(settings)  # checked before photos are indexed and the folder is claimed
    if not out.exists(JOB_FILE):
        check_free(out, OWN)
    index = photo_index(settings)
    identity = identity_of(settings, index)
    num_before = _claim(out, settings, index, identity)
    make_job = partial(RenderJob, settings, identity, _index_folder(settings) if index else "")
    workers, backend = execution.workers, execution.backend
    done = run(make_job, settings.inputs.num_shards, out.url, num_workers=workers, backend=backend)
    seconds = time.monotonic() - began
    summary = _sum_up(out, settings, index, done.values())
    print(describe(summary, settings, summary["images"] - num_before, seconds))
    return 0


def _claim(out: Folder, settings: Settings, index: PhotoIndex | None, identity: dict[str, Any]) -> int:
    """Make the folder this job's and write what stands there before the first shard; how many images there are."""
    flags = flags_of(Recipe, "recipe.") | flags_of(Inputs, "inputs.") | CONTENT_FLAGS
    claim_folder(out, identity, flags=flags, own=OWN)
    sources = {"fonts": settings.inputs.fonts, "photo_index": _index_folder(settings)}
    out.put(SOURCES_FILE, json.dumps(sources).encode())
    num_images = sum(info.num_rows for info in read_manifest(out).values())
    if not num_images:  # else its totals stay until there are new ones, or for good where the run is refused
        write_card(out, settings, index)
    return num_images


def _sum_up(out: Folder, settings: Settings, index: PhotoIndex | None, shards: Iterable[ShardInfo]) -> dict[str, Any]:
    """Write the card with its totals, the summary and the contact sheet; the summary."""
    counts = sum_counts(out)
    write_card(out, settings, index, counts, shards)
    inputs = settings.inputs
    summary = summarise(counts, index, load_catalog(inputs.fonts), open_writer(inputs.corpus))
    out.put(SUMMARY_FILE, json.dumps(summary, indent=1, ensure_ascii=False).encode())
    out.put(PREVIEW, contact_sheet(out))
    return summary


def photo_index(settings: Settings) -> PhotoIndex | None:
    """The index of the photos, made where it is not there yet; None where no ground is a photo."""
    if "photo" not in settings.recipe.grounds.names:
        return None
    folder = _index_folder(settings)
    build_index(
        settings.inputs.photos,
        folder,
        min_side_px=_least_side_px(settings),
        licence=settings.inputs.photo_licence,
        num_workers=settings.execution.workers,
        backend=settings.execution.backend,
    )
    return PhotoIndex.load(folder, split=settings.inputs.split)


def _least_side_px(settings: Settings) -> int:
    return min(min(size) for size in settings.recipe.sizes())


def _index_folder(settings: Settings) -> str:
    return settings.execution.photo_index or f"{settings.execution.out}/{PHOTOS}"


def faces_of(settings: Settings) -> Catalog:
    """The faces. Raises ValueError where there is none, or none that draws a language of the recipe."""
    fonts, languages = settings.inputs.fonts, settings.recipe.languages.names
    catalog = load_catalog(fonts)
    if lacking := [language for language in languages if not catalog.for_language(language)]:
        raise ValueError(
            f"languages asks for {', '.join(lacking)} but no face of fonts {', '.join(fonts)} draws it: add --fonts, "
            "see `python -m fonts list`"
        )
    return catalog


def identity_of(settings: Settings, index: PhotoIndex | None) -> dict[str, Any]:
    """What the bytes depend on: the fields of recipe and inputs, and the content of faces, texts and photos."""
    faces = {face.id: face.sha256 for face in faces_of(settings).faces}
    corpus = open_writer(settings.inputs.corpus).identity
    photos = index.identity if index else ""
    return settings.identity() | {"faces": faces, "corpus": corpus, "photos": photos}


def preview(settings: Settings) -> int:
    """Render the first few images in this process, lay them side by side, and say where they are. Raises ValueError
    where the folder holds a dataset, whose contact sheet bears that name."""
    out = Folder(settings.execution.out)
    if out.exists(JOB_FILE):
        raise ValueError(f"{out.url} holds a dataset, whose {PREVIEW} this would replace: give another --out")
    job = open_job(settings)
    records = [job.record(i, Counter()) for i in range(settings.execution.preview)]
    out.put(PREVIEW, preview_of(records))
    print(f"contact sheet: {out.url}/{PREVIEW}")
    return 0


def open_job(settings: Settings) -> RenderJob:
    """A job ready to make any record in this process."""
    index = photo_index(settings)
    return RenderJob(settings, identity_of(settings, index), _index_folder(settings) if index else "")


def estimate(settings: Settings) -> str:
    """The plan, with the bytes and the time that a few records let expect."""
    num_images, num_shards = settings.inputs.num_images, settings.inputs.num_shards
    num_bytes, seconds = _measured(settings)
    workers = max(1, workers_of(settings.execution.workers))  # no cluster is begun to be asked
    return "\n".join(
        [
            f"would render {num_images:,} images into {num_shards:,} shards in {settings.execution.out}",
            f"recipe    {settings.recipe.name}: {settings.recipe.languages}; {settings.recipe.band_mix()}",
            f"texts     {describe_texts(settings)}",
            f"size      about {spoken_size(num_images * num_bytes)} (mean of {SAMPLE_IMAGES} images)",
            f"time      about {spoken_time(num_images * seconds, workers)} ({seconds * 1e3:.0f} ms each)",
        ]
    )


def _measured(settings: Settings) -> tuple[float, float]:
    """Mean bytes and CPU seconds of an image: of a few, on a few of the photos, rendered in this process."""
    inputs = settings.inputs
    with tempfile.TemporaryDirectory() as folder:
        if "photo" in settings.recipe.grounds.names:
            inputs = replace(inputs, photos=(_few_photos(settings, Path(folder, "photos")),))
        execution = replace(settings.execution, out=f"{folder}/out", photo_index="", backend="inline", workers=0)
        job = open_job(replace(settings, inputs=inputs, execution=execution))
        job.record(SAMPLE_IMAGES, Counter())  # loads faces and compiled code, once a worker
        began = time.process_time()
        num_bytes = [len(job.record(index, Counter()).image) for index in range(SAMPLE_IMAGES)]
        return sum(num_bytes) / SAMPLE_IMAGES, (time.process_time() - began) / SAMPLE_IMAGES


def describe_texts(settings: Settings) -> str:
    """Where each language's running text comes from, and which files of the corpus could not be used."""
    writer = open_writer(settings.inputs.corpus)
    told = told_texts(texts_of(writer, settings.recipe.languages.names))
    return "".join([told, *(f"\n  not used: {rejected}" for rejected in writer.rejected)])


def _few_photos(settings: Settings, folder: Path) -> str:
    """Copy the first few photos that can be read into a folder, and others until each size has one that serves."""
    folder.mkdir()
    lacking = set(settings.recipe.sizes())
    serves = _judge(settings)
    sources = map(open_source, settings.inputs.photos)
    entries = ((source, entry) for source in sources for entry in source.entries(Counter()))
    for number, (source, entry) in enumerate(islice(entries, MAX_LOOKED_AT)):
        with suppress(BadImage):
            picture = Picture(source.read(entry))
            header = picture.header
            held = {size for size in lacking if size[0] <= header.width_px and size[1] <= header.height_px}
            held = held if held and serves(picture) else set()
            if held or number < SAMPLE_PHOTOS:
                (folder / f"{number}.{header.format.lower()}").write_bytes(picture.data)
            lacking -= held
        if number + 1 >= SAMPLE_PHOTOS and not lacking:
            break
    return str(folder)


def _judge(settings: Settings) -> Callable[[Picture], bool]:
    """Whether a photo is of the split and would be accepted into the index."""
    thresholds = Thresholds(min_side_px=_least_side_px(settings))
    engine = text_finder() if is_installed() else None

    def serves(picture: Picture) -> bool:
        sha256 = hashlib.sha256(picture.data).hexdigest()
        with suppress(BadImage):
            return in_split(sha256, settings.inputs.split) and judge(picture, thresholds, engine).verdict == OK
        return False

    return serves
