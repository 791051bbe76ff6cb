"""Columns of a corpus's own metadata, carried into the score table so that rules and categories may read them."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from keyword import iskeyword
from typing import Any

import pyarrow as pa

from curate.expressions import FUNCTIONS
from curate.scorers import column
from curate.textcolumns import SCHEMA as TEXT_SCHEMA
from pipelines.corpora.listing import ListedJob, Listing, entry_of
from pipelines.corpora.sources import open_source
from pipelines.curation.columns import RESERVED
from pipelines.curation.scoretable import CARRIED, part_of
from pipelines.curation.scoring import Images, image_id
from pipelines.runner import run
from pipelines.shards.files import read_manifest, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, claim_anew

SPEC = re.compile(r"(?:(?P<name>[^=]*)=)?(?P<field>.+?)(?P<number>:number)?")
VERSION = "2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A column of the score table: its name, the field of the metadata, and whether it holds numbers or text."""

    name: str
    field: str
    is_number: bool

    @property
    def column(self) -> pa.Field:
        """Its field in the table, float64 or string."""
        kind = "a number" if self.is_number else "text"
        about = f"{self.field!r} as the corpus says it; {kind}; null where it does not; --carry"
        return column(self.name, pa.float64() if self.is_number else pa.string(), about)

    def value(self, said: Any) -> Any:
        """What was said as the column holds it; None where it is no finite number and should be."""
        return _number(said) if self.is_number else _text(said)


def _number(said: Any) -> float | None:
    try:
        number = float(said)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(said: Any) -> str | None:
    """Text as it is, numbers and nested values as JSON, others as Python writes them; None for NaN."""
    if isinstance(said, float) and not math.isfinite(said):
        return None
    if isinstance(said, bytes):
        return said.decode("utf-8", "replace")
    if isinstance(said, bool | int | float | list | tuple | dict):
        said = json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(said).encode("utf-8", "replace").decode()  # JSON may hold half a character


def parse_carried(specs: Sequence[str], taken: Sequence[str] = ()) -> list[Carried]:
    """The columns that `--carry [NAME=]FIELD[:number] ...` asks for.

    Raises ValueError where a name cannot stand in a rule, is there twice, or is that of another column (`taken`).
    """
    found: list[Carried] = []
    for spec in specs:
        match = SPEC.fullmatch(spec)
        name = match and (match["field"] if match["name"] is None else match["name"])
        if not (match and name and name.isidentifier()):
            raise ValueError(
                f"carry is {spec!r}: give FIELD, FIELD:number or NAME=FIELD, NAME of letters, digits and _"
            )
        again = match["field"] + (match["number"] or "")
        if why := _refusal(name, taken):
            raise ValueError(f"carry is {spec!r}: {why}; give {name}_said={again}")
        if name in [one.name for one in found]:
            raise ValueError(f"carry names {name!r} twice: give one of them another name, such as {name}_2={again}")
        found.append(Carried(name=name, field=match["field"], is_number=bool(match["number"])))
    return found


def _refusal(name: str, taken: Sequence[str]) -> str:
    """Why a column cannot be called so, or ""."""
    if name in {*RESERVED, *TEXT_SCHEMA.names, *taken}:
        return f"a curation has a column {name!r} of its own"
    return f"rules take {name!r} for a word of their own" if iskeyword(name) or name in FUNCTIONS else ""


class CarryJob(ListedJob):
    """Gives each listed image what its corpus says of it."""

    def __init__(self, images: Images, columns: Sequence[Carried]) -> None:
        super().__init__(images.list_url)
        self._columns = columns
        names = [one.field for one in columns]
        self._metadata = [open_source(url, pages=images.pages).metadata(names) for url in images.urls]
        self.schema = pa.schema([("id", pa.string()), *(one.column for one in columns)])

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for place in self._listing.rows(shard):
            said = self._metadata[place["source"]].read(entry_of(place))
            yield {"id": image_id(place)} | {one.name: self._value(one, said, counts) for one in self._columns}

    def _value(self, one: Carried, said: dict[str, Any], counts: Counter[str]) -> Any:
        if one.field not in said:
            return None
        value = one.value(said[one.field])
        if value is not None:
            counts[f"said/{one.name}"] += 1
        elif one.is_number:
            counts[f"not a number/{one.name}"] += 1
        return value


def carry(
    out: str, images: Images, listing: str, columns: Sequence[Carried], *, num_workers: int, backend: str
) -> None:
    """Write OUT/carried, or what is missing of it; other columns that lie there are replaced. For none what is whole
    stays, and what an earlier run did not finish is removed. `listing`: the sha256 of the images' list.

    Raises ValueError for a column that is said of no image, ShardsFailed where shards failed.
    """
    folder = part_of(out, CARRIED)
    if not columns:
        _remove_unfinished(folder, images)
        return
    claim_anew(folder, {"listing": listing, "columns": [asdict(one) for one in columns], "version": VERSION})
    make_job = partial(CarryJob, images, columns)
    num_shards = make_job().num_shards
    run(make_job, num_shards, folder.url, num_workers=num_workers, backend=backend, unit="images looked up")
    _check_said(folder, columns)


def _remove_unfinished(folder: Folder, images: Images) -> None:
    if not folder.exists(JOB_FILE):
        return
    if sum(info.num_rows for info in read_manifest(folder).values()) < Listing(Folder(images.list_url)).num_entries:
        folder.clear()


def _check_said(folder: Folder, columns: Sequence[Carried]) -> None:
    """Raise ValueError for a column without a value, and leave none, so that all are looked up again."""
    counts = sum_counts(folder)
    for one in columns:
        if not counts[f"said/{one.name}"]:
            folder.clear()
            raise ValueError(_said_of_none(one, counts))


def carried_names(out: str) -> list[str]:
    """The carried columns that a curation has."""
    folder = part_of(out, CARRIED)
    if not folder.exists(JOB_FILE):
        return []
    return [str(one["name"]) for one in json.loads(folder.read(JOB_FILE))["identity"]["columns"]]


def _said_of_none(one: Carried, counts: Counter[str]) -> str:
    if num_odd := counts[f"not a number/{one.name}"]:
        return f"carry {one.field!r} is said of {num_odd:,} images and never a number: leave :number away"
    return (
        f"carry {one.field!r} is said of no image: name a column of its Parquet files, a field of the .json in its "
        "tars, or of manifest.jsonl, metadata.jsonl or metadata.csv in or under the folder that --source names"
    )


def describe_carried(counts: Counter[str], num_images: int) -> list[str]:
    """A line for each carried column, for the terminal."""
    found = [(key[5:], num) for key, num in sorted(counts.items()) if key.startswith("said/")]
    return [
        f"carried  {name} of {num:,} of {num_images:,} images"
        + (f", {odd:,} more are no number" if (odd := counts[f"not a number/{name}"]) else "")
        for name, num in found
    ]
