"""Takes sources out of a finished mix: names the rows first, then rewrites the shards that hold them, and no other."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.mixture.job import count, plain_rows
from pipelines.mixture.plan import SPLITS
from pipelines.mixture.statistics import STATISTICS_FILE
from pipelines.progress import Progress
from pipelines.shards.files import shard_name, sidecar_name, write_shard
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, library_versions
from pipelines.shards.parquet import ParquetFile

REMOVED_FILE = "removed.jsonl"
Row = tuple[str, str]  # origin and id
Place = tuple[str, str, int]  # split, configuration and shard
READ = ("id", "source", "source_sha256", "origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A row to go."""

    split: str
    config: str
    shard: int
    id: str
    source: str
    source_sha256: str
    origin: str
    asked: str  # what was asked for that it belongs to

    @property
    def place(self) -> Place:
        return self.split, self.config, self.shard


class Asked:
    """What is to be taken out: names as they are, and patterns with *, in which brackets and question marks stand for
    themselves. `document`: the expression by which the mix knew the pages of a document."""

    def __init__(self, asked: Sequence[str], document: str) -> None:
        self._names, self._document = set(asked), re.compile(document)
        self._patterns = [
            (one, re.compile(".*".join(map(re.escape, one.split("*"))), re.DOTALL)) for one in asked if "*" in one
        ]

    def match(self, row: Mapping[str, Any]) -> str:
        """What of it the row belongs to, or ""."""
        source, origin = row["source"], row["origin"]
        documents = [source[: mark.start()] for mark in re.finditer("#", source)]
        if page := self._document.fullmatch(source):
            documents.append(page[1])
        names = (source, row["source_sha256"], *documents, f"{origin}/{row['id']}")
        patterns = (one for one, pattern in self._patterns if pattern.fullmatch(source))
        return next((name for name in (*names, *patterns, origin) if name in self._names), "")


def take_out(url: str, asked: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Take sources out of the dataset at `url`; the rows that went, or with `dry_run` those that would, and nothing
    is changed. The same call goes on after a stop.

    Raises ValueError, before anything is changed, where there is no mix or something asked for is not in it.
    """
    root = Folder(url)
    if not root.exists(JOB_FILE):
        raise ValueError(f"{url} holds no mix: name the folder of a finished one with --out")
    if not root.exists(STATISTICS_FILE):
        raise ValueError(f"{url} is not finished: give the command that mixes it again, then take sources out")
    before = read_removed(root)
    found = find_rows(root, Asked(asked, json.loads(root.read(JOB_FILE))["identity"]["document"]))
    known = {one.asked for one in found} | {row["asked"] for row in before}
    if absent := [one for one in asked if one not in known]:
        raise ValueError(
            f"{url} has no row of {', '.join(absent)}: give a source as in the column source (or a pattern with *), "
            "an input as in the column origin, or the sha256 of a file; nothing was changed"
        )
    now = [{name: getattr(one, name) for name in Found.__dataclass_fields__} for one in found]
    rows = {(row["origin"], row["id"]): row for row in [*before, *now]}
    if dry_run:
        return now
    if found:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.values())
        root.put(REMOVED_FILE, lines.encode())
        _mark(root, asked)
    _rewrite(url, dict.fromkeys([*_without_sidecar(root), *(one.place for one in found)]), set(rows))
    return [row for row in rows.values() if row["asked"] in asked]


def read_removed(root: Folder) -> list[dict[str, Any]]:
    """The rows that were taken out of a dataset so far."""
    text = root.read(REMOVED_FILE).decode() if root.exists(REMOVED_FILE) else ""
    return [json.loads(line) for line in text.split("\n") if line]  # names may hold other ends of lines


def find_rows(root: Folder, asked: Asked) -> list[Found]:
    """The rows of what is asked for, and those of the same files under other names; columns are read, no image."""
    files: dict[str, str] = {}
    for row in _all_rows(root):
        match = asked.match(row)
        if match and row["source_sha256"] and match != row["origin"]:  # an input may share files with another
            files.setdefault(row["source_sha256"], match)
    found = []
    for row in _all_rows(root):
        if match := asked.match(row) or files.get(row["source_sha256"], ""):
            found.append(
                Found(**{name: row[name] for name in Found.__dataclass_fields__ if name != "asked"}, asked=match)
            )
    return found


def _data_files(root: Folder) -> Iterator[Place]:
    """Every shard file there is, with a sidecar or without."""
    for split in SPLITS:
        for name in root.list(split):
            parts = name.split("/")
            if parts[2] == "data" and name.endswith(".parquet"):
                yield split, parts[1], int(parts[3].removesuffix(".parquet"))


def _all_rows(root: Folder) -> Iterator[dict[str, Any]]:
    for split, config, shard in _data_files(root):
        with root.open(f"{split}/{config}/{shard_name(shard)}") as file:
            for batch in ParquetFile(file).iter_batches(columns=READ):
                for row in batch.to_pylist():
                    yield row | {"split": split, "config": config, "shard": shard}


def _without_sidecar(root: Folder) -> list[Place]:
    """Shards whose rewriting was stopped."""
    return [
        (split, config, shard)
        for split, config, shard in _data_files(root)
        if not root.exists(f"{split}/{config}/{sidecar_name(shard)}")
    ]


def _mark(root: Folder, asked: Sequence[str]) -> None:
    """Write into the dataset's identity what was taken out, so that no mixing brings it back unnoticed."""
    job = json.loads(root.read(JOB_FILE))
    known = job["identity"].get("without", [])
    job["identity"]["without"] = sorted({*known, *asked})
    root.put(JOB_FILE, json.dumps(job, indent=1, sort_keys=True, ensure_ascii=False).encode())


def _rewrite(url: str, shards: Collection[Place], gone: set[Row]) -> None:
    with Progress(len(shards), 0, "shards rewritten") as progress:
        for split, config, shard in shards:
            folder = Folder(f"{url}/{split}/{config}")
            job = KeepJob(folder, shard, gone)
            if job.num_rows(shard):
                write_shard(folder, shard, job, library_versions())
            else:
                folder.delete(sidecar_name(shard))
                folder.delete(shard_name(shard))
            progress.advance(1)


class KeepJob:
    """Makes a shard again without some of its rows."""

    def __init__(self, folder: Folder, shard: int, gone: set[Row]) -> None:
        self._folder, self._gone = folder, gone
        with folder.open(shard_name(shard)) as file:
            parquet = ParquetFile(file)
            self.schema: pa.Schema = parquet.schema_arrow
            rows = parquet.read(columns=["origin", "id"]).to_pylist()
        self._num_rows = sum((row["origin"], row["id"]) not in gone for row in rows)

    def num_rows(self, shard: int) -> int:
        return self._num_rows

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        with self._folder.open(shard_name(shard)) as file:
            parquet = ParquetFile(file)
            for group in range(parquet.num_row_groups):
                for row in plain_rows(parquet.read_row_group(group)):
                    if (row["origin"], row["id"]) not in self._gone:
                        kept = row | {"image": row["image"]["bytes"]}
                        count(kept, counts)
                        yield kept
