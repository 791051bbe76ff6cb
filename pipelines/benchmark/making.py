"""Makes a benchmark: pages listed, read, decided about, written, shown for review."""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from curate.ocr import open_engine
from curate.tokenbench import Pixels
from pipelines.benchmark.card import card_text, describe, summarise
from pipelines.benchmark.choosing import Candidate, Chosen, choice_hash, choose_samples, write_candidates
from pipelines.benchmark.measuring import MeasureJob
from pipelines.benchmark.packing import BENCH, BenchJob, write_bench
from pipelines.benchmark.pages import images_of, list_missing, list_pages, listing_hash
from pipelines.benchmark.review import REVIEW_FILE, read_strikes, review_page
from pipelines.benchmark.settings import PROG, Build
from pipelines.curation.scoring import Images
from pipelines.exits import exit_code
from pipelines.pools import one_thread
from pipelines.progress import spoken_time
from pipelines.runner import run, workers_of
from pipelines.shardloop import ShardsFailed
from pipelines.shards.codec import decode
from pipelines.shards.files import fingerprint, read_manifest, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, check_free, claim_folder, library_versions
from pipelines.shards.rows import spread
from pipelines.trail import Trail

MEASURED = "measured"
KIND = "benchmark"
SAMPLE_PAGES = 3
READ_REMEDY = "Name another folder: pages that were read otherwise do not mix."


def make(build: Build) -> int:
    """Build as the settings say; the process's exit code."""
    one_thread()

    def command() -> None:
        print(estimate(build) if build.execution.dry_run else make_benchmark(build))

    return exit_code(PROG, command, faults=(ImportError, ShardsFailed))


def make_benchmark(build: Build) -> str:
    """All of it, or what is missing; what there is now, for the terminal.

    Raises ValueError where OUT was begun with other pages or another engine, ShardsFailed where shards failed.
    """
    out = Folder(build.execution.out)
    check_kind(out)
    out.sweep()  # what a killed driver was writing
    struck = read_strikes(build.choice.strikes) if build.choice.strikes else []
    images = measure(build, out)
    chosen = choose_samples(Folder(f"{out.url}/{MEASURED}"), images, build.reading, build.choice, struck)
    for url, count in chosen.without_text.items():
        print(f"{PROG}: {url}: {count:,} records without text are known by file and name alone", file=sys.stderr)
    summary = summarise(chosen) | {"strikes that name no sample": unknown(chosen, struck)}
    write_candidates(out, chosen)
    out.put("summary.json", json.dumps(summary, indent=1, ensure_ascii=False).encode())
    if not chosen.kept:
        raise ValueError(f"no sample is left:\n{describe(summary, out.url)}")
    card = partial(card_text, summary, plain_settings(build), engine_of(build))
    counts = pack(build, out, images, chosen, card)
    write_bench(out)
    shown = [one for one in chosen.candidates if not one["reason"] or one["id"] in set(struck)]
    page = review_page([one for one in shown if one["num_chars"] is not None], Thumbnails(out, images), "Review")
    out.put(REVIEW_FILE, page.encode())
    lost = sorted(key[5:] for key in counts if key.startswith("lost/"))
    return "\n".join([describe(summary, out.url), *(f"  lost since it was read: {one}" for one in lost)])


def check_kind(out: Folder) -> None:
    """Raise ValueError where the folder holds other things than a benchmark, which would be replaced."""
    if not out.exists(JOB_FILE):
        if not out.exists(f"{MEASURED}/{JOB_FILE}"):
            check_free(out, (MEASURED,))
        return
    job = job_of(out)
    if KIND in job.get("identity", {}):
        return
    if job or not out.exists(f"{MEASURED}/{JOB_FILE}"):
        raise ValueError(f"{out.url} holds another kind of dataset: name another folder")
    print(f"{PROG}: {out.url}/{JOB_FILE} is damaged: the samples are written again", file=sys.stderr)
    clear(out)


def job_of(out: Folder) -> dict[str, Any]:
    """What the folder was begun with, {} where that is garbled."""
    try:
        job = json.loads(out.read(JOB_FILE))
    except ValueError:
        return {}
    return job if isinstance(job, dict) and isinstance(job.get("identity"), dict) else {}


def engine_of(build: Build) -> str:
    """Package and models that read, with versions."""
    return open_engine(build.reading.ocr, models=build.reading.ocr_models).version


