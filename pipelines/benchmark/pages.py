"""The pages of a benchmark listed once, each with its place, category, document and annotations."""

import hashlib
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.omnidoc import PageNotes, Part, read_annotations
from curate.tokenbench import CATEGORIES
from pipelines.benchmark.settings import Pages
from pipelines.corpora.archives import Entry
from pipelines.corpora.listing import ENTRIES, ENTRY_SCHEMA, GROUP_ROWS, LISTING, Listing, describe_counts
from pipelines.corpora.sources import Source, absolute, open_source
from pipelines.curation.scoring import Images, image_id
from pipelines.shards.files import read_manifest, shard_name, sidecar_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.seeds import rng_for

ALIASES = {"slides": "PPT2PDF"}
NO_CATEGORY, UNKNOWN_CATEGORY = "no category in its path", "category is none of the nine"
PAGE_SCHEMA = pa.schema([*ENTRY_SCHEMA, ("category", pa.string()), ("document", pa.string()), ("notes", pa.string())])
PAGE_OF = re.compile(r"(?P<document>.+?\.pdf)(#page=\d+|_\d+\.\w+)", re.IGNORECASE)
LANGUAGE_OF = re.compile(r"(en|zh)(-hant)?[_-]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A listed page. notes: its parts as JSON, "" where OCR is to find its blocks."""

    source: int
    entry: Entry
    category: str
    document: str
    notes: str = ""

    def row(self) -> dict[str, Any]:
        """The page as a row of PAGE_SCHEMA."""
        place = {name: getattr(self.entry, name) for name in ENTRY_SCHEMA.names if name != "source"}
        rest = {"category": self.category, "document": self.document, "notes": self.notes}
        return {"source": self.source, **place, **rest}


def images_of(pages: Pages, list_url: str) -> Images:
    """The sources of pages as workers open them."""
    urls = [pages.images] if pages.annotations else []
    urls += pages.pages
    return Images(list_url=list_url, urls=tuple(map(absolute, urls)), limits=pages.limits, pages=pages.page_options)


def document_of(name: str) -> str:
    """The document that a page belongs to: "x.pdf" of "x.pdf#page=3" and of "x.pdf_3.jpg", else the page itself."""
    found = PAGE_OF.fullmatch(name)
    return found["document"] if found else name


def category_in(path: str) -> str:
    """The last part of a path that is one of the nine categories, "" where none is."""
    parts = [ALIASES.get(part, part) for part in PurePosixPath(path).parts]
    return next((part for part in reversed(parts) if part in CATEGORIES), "")


def list_pages(pages: Pages, folder: Folder) -> None:
    """Write the list into the folder, once; what is no page is counted in listing.json.

    Raises ValueError where there is no page, with those counts.
    """
    counts: Counter[str] = Counter()
    found = _found(pages, counts)
    if not found:
        remedy = f"give --category NAME, one of {', '.join(CATEGORIES)}" if counts[f"skipped/{NO_CATEGORY}"] else ""
        raise ValueError(f"there is no page to read: {describe_counts(counts)}{'; ' if remedy else ''}{remedy}")
    with folder.writing(ENTRIES) as file, pq.ParquetWriter(file, PAGE_SCHEMA) as writer:
        for start in range(0, len(found), GROUP_ROWS):
            rows = [page.row() for page in found[start : start + GROUP_ROWS]]
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=PAGE_SCHEMA))
    folder.put(LISTING, json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False).encode())


def list_missing(pages: Pages, folder: Folder) -> None:
    """Write the list where there is none, or a garbled one. Pages read by another list are then read again."""
    if folder.exists(ENTRIES):
        if not (garbled := _garbled(folder)):
            return
        print(f"{folder.url}/{garbled} is damaged: the pages are listed again", file=sys.stderr)
    list_pages(pages, folder)
    listing = Listing(folder)
    for index in read_manifest(folder):
        with folder.open(shard_name(index)) as file:
            read = ParquetFile(file).read(columns=["id"]).column("id").to_pylist()
        listed = listing.rows(index) if index < listing.num_shards else []
        if read != [image_id(place) for place in listed]:
            folder.delete(sidecar_name(index))


def _garbled(folder: Folder) -> str:
    """The file of a list that cannot be read, "" where there is none."""
    try:
        Listing(folder)
    except ValueError:  # Arrow's errors are
        return ENTRIES
    try:
        json.loads(folder.read(LISTING))
    except (FileNotFoundError, ValueError):
        return LISTING
    return ""


