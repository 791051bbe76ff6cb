"""What the source of each row looks like: perceptual hashes from score columns where they are, else from its pixels."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Protocol

from curate.fingerprint import perceptual_hashes
from curate.picture import BadImage, Picture
from pipelines.corpora.sources import open_source
from pipelines.curation.packorder import ORDER_FILE, read_order
from pipelines.curation.scoretable import ScoreTable
from pipelines.mixture.inputs import Input
from pipelines.photo_order import FittingOrder
from pipelines.photos import PhotoIndex
from pipelines.rendered.verification import sources_of
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE
from pipelines.views import PHOTO_TRIES

HASHES = ("phash", "phash_fine")
Hashes = Mapping[str, Any]  # phash, phash_fine; empty where a picture is too plain or cannot be had
ABSENT = "sources without a fingerprint"


class Prints(Protocol):
    """Finds the hashes of rows' sources. `columns`: what it reads of a row; `knows_all`: no image is decoded."""

    columns: tuple[str, ...]

    def of_shard(self, shard: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Hashes | None]:
        """By row id; None where the source cannot be had. The ids that are not there have to be decoded."""
        ...


def open_prints(one: Input) -> Prints:
    """How an input's sources are fingerprinted."""
    folder = Folder(one.url)
    job = json.loads(folder.read(JOB_FILE))["identity"] if folder.exists(JOB_FILE) else {}
    if "recipe" in job:
        return PhotoPrints(folder, job)
    with suppress(ValueError, OSError, KeyError):
        return ScoredPrints(folder, job)
    return NoPrints()


class NoPrints:
    """A packed selection without its curation: every image is decoded."""

    columns: tuple[str, ...] = ()

    def of_shard(self, shard: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Hashes | None]:
        return {}


class ScoredPrints:
    """A packed selection that lies in its curation, whose score table has the hashes.

    Raises ValueError, OSError or KeyError where it does not.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, folder: Folder, job: Mapping[str, Any]) -> None:
        self._folder, self._num_rows = folder, int(job["images_per_shard"])
        self._scores = ScoreTable(folder.url.rpartition("/packed/")[0])
        if self._scores.identity != job["scores"] or not folder.exists(ORDER_FILE):
            raise ValueError("the curation was scored anew since")
        self._scores.shard(0, HASHES)

    def of_shard(self, shard: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Hashes | None]:
        order = read_order(self._folder, shard * self._num_rows, self._num_rows)
        found = self._scores.take([one["number"] for one in order], ("id", *HASHES))
        return {row["id"]: {name: row[name] for name in HASHES if row[name] is not None} for _, row in found}


class PhotoPrints:
    """A rendered dataset: its photos are looked up in their index by the place of each record in their order."""

    columns: tuple[str, ...] = ("scene",)

    def __init__(self, folder: Folder, job: Mapping[str, Any]) -> None:
        self._crops = int(job["recipe"]["crops_per_photo"])
        self._index = _photo_index(folder, job["inputs"]["split"])
        self._order = FittingOrder(self._index, job["inputs"]["seed"]) if self._index else None
        self._sources = [open_source(url) for url in self._index.sources] if self._index else []
        self._hashes = lru_cache(maxsize=4096)(self._decode)

    def of_shard(self, shard: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Hashes | None]:
        return {row["id"]: self._of_row(row) if row["source_sha256"] else {} for row in rows}

    def _of_row(self, row: Mapping[str, Any]) -> Hashes | None:
        position, size = int(row["id"].rpartition("/")[2]) // self._crops, (row["width_px"], row["height_px"])
        number = self._number(position, size, row["source_sha256"])
        return None if number is None else self._hashes(number)

    def _number(self, position: int, size: tuple[int, int], sha256: str) -> int | None:
        """The photo of a record, which is at its position or one of the next."""
        if self._index is None or self._order is None:
            return None
        numbers = (self._order.at(position, size, attempt)[0] for attempt in range(PHOTO_TRIES))
        with suppress(ValueError):  # no photo is so large: it is another index than the dataset's
            return next((number for number in numbers if self._index.photo(number).sha256 == sha256), None)
        return None

    def _decode(self, number: int) -> Hashes | None:
        assert self._index is not None, "only a photo of the index has a number"
        try:
            data = self._sources[self._index.source_of(number)].read(self._index.entry(number))
        except BadImage:
            return None
        same = hashlib.sha256(data).hexdigest() == self._index.photo(number).sha256
        return hashes_of(data) if same else None


def _photo_index(folder: Folder, split: str) -> PhotoIndex | None:
    """The index of a rendered dataset's photos, where it was or beside the shards; None where it is gone."""
    for url in (sources_of(folder)["photo_index"], f"{folder.url}/photos"):
        with suppress(ValueError, OSError):
            return PhotoIndex.load(url, split)
    return None


def hashes_of(data: bytes) -> Hashes | None:
    """The hashes of an image file, empty where it is too plain to tell, None where it cannot be decoded."""
    try:
        return perceptual_hashes(Picture(data).grey)
    except BadImage:
        return None