def measure(build: Build, out: Folder) -> Images:
    """List the pages and read those that are missing."""
    folder = Folder(f"{out.url}/{MEASURED}")
    images = images_of(build.pages, folder.url)
    pages = {name: value for name, value in asdict(build.pages).items() if name not in ("annotations", "images")}
    sources = {"pages": pages | {"sources": images.urls}, **listing_hash(build.pages)}
    reading = {"engine": engine_of(build), "bounds": asdict(build.reading.bounds)}
    claim_folder(folder, sources | reading, READ_REMEDY)
    list_missing(build.pages, folder)
    Trail(folder).clear()
    engine = (build.reading.ocr, build.reading.ocr_models)
    make_job = partial(MeasureJob, images, folder.url, engine, build.reading.bounds)
    run(
        make_job,
        make_job().num_shards,
        folder.url,
        num_workers=build.execution.workers,
        backend=build.execution.backend,
        actors=True,
        unit="pages read",
    )
    return images


def pack(build: Build, out: Folder, images: Images, chosen: Chosen, card: Callable[[str], str]) -> dict[str, int]:
    """Write the dataset of what was chosen; one of another choice goes first, since pages need not be read again.

    Returns the counts of its shards.
    """
    per_shard = build.execution.images_per_shard
    identity = {KIND: choice_hash(chosen), "images_per_shard": per_shard}
    current = {"identity": identity, "versions": library_versions()}
    if out.exists(JOB_FILE) and job_of(out) != current:
        clear(out)
    claim_folder(out, identity, own=out.entries())
    out.put("README.md", card(fingerprint(read_manifest(out).values())).encode())
    make_job = partial(BenchJob, images, out.url, per_shard)
    done = run(
        make_job,
        make_job().num_shards,
        out.url,
        num_workers=build.execution.workers,
        backend=build.execution.backend,
        unit="samples written",
    )
    out.put("README.md", card(fingerprint(done.values())).encode())
    return sum_counts(out)


def clear(out: Folder) -> None:
    """Take away the samples of an earlier choice, their sidecars first."""
    for part in ("manifest", "data", BENCH):
        for name in out.list(part):
            out.delete(name)
    out.delete(JOB_FILE)


class Thumbnails:
    """The pixels of samples: of those in the dataset its own file, of those struck a new cut."""

    def __init__(self, out: Folder, images: Images) -> None:
        self._out, self._job = out, BenchJob(images, out.url, 1)
        self._there = set(out.list(BENCH))

    def __call__(self, one: Candidate) -> Pixels:
        name = f"{BENCH}/{one['id']}.png"
        return decode(self._out.read(name)) if name in self._there else self._job.pixels(one)


def unknown(chosen: Chosen, struck: Sequence[str]) -> list[str]:
    """Struck ids that name no crop of these pages."""
    return sorted(set(struck) - {one["id"] for one in chosen.candidates})


def plain_settings(build: Build) -> dict[str, Any]:
    """What decides about samples, as YAML can hold it; no paths."""
    reading, choice = asdict(build.reading), asdict(build.choice)
    left_out = ("ocr_models", "exclude", "strikes")
    plain = {name: value for name, value in (reading | choice).items() if name not in left_out}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def estimate(build: Build) -> str:
    """How many pages there are, and the time they would take, from a few read in this process; writes nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Folder(scratch)
        list_pages(build.pages, folder)
        engine = (build.reading.ocr, build.reading.ocr_models)
        job = MeasureJob(images_of(build.pages, folder.url), folder.url, engine, build.reading.bounds)
        pages = job.pages()
        few = [pages[number] for number in spread(len(pages), SAMPLE_PAGES)]
        began = time.process_time()
        for page in few:
            job.row(page)
        seconds = (time.process_time() - began) / len(few)
    workers = max(1, workers_of(build.execution.workers))  # no cluster is begun to be asked
    return "\n".join(
        [
            f"would read {len(pages):,} pages into {build.execution.out}",
            *(f"  {count:>6,} {name}" for name, count in Counter(page["category"] for page in pages).most_common()),
            f"time     about {spoken_time(len(pages) * seconds, workers)} "
            f"({seconds:,.1f} s a page, mean of {len(few)}, start included)",
        ]
    )
