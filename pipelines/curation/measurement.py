"""Scores a corpus: lists it once, runs the pixel job and the text job over the list, and tells the totals."""

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pyarrow.compute as pc

from pipelines.corpora.listing import ENTRIES, Listing, describe_skipped, images_by_source, write_entries
from pipelines.corpora.sources import Source, absolute, open_source
from pipelines.curation.carrying import carry, describe_carried, parse_carried
from pipelines.curation.columns import check_scorers, score_names
from pipelines.curation.deduplicating import find_duplicates
from pipelines.curation.scoretable import CARRIED, DUPLICATES, LIST, SCORES, TEXT, ScoreTable, images_of, part_of
from pipelines.curation.scoring import OK, SCORER_FAILED, Images, Reading, ScoreJob, TextJob
from pipelines.curation.settings import Corpus, Execution, Measures
from pipelines.curation.timings import timed
from pipelines.runner import run
from pipelines.shards.files import sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, check_free, claim_folder
from pipelines.trail import Trail

MAX_NAMED = 10
# What a user gives for each part of a job's identity.
LIST_FLAGS = {
    "sources": "--source",
    "licence": "--source-licence",
    "dpi": "--dpi",
    "limits.max_pixels": "--max-mpx, in pixels",
    "limits.max_bytes": "--max-mb, in bytes",
}
SCORE_FLAGS = {"scorers": "--scorers, their versions", "files": "--scorers, sha256 of the file"}
TEXT_FLAGS = {"scorers.text": "--ocr, --ocr-models, --text, --ocr-gpus"}


def list_images(corpus: Corpus, out: str) -> None:
    """List the sources into the curation, once; what has changed in them since is told, not taken in.

    Raises ValueError where there is no image, and where the folder was begun with other sources.
    """
    folder = part_of(out, LIST)
    urls = [absolute(url) for url in corpus.source]
    if not urls:
        raise ValueError("source is empty: give --source PATH")
    sources = [open_source(url, corpus.source_licence, corpus.pages) for url in urls]
    identity = {"sources": urls, "licence": corpus.source_licence, "dpi": corpus.dpi, "limits": asdict(corpus.limits)}
    if not folder.exists(JOB_FILE):
        check_free(Folder(out), (LIST,))
    claim_folder(folder, identity, flags=LIST_FLAGS)
    if not folder.exists(ENTRIES):
        write_entries(folder, sources)
    elif changes := changes_since(folder, urls, sources):
        print("\n".join([*changes, "The scores keep to the list: give new images another --out."]), file=sys.stderr)


def changes_since(folder: Folder, urls: Sequence[str], sources: Sequence[Source]) -> list[str]:
    """One line a source that has other images now than when it was listed."""
    with tempfile.TemporaryDirectory() as scratch:
        now = Folder(scratch)
        write_entries(now, sources)
        if now.read(ENTRIES) == folder.read(ENTRIES):
            return []
        before, after = images_by_source(folder), images_by_source(now)
    return [
        f"{url} has changed since it was listed: {before[number]:,} images then, {after[number]:,} now"
        for number, url in enumerate(urls)
        if before[number] != after[number]
    ] or ["the sources hold as many images as when they were listed, but others"]


def score(corpus: Corpus, measures: Measures, execution: Execution) -> None:
    """Make the scores and texts that are missing.

    Raises ValueError where the folder was begun with other settings, ShardsFailed where shards failed.
    """
    check_scorers(measures.scorers, with_text=measures.ocr != "none")
    carried = parse_carried(corpus.carry, score_names(measures.scorers))
    list_images(corpus, execution.out)
    images = images_of(execution.out)
    digest = hashlib.sha256(Folder(images.list_url).read(ENTRIES)).hexdigest()
    carry(execution.out, images, digest, carried, num_workers=execution.workers, backend=execution.backend)
    listing = {"listing": digest}
    with timed(execution.out, SCORES):
        _score_pixels(images, measures, execution, listing)
    if measures.ocr != "none":
        with timed(execution.out, TEXT):
            _score_text(images, measures, execution, listing)
    find_duplicates(execution.out)


