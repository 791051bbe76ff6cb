"""Packs the kept images of a selection as a Hugging Face dataset: their own bytes, scores as columns."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from curate.picture import BadImage, read_header
from curate.textlines import line_sizes
from pipelines.corpora.listing import entry_of
from pipelines.curation.packed_card import write_card
from pipelines.curation.packorder import ORDER_FILE, read_order, write_order
from pipelines.curation.scoretable import OUTCOME, PLACE, ScoreTable
from pipelines.curation.selecting import read_cuts, selection_names
from pipelines.curation.settings import Execution, Packing
from pipelines.runner import run
from pipelines.shards.files import LOST, read_manifest, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.identity import claim_folder
from pipelines.shards.record import RECORD_SCHEMA, LineTable, Record, with_features

PACKED = "packed"
READ = ("ocr_text", "ocr_lines")  # which become a record's text and lines
CHANGED = "changed since it was scored"
CHOSEN_FIELDS = [
    pa.field("weight", pa.float32(), metadata={"about": "how often to draw the image; 1 is average; the selection"}),
    pa.field("category", pa.string(), metadata={"about": "part of the selection; the selection"}),
]


def score_fields(schema: pa.Schema) -> list[pa.Field]:
    """The score columns that packed rows carry besides those of a record."""
    taken = {*RECORD_SCHEMA.names, *OUTCOME, *PLACE, *READ}
    return [field for field in schema if field.name not in taken and not pa.types.is_fixed_size_binary(field.type)]


class PackJob:
    """Makes the records of a selection in the order that order.parquet gives."""

    def __init__(self, url: str, folder: str, kind: str, num_images: int, images_per_shard: int) -> None:
        self._scores, self._folder, self._kind = ScoreTable(url), Folder(folder), kind
        self._num_images, self._images_per_shard = num_images, images_per_shard
        self._fields = score_fields(self._scores.schema)
        self._columns = [name for name in self._scores.schema.names if name not in OUTCOME]
        self.schema = with_features(pa.schema([*RECORD_SCHEMA, *CHOSEN_FIELDS, *self._fields]))

    def num_rows(self, shard: int) -> int:
        return min(self._images_per_shard, self._num_images - shard * self._images_per_shard)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        chosen = read_order(self._folder, shard * self._images_per_shard, self.num_rows(shard))
        scores = dict(self._scores.take([one["number"] for one in chosen], self._columns))
        for one in chosen:
            row = scores.pop(one["number"])
            try:
                record = self._record(row)
            except BadImage as error:
                counts[LOST] += 1
                counts[f"lost/{row['id']}: {error.cause}"] += 1
                continue
            count(record, one, counts)
            extra = {"weight": one["weight"], "category": one["category"]}
            yield record.row() | extra | {field.name: row[field.name] for field in self._fields}

    def _record(self, row: Mapping[str, Any]) -> Record:
        """The record of a scored row. Raises BadImage where its image is gone or is another now."""
        entry = entry_of(row)
        data = self._scores.sources[row["source"]].read(entry)
        if row.get("sha256") not in (None, hashlib.sha256(data).hexdigest()) or entry.length not in (-1, len(data)):
            raise BadImage(CHANGED)
        header = read_header(data, self._scores.limits)
        lines = row.get("ocr_lines") or []
        return Record(
            id=row["id"],
            image=data,
            width_px=header.width_px,
            height_px=header.height_px,
            kind=self._kind,
            source=self._scores.source_name(row),
            licence=row["licence"],
            language=row["languages"][0]["language"] if row.get("languages") else "",
            layout="",
            band="",
            text=row.get("ocr_text") or "",
            lines=line_table(lines),
        )


def line_table(lines: Sequence[Mapping[str, Any]]) -> LineTable:
    """Lines that were read, as a record stores them: what only a renderer knows is nan or empty."""
    quads = np.array([line["quad_px"] for line in lines], np.float32).reshape(-1, 4, 2)
    unknown, empty = np.full(len(lines), np.nan, np.float32), [""] * len(lines)
    return LineTable(
        text=[line["text"] for line in lines],
        quad_px=quads,
        size_px=unknown,
        ink_px=line_sizes(quads)[1].astype(np.float32),
        x_height_px=unknown,
        contrast=unknown,
        ink_density=unknown,
        ground_std=unknown,
        face=empty,
        language=empty,
        role=empty,
        style=empty,
    )


def count(record: Record, chosen: Mapping[str, Any], counts: Counter[str]) -> None:
    """Add a record's totals, as the card shows them."""
    counts["images"] += 1
    counts["image bytes"] += len(record.image)
    counts[f"licence/{record.licence}"] += 1
    counts[f"category/{chosen['category']}"] += 1


def all_selections(out: str) -> list[str]:
    """The selections of a curation. Raises ValueError where there is none."""
    names = selection_names(Folder(out))
    if not names:
        raise ValueError(f"{out} holds no selection: make one with `curate.py select`")
    return names


def pack(name: str, packing: Packing, execution: Execution) -> str:
    """Pack a selection into OUT/packed/NAME, or what is missing of it; a line that tells what is there.

    Raises ValueError where the folder was begun with another selection, ShardsFailed where shards failed.
    """
    scores = ScoreTable(execution.out)
    cuts = read_cuts(Folder(execution.out), name)
    folder = Folder(f"{execution.out}/{PACKED}/{name}")
    num_images = cuts["counts"]["kept"]
    remedy = f"Remove {folder.url} to pack it anew, or select under another name."
    claim_folder(folder, identity_of(scores, cuts, packing), remedy)
    if not num_images:
        return f"{name:<12} nothing kept, nothing packed"
    if not folder.exists(ORDER_FILE):
        write_order(folder, scores, name, packing.shuffle_seed)
    make_job = partial(PackJob, execution.out, folder.url, cuts["kind"], num_images, packing.images_per_shard)
    write_card(folder, make_job().schema, cuts, sum_counts(folder), read_manifest(folder).values())
    num_shards = -(-num_images // packing.images_per_shard)
    done = run(
        make_job, num_shards, folder.url, num_workers=execution.workers, backend=execution.backend, unit="images packed"
    )
    counts = sum_counts(folder)
    write_card(folder, make_job().schema, cuts, counts, done.values())
    return describe(name, folder.url, counts)


def identity_of(scores: ScoreTable, cuts: Mapping[str, Any], packing: Packing) -> dict[str, Any]:
    """What the packed bytes depend on."""
    decided = hashlib.sha256(json.dumps([cuts["rules"], cuts["counts"]], sort_keys=True).encode()).hexdigest()
    return {
        "scores": scores.identity,
        "selection": {"rules": cuts["rules_file"], "kind": cuts["kind"], "outcome": decided},
        "shuffle_seed": packing.shuffle_seed,
        "images_per_shard": packing.images_per_shard,
    }


def describe(name: str, url: str, counts: Counter[str]) -> str:
    """What was packed, for the terminal; what was lost is named."""
    lines = [f"{name:<12} {counts['images']:,} images, {counts['image bytes'] / 1e6:,.1f} MB in {url}"]
    if counts[LOST]:
        lost = [key[5:] for key in counts if key.startswith("lost/")]
        lines.append(f"  {counts[LOST]:,} of those kept are gone or changed and were left out:")
        lines += [f"    {one}" for one in sorted(lost)[:10]]
    return "\n".join(lines)
