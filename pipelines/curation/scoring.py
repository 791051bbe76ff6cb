"""The scoring jobs: a row for every listed image, good or bad; pixel scores by one, text by the other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from curate.ocr import open_engine
from curate.picture import BadImage, Limits, Picture
from curate.scorers import Scorer, open_scorers
from curate.text import TextDensity, TextOptions
from pipelines.corpora.listing import PLACE_FIELDS, ListedJob, entry_of
from pipelines.corpora.pdfs import PageOptions
from pipelines.corpora.sources import open_source
from pipelines.curation.columns import LAYER_TEXT, OUTCOME_FIELDS, check_columns
from pipelines.shards.files import shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.trail import KILLED, KILLED_REASON, Trail

OK = "ok"
SCORER_FAILED, NOT_DECODED = "scorer failed", "not decoded"
MAX_REASON = 300
Place = tuple[dict[str, Any], str, str]  # where an image lies, and its status and reason as far as known


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """A listed corpus as a worker finds it: the folder of its list, its sources, and what may be decoded."""

    list_url: str
    urls: tuple[str, ...]
    limits: Limits
    pages: PageOptions


@dataclass(slots=True, kw_only=True)
class Scored:
    """A row in the making: where the image lies, what became of it, what was measured."""

    place: dict[str, Any]
    status: str = OK
    reason: str = ""
    scores: dict[str, Any]

    def fail(self, status: str, reason: str) -> None:
        """A fault: whatever was measured before goes too."""
        self.status, self.reason = status, reason[:MAX_REASON]
        self.scores = dict.fromkeys(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How text is read: the engine by name, the folder of its models, where it runs, and how much it reads."""

    engine: str
    models: str
    device: str
    text: str

    def scorer(self, device: str = "") -> Scorer:
        """The scorer of text. Raises ValueError and ModuleNotFoundError naming what to install."""
        engine = open_engine(self.engine, models=self.models, device=device or self.device)
        return TextDensity(engine, TextOptions(text=self.text))

    @property
    def version(self) -> str:
        """Of engine and models, as this machine has them; a GPU's numbers are its own."""
        return f"{self.scorer('cpu').version} on {self.device}"


class ImageOpener:
    """Reads listed images of several sources and opens them as pictures."""

    def __init__(self, images: Images) -> None:
        self._limits = images.limits
        self.sources = [open_source(url, pages=images.pages) for url in images.urls]

    def open(self, place: dict[str, Any]) -> Picture:
        """The picture with its pixels decoded. Raises BadImage."""
        entry = entry_of(place)
        if entry.length >= 0 and not entry.fault:
            self._limits.check_bytes(entry.length)  # before a byte is read
        picture = Picture(self.sources[place["source"]].read(entry), self._limits)
        _ = picture.rgb
        return picture


class Measuring:
    """Scores pictures by several scorers, one picture at a time: faults stay with the picture that has them."""

    def __init__(self, scorers: Sequence[tuple[str, Scorer]], opener: ImageOpener) -> None:
        self._scorers, self._opener = scorers, opener
        self.fields = [field for _, scorer in scorers for field in scorer.schema]

    def rows(self, places: Iterable[Place]) -> Iterator[Scored]:
        """A row for each place, in order. A place that comes with a status other than ok is not opened."""
        for place, status, reason in places:
            row = Scored(place=place, scores=dict.fromkeys(field.name for field in self.fields))
            if status == OK:
                self._score(row)
            else:
                row.fail(status, reason)
            yield row

    def _score(self, row: Scored) -> None:
        try:
            picture = self._opener.open(row.place)
        except BadImage as error:
            return row.fail(error.status, error.cause)
        except OSError:  # the disk's or the network's, not the picture's: the shard fails and is made again
            raise
        except Exception as error:  # a decoder that this file upsets
            return row.fail(NOT_DECODED, f"{type(error).__name__}: {error}")
        for name, scorer in self._scorers:
            try:
                [scores] = scorer([picture]).select(scorer.schema.names).to_pylist()
            except Exception as error:  # any fault of a scorer is its picture's, named in the row
                return row.fail(*_fault_of(name, error))
            row.scores |= scores
        return None


