"""From measured pages to the samples of a benchmark: every crop with what became of it."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.benchchoice import Rejection, Sample, choose
from curate.benchreading import shown_char_px
from pipelines.benchmark.leakage import Page, seen_in_training
from pipelines.benchmark.measuring import CROP_FIELDS, MEASURED_FIELDS
from pipelines.benchmark.settings import Choice, Reading
from pipelines.corpora.listing import PLACE_FIELDS
from pipelines.curation.scoring import OK, Images
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile

CANDIDATES = "candidates.parquet"
PLACE = tuple(name for name, _ in PLACE_FIELDS)
CANDIDATE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("reason", pa.string()),  # "" for a sample of the benchmark
        ("of", pa.string()),
        ("page", pa.string()),
        ("path", pa.string()),
        ("category", pa.string()),
        ("document", pa.string()),
        *PLACE_FIELDS,
        *((name, pa.int32()) for name in CROP_FIELDS[:3]),
        ("char_px", pa.float32()),
        ("language", pa.string()),
        ("expected_chars", pa.float32()),
        ("block_text", pa.string()),
        *MEASURED_FIELDS,
        ("shown_char_px", pa.float32()),
    ]
)
Candidate = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Every crop in the order of pages, and the pages that gave none: name and reason. without_text: how many records
    of each excluded dataset could not be compared by text."""

    candidates: list[Candidate]
    faults: dict[str, str]
    skipped: Counter[str]
    num_pages: int
    without_text: Counter[str]

    @property
    def kept(self) -> list[Candidate]:
        """The samples of the benchmark."""
        return [one for one in self.candidates if not one["reason"]]

    def rejects(self) -> Counter[str]:
        """How many crops were left out, by reason."""
        return Counter(one["reason"] for one in self.candidates if one["reason"])


def measured_pages(folder: Folder) -> Iterator[dict[str, Any]]:
    """The rows of MeasureJob, in order."""
    for index in sorted(read_manifest(folder)):
        with folder.open(shard_name(index)) as file:
            yield from ParquetFile(file).read().to_pylist()


def choose_samples(measured: Folder, images: Images, reading: Reading, choice: Choice, struck: Sequence[str]) -> Chosen:
    """Decide about every crop that was measured. Raises ValueError where a dataset to exclude holds nothing."""
    candidates: list[Candidate] = []
    faults: dict[str, str] = {}
    skipped: Counter[str] = Counter()
    num_pages = 0
    for page in measured_pages(measured):
        num_pages += 1
        if page["status"] != OK:
            faults[page["id"]] = page["reason"]
        skipped.update({one["reason"]: one["count"] for one in page["skipped"]})
        candidates += _candidates(page, images)
    # Two blocks may begin at one place; of those the first was read.
    candidates = list({one["id"]: one for one in reversed(candidates)}.values())[::-1]
    samples = [sample_of(one) for one in candidates if not one["reason"]]
    pages = {one["id"]: Page(one["document"], one["page_sha256"]) for one in candidates}
    seen = seen_in_training(samples, pages, choice.exclude, choice.exclude_overlap)
    left_out = choose(samples, choice.rules(reading.bounds), seen.samples, set(struck))
    for one in candidates:
        rejection = left_out.get(one["id"], Rejection(reason=one["reason"]))
        one |= {"reason": rejection.reason, "of": rejection.of}
    return Chosen(candidates, faults, skipped, num_pages, seen.without_text)


def _candidates(page: Mapping[str, Any], images: Images) -> Iterator[Candidate]:
    corpus = images.urls[page["source"]].rstrip("/").rpartition("/")[2]
    own = {name: page[name] for name in (*PLACE, "category", "document")} | {"page_sha256": page["sha256"]}
    for crop in page["crops"]:
        place = f"{page['id']}|{crop['left_px']},{crop['top_px']},{crop['side_px']}"
        digest = hashlib.sha256(place.encode()).hexdigest()[:12]
        name = f"{page['category']}_{crop['language'] or 'other'}_{digest}"
        shown = {"shown_char_px": _shown(crop) if crop["lines"] is not None else None}
        yield {"id": name, "page": page["id"], "path": f"{corpus}/{page['name']}", "of": ""} | own | crop | shown


def _shown(crop: Mapping[str, Any]) -> float:
    quads = np.array([line["quad_px"] for line in crop["lines"]], np.float32).reshape(-1, 4, 2)
    return shown_char_px(quads, [line["text"] for line in crop["lines"]], crop["language"])


def sample_of(one: Mapping[str, Any]) -> Sample:
    """A candidate as far as decisions need it."""
    return Sample(**{name: one[name] for name in Sample.__dataclass_fields__})


def write_candidates(folder: Folder, chosen: Chosen) -> None:
    """Write every crop and what became of it; no row is changed where the choice is the same."""
    table = pa.Table.from_pylist(chosen.candidates, schema=CANDIDATE_SCHEMA)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=1024)
    folder.put(CANDIDATES, sink.getvalue())


def choice_hash(chosen: Chosen) -> str:
    """A digest of the samples, their order and places."""
    digest = hashlib.sha256()
    for one in chosen.kept:
        digest.update(f"{one['id']}|{one['page']}|{one['left_px']},{one['top_px']},{one['side_px']}\n".encode())
    return digest.hexdigest()
