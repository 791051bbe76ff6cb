"""The index of a photo corpus: made, loaded, put in a seeded order, and its photos read."""

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.ocr import engine_version, is_installed
from curate.picture import BadImage, Pixels, decode
from curate.verdict import OK, Thresholds
from pipelines.corpora.archives import Entry
from pipelines.corpora.indexing import NOT_MEASURED, IndexJob, index_tables
from pipelines.corpora.listing import ENTRIES, LISTING, describe_counts, write_entries
from pipelines.corpora.sources import absolute, open_source
from pipelines.runner import run
from pipelines.shards.folder import Folder, source_names
from pipelines.shards.identity import JOB_FILE, claim_folder

SPLITS = ("all", "train", "held-out")
PHOTOS = "photos"  # the folder of the index within a job's OUT, where none is named
HELD_OUT = 0.05
PLACE = ("source", "name", "container", "offset", "length", "row_group", "row")
INDEX_FLAGS = {
    "sources": "--photos",
    "licence": "--photo-licence",
    "thresholds.min_side_px": "--image-size, its least side in px",
    "text": "the OCR engine that looks for text in the photos",
}
FACTS = ("num_bytes", "width_px", "height_px", "licence", "text_lines")


def build_index(
    sources: str | Sequence[str],
    folder: str,
    *,
    min_side_px: int = 256,
    licence: str = "unknown",
    num_workers: int = 0,
    backend: str = "inline",
) -> None:
    """Make the index of one or several corpora in a folder, or what is missing of it.

    `licence` is that of photos of which the corpus says none. The corpora are listed once: later changes to
    them are not seen. Raises ValueError where they hold no image, and where the folder was begun with other
    sources, thresholds or versions, showing the difference.
    """
    urls = [absolute(url) for url in ([sources] if isinstance(sources, str) else sources)]
    thresholds = Thresholds(min_side_px=min_side_px)
    opened = [open_source(url, licence) for url in urls]
    target = Folder(folder)
    text = engine_version() if is_installed() else NOT_MEASURED
    job = {"sources": urls, "licence": licence, "thresholds": thresholds.as_json(), "text": text}
    claim_folder(target, job, flags=INDEX_FLAGS)
    if not target.exists(ENTRIES):
        write_entries(target, opened)
    make_job = partial(IndexJob, target.url, urls, thresholds, measures_text=text != NOT_MEASURED)
    run(make_job, make_job().num_shards, target.url, num_workers=num_workers, backend=backend)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoInfo:
    """One accepted photo; sizes as seen, after the EXIF orientation. text_lines: found in it, None where not looked
    for."""

    name: str
    width_px: int
    height_px: int
    num_bytes: int
    sha256: str
    licence: str
    text_lines: int | None = None


class PhotoIndex:
    """The accepted photos of a finished index, numbered from 0; a million take about 150 MB.

    identity: a sha256 over corpus, name, sha256, licence and verdict of every photo, accepted or not, whatever the
    split.
    verdicts, licences: counts, of all photos and of the accepted ones. text_engine: what looked for text, or
    "not measured".
    """

    def __init__(self, folder: str, split: str = "all") -> None:
        target = Folder(folder)
        tables = index_tables(target, (*PLACE, *FACTS, "sha256", "verdict", "cause"))
        job = json.loads(target.read(JOB_FILE))["identity"]
        self.sources: tuple[str, ...] = tuple(job["sources"])
        self._corpora = source_names(self.sources)
        rows = _Rows(split, self._corpora)
        for table in tables:
            rows.add(table)
        if not rows.num_kept:
            raise ValueError(_nothing(target, split, rows))
        self.text_engine: str = job["text"]
        self.identity = rows.identity.hexdigest()
        self.verdicts = rows.verdicts
        table = pa.concat_tables(rows.kept)
        self._columns = {name: table.column(name).combine_chunks() for name in (*PLACE, *FACTS)}
        self._sha256 = np.concatenate(rows.sha256)
        licences = pc.value_counts(table.column("licence")).to_pylist()
        self.licences: Counter[str] = Counter({row["values"]: row["counts"] for row in licences})

    @classmethod
    def load(cls, folder: str, split: str = "all") -> "PhotoIndex":
        """Read a finished index. split: "all", "train", or "held-out", the 5% of lowest sha256.

        Raises ValueError where the index is not whole, and where the split holds no accepted photo, with the
        reasons and their counts.
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}: use one of {', '.join(SPLITS)}")
        return cls(folder, split)

    def __len__(self) -> int:
        return len(self._sha256)

    def photo(self, number: int) -> PhotoInfo:
        """What is known of one photo; its name begins with its corpus's, as in rows that were curated."""
        name = f"{self._corpora[self.source_of(number)]}/{self._columns['name'][number]}"
        facts = {field: self._columns[field][number].as_py() for field in FACTS}
        return PhotoInfo(name=name, sha256=self._sha256[number].tobytes().hex(), **facts)

    def fits(self, width_px: int, height_px: int) -> NDArray[np.bool_]:
        """Of each photo (n,) whether it is at least so wide and so high."""
        width, height = (self._columns[name].to_numpy() for name in ("width_px", "height_px"))
        return np.asarray((width >= width_px) & (height >= height_px))

    def source_of(self, number: int) -> int:
        """Which of `sources` holds the photo."""
        return int(self._columns["source"][number].as_py())

    def entry(self, number: int) -> Entry:
        """Where the photo lies in its source."""
        return Entry(**{field: self._columns[field][number].as_py() for field in PLACE[1:]})

    def groups(self) -> NDArray[np.int64]:
        """For each photo the number of its Parquet row group, costly to enter; other photos are their own."""
        row_group, source = (self._columns[name].to_numpy().astype(np.int64) for name in ("row_group", "source"))
        containers = self._columns["container"].dictionary_encode()
        container = containers.indices.to_numpy().astype(np.int64)
        key = ((source * len(containers.dictionary) + container) << 32) + row_group
        key = np.where(row_group < 0, -1 - np.arange(len(self)), key)
        return np.unique(key, return_inverse=True)[1].astype(np.int64).reshape(-1)