def _score_pixels(images: Images, measures: Measures, execution: Execution, listing: dict[str, str]) -> None:
    folder = part_of(execution.out, SCORES)
    make_job = partial(ScoreJob, images, measures.scorers, folder.url)
    job = make_job()
    claim_folder(folder, listing | {"scorers": job.versions, "files": _digests(measures)}, flags=SCORE_FLAGS)
    Trail(folder).clear()
    run(
        make_job,
        job.num_shards,
        folder.url,
        num_workers=execution.workers,
        backend=execution.backend,
        unit="images scored",
    )


def _score_text(images: Images, measures: Measures, execution: Execution, listing: dict[str, str]) -> None:
    """A pool of workers that stay: loading an engine's models takes seconds."""
    folder = part_of(execution.out, TEXT)
    reading = reading_of(measures, execution)
    claim_folder(folder, listing | {"scorers": {"text": reading.version}}, flags=TEXT_FLAGS)
    Trail(folder).clear()
    asked = execution.workers if execution.ocr_workers < 0 else execution.ocr_workers
    run(
        partial(TextJob, images, part_of(execution.out, SCORES).url, folder.url, reading),
        Listing(Folder(images.list_url)).num_shards,
        folder.url,
        num_workers=asked,
        backend=execution.backend,
        num_cpus=execution.ocr_cpus,
        num_gpus=execution.ocr_gpus,
        actors=True,
        unit="images read",
    )


def reading_of(measures: Measures, execution: Execution) -> Reading:
    """How text is read, as workers need to know it."""
    device = "gpu" if execution.ocr_gpus else "cpu"
    return Reading(engine=measures.ocr, models=measures.ocr_models, device=device, text=measures.text)


def _digests(measures: Measures) -> dict[str, str]:
    """The sha256 of each file with a scorer of the user's own."""
    files = {name: Path(name.rpartition(":")[0]) for name in measures.scorers if ".py:" in name}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def describe_scores(out: str) -> str:
    """What was scored, for the terminal: rows, faults by name, and the first of them."""
    parts = {name: sum_counts(part_of(out, name)) for name in (SCORES, TEXT, DUPLICATES)}
    table = ScoreTable(out)
    lines = [f"images   {table.num_rows:,} listed, {parts[SCORES]['ok']:,} scored"]
    lines += [f"skipped  {skipped}" for skipped in [describe_skipped(part_of(out, LIST))] if skipped]
    faults = parts[SCORES] | {key: n for key, n in parts[TEXT].items() if key.startswith("fault/")}
    for key, count in sorted(faults.items()):
        if key.startswith("fault/"):
            broken = SCORER_FAILED in key and not parts[SCORES]["ok"]
            remedy = " (every image: mend it, remove OUT/scores and score again)" if broken else ""
            lines.append(f"fault    {count:,} {key[6:]}{remedy}")
    lines += describe_carried(sum_counts(part_of(out, CARRIED)), table.num_rows)
    lines += [f"again    {n:,} {key[10:]} duplicates" for key, n in sorted(parts[DUPLICATES].items()) if n]
    lines += [f"  {name}: {reason}" for name, reason in bad_rows(table, MAX_NAMED)]
    lines.append(f"scores   {part_of(out, SCORES).url}")
    return "\n".join(lines)


def bad_rows(table: ScoreTable, count: int) -> list[tuple[str, str]]:
    """Id and reason of the first rows with a fault."""
    found: list[tuple[str, str]] = []
    for batch in table.batches(("id", "status", "reason")):
        bad = batch.filter(pc.not_equal(batch.column("status"), OK)).slice(0, count - len(found))
        found += [(row["id"], row["reason"]) for row in bad.to_pylist()]
        if len(found) == count:
            break
    return found