def listing_hash(pages: Pages) -> dict[str, str]:
    """What identifies the annotations: their content."""
    if not pages.annotations:
        return {}
    return {"annotations": hashlib.sha256(_read(pages.annotations)).hexdigest()}


def _found(pages: Pages, counts: Counter[str]) -> list[Page]:
    found: list[Page] = []
    first = 0
    if pages.annotations:
        source = open_source(pages.images, pages.licence, pages.page_options)
        found += _annotated(read_annotations(_read(pages.annotations)), source, counts)
        first = 1
    plain = [page for number, url in enumerate(pages.pages, first) for page in _plain(number, url, pages, counts)]
    return found + (sampled(plain, pages.sample_pages) if pages.sample_pages else plain)


def _read(path: str) -> bytes:
    folder, _, name = path.rpartition("/")
    try:
        return Folder(folder or ".").read(name)
    except FileNotFoundError as error:
        raise ValueError(f"annotations {path}: there is no such file; name OmniDocBench's JSON") from error


def _annotated(notes: Iterable[PageNotes], source: Source, counts: Counter[str]) -> Iterator[Page]:
    entries = {entry.name: entry for entry in source.entries(counts)}
    by_base: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries.values():
        by_base[PurePosixPath(entry.name).name].append(entry)
    used: set[str] = set()
    for number, page in enumerate(notes):
        entry = _entry_of(page, entries, by_base)
        if entry.name in used:
            entry = replace(entry, name=f"{entry.name} (again, page {number})", fault="its image is annotated twice")
        used.add(entry.name)
        yield Page(
            source=0,
            entry=entry,
            category=page.category,
            document=document_of(entry.name),
            notes=json.dumps({"parts": [asdict(part) for part in page.parts], "skipped": dict(page.skipped)}),
        )
    counts["skipped/images without annotations"] += len(entries.keys() - used)


def _entry_of(page: PageNotes, entries: dict[str, Entry], by_base: dict[str, list[Entry]]) -> Entry:
    """Where a page's image lies; an entry with a fault where that is not known."""
    if page.fault:
        return Entry(name=page.image, fault=f"annotation: {page.fault}")
    if page.category not in CATEGORIES:
        return Entry(name=page.image, fault=f"annotation: {UNKNOWN_CATEGORY}: {page.category!r}")
    alike = by_base.get(PurePosixPath(page.image).name, [])
    entry = entries.get(page.image) or (alike[0] if len(alike) == 1 else None)
    return entry or Entry(name=page.image, fault="its image is not there")


def _plain(number: int, url: str, pages: Pages, counts: Counter[str]) -> Iterator[Page]:
    for entry in open_source(url, pages.licence, pages.page_options).entries(counts):
        category = category_in(f"{url}/{entry.name}") or pages.category
        if category:
            yield Page(source=number, entry=entry, category=category, document=document_of(entry.name))
        else:
            counts[f"skipped/{NO_CATEGORY}"] += 1


def sampled(pages: Sequence[Page], count: int) -> list[Page]:
    """At most `count` pages in their order: categories in turn, in each the languages that file names begin with, of
    those the documents, and of a document pages in a seeded order."""
    order = rng_for(0, "tokenbench/pages", 0).permutation(len(pages)).tolist()
    turns: Counter[Any] = Counter()
    ranked = []
    for number in order:
        page = pages[number]
        ranked.append((_turn(turns, (page.source, page.document)), number))
    for level in (_stratum, _category):
        ranked = [(_turn(turns, (level.__name__, level(pages[number]))), number) for _, number in sorted(ranked)]
    return [pages[number] for number in sorted(number for _, number in sorted(ranked)[:count])]


def _turn(turns: Counter[Any], key: Any) -> int:
    turns[key] += 1
    return turns[key]


def _stratum(page: Page) -> tuple[str, str]:
    found = LANGUAGE_OF.match(PurePosixPath(page.document).name)
    return page.category, found[1].lower() if found else ""


def _category(page: Page) -> str:
    return page.category


def parts_of(notes: str) -> tuple[list[Part], Counter[str]]:
    """The annotated parts of a listed page, and those left out, by reason."""
    read = json.loads(notes)
    parts = [Part(box_px=tuple(p["box_px"]), text=p["text"], is_anchor=p["is_anchor"]) for p in read["parts"]]
    return parts, Counter(read["skipped"])