class _Rows:
    """Gathers what an index keeps of its tables. corpora: what the sources are called."""

    def __init__(self, split: str, corpora: Sequence[str]) -> None:
        self._split, self._corpora = split, corpora
        self.kept: list[pa.Table] = []
        self.sha256: list[NDArray[np.uint8]] = []
        self.verdicts: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.identity = hashlib.sha256()

    @property
    def num_kept(self) -> int:
        return sum(map(len, self.sha256))

    def add(self, table: pa.Table) -> None:
        names, sums, verdicts = (table.column(name).to_pylist() for name in ("name", "sha256", "verdict"))
        corpora = [self._corpora[number] for number in table.column("source").to_pylist()]
        rows = zip(corpora, names, sums, table.column("licence").to_pylist(), verdicts, strict=True)
        self.identity.update("".join("\0".join(map(str, row)) + "\n" for row in rows).encode())
        self.verdicts.update(verdicts)
        self.causes.update(_reason(*row) for row in zip(verdicts, table.column("cause").to_pylist(), strict=True))
        keep = [verdict == OK and in_split(sha, self._split) for sha, verdict in zip(sums, verdicts, strict=True)]
        self.kept.append(table.select([*PLACE, *FACTS]).filter(pa.array(keep, pa.bool_())))
        packed = bytes.fromhex("".join(sha for sha, keeps in zip(sums, keep, strict=True) if keeps))
        self.sha256.append(np.frombuffer(packed, np.uint8).reshape(-1, 32))


def in_split(sha256: str, split: str) -> bool:
    """Whether a photo is in "all", "train" or "held-out"; copies of one photo always share a split."""
    return split == "all" or (int(sha256[:8], 16) < HELD_OUT * 2**32) == (split == "held-out")


def _reason(verdict: str, cause: str) -> str:
    """A reason worth counting: without the numbers that differ from photo to photo."""
    return f"{verdict}: {cause}" if verdict == "unreadable" and not cause[:1].isdigit() else verdict


def _nothing(folder: Folder, split: str, rows: _Rows) -> str:
    counts = Counter(json.loads(folder.read(LISTING))) + rows.causes
    which = "no photo was accepted" if split == "all" else f"no photo of the split {split!r} was accepted"
    return f"{folder.url}: {which} ({describe_counts(counts)}); give other --photos, or smaller pages"


class PhotoReader:
    """Reads and decodes photos of an index, keeping the last few: several crops cost one decode."""

    def __init__(self, index: PhotoIndex, num_kept: int = 2) -> None:
        self._index, self._num_kept = index, num_kept
        self._sources = [open_source(url) for url in index.sources]
        self._kept: OrderedDict[tuple[int, int], Pixels] = OrderedDict()

    def read(self, number: int, reduce: int = 1) -> Pixels:
        """The photo at 1/reduce of its size (1, 2, 4, 8), (h, w, 3) uint8 RGB, not to be written to.

        Raises BadImage where it is gone, or is not the file that was indexed.
        """
        key = (number, reduce)
        if key not in self._kept:
            self._kept[key] = self._decode(number, reduce)
            if len(self._kept) > self._num_kept:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _decode(self, number: int, reduce: int) -> Pixels:
        data = self._sources[self._index.source_of(number)].read(self._index.entry(number))
        if hashlib.sha256(data).hexdigest() != self._index.photo(number).sha256:
            raise BadImage("changed since it was indexed")
        rgb = decode(data, reduce)
        rgb.flags.writeable = False
        return rgb
