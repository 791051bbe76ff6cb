"""What a curation would do and how long it would take, from a few of its images; writes nothing."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from curate.picture import BadImage
from curate.scorers import Scorer, open_scorers
from pipelines.corpora.listing import Listing, images_by_source
from pipelines.curation.measurement import list_images, reading_of
from pipelines.curation.scoretable import SCORES, TEXT, ScoreTable, images_of, part_of
from pipelines.curation.scoring import OK, ImageOpener, Measuring
from pipelines.curation.selecting import selected_batches
from pipelines.curation.settings import Corpus, Execution, Measures, Packing
from pipelines.progress import spoken_size, spoken_time
from pipelines.runner import workers_of
from pipelines.shards.files import read_manifest
from pipelines.shards.folder import Folder
from pipelines.shards.rows import spread

SAMPLE_IMAGES = 12
WARMING_IMAGES = 2  # what is loaded and compiled on the first images is not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a sample of images took: CPU seconds an image, and how many of the sample had a fault."""

    seconds: float
    num_faults: int


def estimate_scoring(corpus: Corpus, measures: Measures, execution: Execution) -> str:
    """The plan of a scoring, and its time from a few images scored in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        list_images(corpus, scratch)
        images = images_of(scratch)
        listing = Listing(Folder(images.list_url))
        sources = images_by_source(Folder(images.list_url))
        places = [listing.row(number) for number in spread(listing.num_entries, SAMPLE_IMAGES + WARMING_IMAGES)]
        opener = ImageOpener(images)
        stages = {"scores": list(zip(measures.scorers, open_scorers(measures.scorers), strict=True))}
        if measures.ocr != "none":
            stages["text"] = [("text", reading_of(measures, replace(execution, ocr_gpus=0)).scorer())]
        costs = {name: _cost(places, scorers, opener) for name, scorers in stages.items()}
    lines = [f"would score {listing.num_entries:,} images in {listing.num_shards:,} shards into {execution.out}"]
    lines += [f"  {sources[number]:,} of {url}" for number, url in enumerate(corpus.source)]
    lines += [_line(name, cost, listing.num_entries, execution) for name, cost in costs.items()]
    return "\n".join(lines)


def _cost(places: Sequence[dict[str, Any]], scorers: Sequence[tuple[str, Scorer]], opener: ImageOpener) -> Cost:
    measuring = Measuring(scorers, opener)
    warming = min(WARMING_IMAGES, len(places) - 1)
    for _ in measuring.rows((place, OK, "") for place in places[:warming]):
        pass
    began = time.process_time()
    rows = list(measuring.rows((place, OK, "") for place in places[warming:]))
    seconds = (time.process_time() - began) / len(rows)
    return Cost(seconds=seconds, num_faults=sum(row.status != OK for row in rows))


def _line(name: str, cost: Cost, num_images: int, execution: Execution) -> str:
    asked = execution.ocr_workers if name == "text" and execution.ocr_workers >= 0 else execution.workers
    workers = max(1, workers_of(asked))  # no cluster is begun to be asked
    folder = part_of(execution.out, {"scores": SCORES, "text": TEXT}[name])
    done = sum(info.num_rows for info in read_manifest(folder).values())
    left = spoken_time((num_images - done) * cost.seconds, workers)
    return (
        f"{name:<8} about {left} ({cost.seconds * 1e3:,.0f} ms an image; "
        f"{done:,} are done; {cost.num_faults} of a sample of {SAMPLE_IMAGES} have a fault)"
    )


def estimate_packing(name: str, packing: Packing, execution: Execution) -> str:
    """What packing a selection would write, its size and time from a few images read in this process."""
    scores, first, parts = ScoreTable(execution.out), 0, [np.zeros(0, np.int64)]
    for batch in selected_batches(Folder(execution.out), name, ["keep"]):
        parts.append(first + np.flatnonzero(batch.column("keep").to_numpy(zero_copy_only=False)))
        first += len(batch)
    kept = np.concatenate(parts)
    sizes = []
    began = time.perf_counter()
    for place in spread(len(kept), SAMPLE_IMAGES):
        with suppress(BadImage):
            sizes.append(len(scores.image(int(kept[place]))))
    seconds = (time.perf_counter() - began) / max(1, len(sizes))
    workers = max(1, workers_of(execution.workers))
    return (
        f"would pack {len(kept):,} images of {name} into {-(-len(kept) // packing.images_per_shard):,} shards, about "
        f"{spoken_size(len(kept) * sum(sizes) / max(1, len(sizes)))}, {spoken_time(len(kept) * seconds, workers)} "
        f"(mean of {len(sizes)} images)"
    )