def _fault_of(name: str, error: Exception) -> tuple[str, str]:
    """Status and reason of a picture on which a scorer failed."""
    if isinstance(error, BadImage):
        return error.status, error.cause
    return f"{SCORER_FAILED}: {name}", f"{type(error).__name__}: {error}"


def image_id(place: dict[str, Any]) -> str:
    """The name by which an image is known in every table: unique, and the same on each run."""
    return f"{place['source']}/{place['name']}"


def tally(status: str, counts: Counter[str]) -> None:
    """Count a row by its outcome, as sidecars do."""
    counts["ok" if status == OK else f"fault/{status}"] += 1


class ScoreJob(ListedJob):
    """Gives each listed image its scores, or the fault that it has."""

    def __init__(self, images: Images, scorers: Sequence[str], scores_url: str) -> None:
        super().__init__(images.list_url)
        self._trail = Trail(Folder(scores_url))
        named = list(zip(scorers, open_scorers(scorers), strict=True))
        for name, scorer in named:
            check_columns(name, scorer)
        self._measuring = Measuring(named, ImageOpener(images))
        self.versions = {name: scorer.version for name, scorer in named}
        self.schema = pa.schema([("id", pa.string()), *OUTCOME_FIELDS, *PLACE_FIELDS, *self._measuring.fields])

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for row in self._measuring.rows(trailed(self._trail, shard, self._places(shard))):
            tally(row.status, counts)
            place = {name: row.place[name] for name, _ in PLACE_FIELDS}
            outcome = {"id": image_id(place), "status": row.status, "reason": row.reason}
            yield outcome | place | row.scores

    def _places(self, shard: int) -> Iterator[Place]:
        return ((place, OK, "") for place in self._listing.rows(shard))


def trailed(trail: Trail, shard: int, places: Iterable[Place]) -> Iterator[Place]:
    """The places, each noted as it comes; what two workers have died on is not tried again."""
    with trail.following(shard) as (killers, note):
        for number, (place, status, reason) in enumerate(places):
            note(number)
            yield (place, KILLED, KILLED_REASON) if number in killers else (place, status, reason)


class TextJob(ListedJob):
    """Gives each image of finished score shards its text, row for row; faulty ones are not opened again."""

    def __init__(self, images: Images, scores_url: str, text_url: str, reading: Reading) -> None:
        super().__init__(images.list_url)
        self._images, self._reading, self._trail = images, reading, Trail(Folder(text_url))
        self._scores = Folder(scores_url)
        self.schema = pa.schema([("id", pa.string()), *OUTCOME_FIELDS, LAYER_TEXT, *TextDensity.schema])

    @cached_property
    def _opener(self) -> ImageOpener:
        return ImageOpener(self._images)

    @cached_property
    def _measuring(self) -> Measuring:
        """Made by whoever reads: the driver may have no GPU."""
        return Measuring([("text", self._reading.scorer())], self._opener)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        for row in self._measuring.rows(trailed(self._trail, shard, self._places(shard))):
            layer = self._layer_text(row)
            tally(row.status, counts)
            outcome = {"id": image_id(row.place), "status": row.status, "reason": row.reason}
            yield outcome | {LAYER_TEXT.name: layer} | row.scores

    def _places(self, shard: int) -> Iterator[Place]:
        with self._scores.open(shard_name(shard)) as file:
            outcomes = ParquetFile(file).read(columns=["status", "reason"]).to_pylist()
        for place, outcome in zip(self._listing.rows(shard), outcomes, strict=True):
            yield place, outcome["status"], outcome["reason"]

    def _layer_text(self, row: Scored) -> str | None:
        """The text that a PDF holds for its page; None where there is none or it cannot be read."""
        if row.status != OK:
            return None
        try:
            return self._opener.sources[row.place["source"]].text(entry_of(row.place)) or None
        except BadImage:  # its picture was read: that stays
            return None
