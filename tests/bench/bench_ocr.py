"""How well and how fast text density is measured: on pages of PDFs with a text layer, and on photos.

    SMALLPRINT_DATA=DATA python tests/bench/bench_ocr.py --out CACHE [--pages 300] [--full 150] [--text auto]

The truth of a page is its text layer; it is drawn at 150 dpi. Characters are counted alike on both sides: without
spaces and dot leaders. A layer does not hold the text of embedded images (scans, screenshots), which OCR rightly
reads, so pages whose images cover at most 2% are also told apart. Pages come in equal shares from each category and
language of documents/, photos are all of natural/ and blur/. "Full" is detection and recognition of every line by
rapidocr as it comes, of the first pictures. Times are CPU seconds of one thread on pictures measured both ways in
turn, decoding left out. Results of each picture are kept in CACHE: the same command goes on where it stopped.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402  (threads are set first)
from pypdfium2 import PdfDocument  # noqa: E402
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE  # noqa: E402
from scipy.stats import rankdata, spearmanr  # noqa: E402

from curate.ocr import RapidOcr  # noqa: E402
from curate.picture import Picture  # noqa: E402
from curate.text import TextDensity, TextOptions  # noqa: E402
from curate.textlines import num_chars  # noqa: E402
from pipelines.corpora.archives import Entry  # noqa: E402
from pipelines.corpora.sources import Source, open_source  # noqa: E402
from pipelines.shards.codec import write_png  # noqa: E402

Rows = list[dict[str, Any]]
WITH_TEXT = ("kodim05.png", "mies.png", "night.png")
TEXT_SHARE = 0.1  # of the pictures of the corpus whose speed is told
GRID, MAX_IMAGES = 200, 0.02
RICH = TextOptions().rich_chars_per_mpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture: a page of a PDF (`is_page`) or a photo."""

    name: str
    source: Source
    entry: Entry
    is_page: bool


def pages(documents: Path, num_pages: int, rng: np.random.Generator) -> list[Item]:
    """Pages with a text layer, as evenly over categories and languages as they come, shuffled."""
    source, groups = open_source(str(documents)), defaultdict(list)
    for line in (documents / "pages.jsonl").read_text().splitlines():
        page = json.loads(line)
        if page.get("text_layer") and page["file"].endswith(".pdf"):
            groups[page["category"], page["language"]].append(page)
    drawn = {key: [groups[key][i] for i in rng.permutation(len(groups[key]))] for key in sorted(groups)}
    rounds = zip_longest(*([(key, page) for page in drawn[key]] for key in groups))
    share = Counter(taken[0] for taken in [one for one in chain.from_iterable(rounds) if one][:num_pages])
    chosen = [page for key in drawn for page in drawn[key][: share[key]]]
    return [_page(source, chosen[i]) for i in rng.permutation(len(chosen))]


def _page(source: Source, page: dict[str, Any]) -> Item:
    entry = Entry(name=page["file"], container=page["file"], row=page["page"] - 1)
    return Item(name=f"{page['file']}#{page['page']}", source=source, entry=entry, is_page=True)


def image_share(documents: Path, item: Item) -> float:
    """The share of a page that its embedded images cover, 0 to 1, on a grid of 200 x 200."""
    mask = np.zeros((GRID, GRID), bool)
    with closing(PdfDocument(documents / item.entry.container)) as document:
        page = document[item.entry.row]
        scale = GRID / np.array(page.get_size() * 2)
        for image in page.get_objects([FPDF_PAGEOBJ_IMAGE], max_depth=4):
            left, bottom, right, top = np.clip(np.array(image.get_bounds()) * scale, 0, GRID).round().astype(int)
            mask[bottom:top, left:right] = True
    return float(mask.mean())


def photos(data: Path, rng: np.random.Generator) -> list[Item]:
    found = [
        Item(name=f"{folder}/{entry.name}", source=source, entry=entry, is_page=False)
        for folder in ("blur", "natural")
        for source in (open_source(str(data / folder)),)
        for entry in source.entries(Counter())
    ]
    found.sort(key=lambda item: item.name)
    return [found[i] for i in rng.permutation(len(found))]


def interleaved(first: Sequence[Item], second: Sequence[Item]) -> list[Item]:
    """Two of the first, one of the second, and so on: any beginning holds both."""
    groups = zip_longest(first[::2], first[1::2], second)
    return [item for group in groups for item in group if item is not None]


def cached(file: Path, items: Sequence[Item], measure: Callable[[Picture], dict[str, Any]]) -> Rows:
    """What was measured of each item, the CPU seconds it took among it; what the file holds is not done again."""
    known = {row["name"]: row for row in map(json.loads, file.read_text().splitlines())} if file.exists() else {}
    with file.open("a") as out:
        for item in items:
            if item.name not in known:
                known[item.name] = _measured(item, measure)
                print(json.dumps(known[item.name], ensure_ascii=False), file=out, flush=True)
    return [known[item.name] for item in items]


def _measured(item: Item, measure: Callable[[Picture], dict[str, Any]]) -> dict[str, Any]:
    picture = Picture(item.source.read(item.entry))
    mpx = picture.rgb.shape[0] * picture.rgb.shape[1] / 1e6
    start = time.process_time()
    values = measure(picture)
    seconds = time.process_time() - start
    true_chars = num_chars(item.source.text(item.entry))
    return {
        "name": item.name,
        "is_page": item.is_page,
        "mpx": mpx,
        "true_chars": true_chars,
        "seconds": seconds,
    } | values


def ours(text: str) -> Callable[[Picture], dict[str, Any]]:
    scorer = TextDensity(options=TextOptions(text=text))
    kept = ["ocr_chars", "ocr_chars_per_mpx", "char_px", "text_stage"]
    return lambda picture: scorer([picture]).select(kept).to_pylist()[0]


def full() -> Callable[[Picture], dict[str, Any]]:
    engine, sure = RapidOcr(), TextOptions().min_confidence

    def measure(picture: Picture) -> dict[str, Any]:
        return {
            "ocr_chars": sum(num_chars(text) for _, text, confidence in engine.read(picture.rgb) if confidence >= sure)
        }

    return measure


def both(text: str) -> Callable[[Picture], dict[str, Any]]:
    """CPU seconds of ours and of full, one right after the other: the machine is as busy for both."""
    measures = {"ours": ours(text), "full": full()}
    stripes = np.tile(np.uint8([0, 0, 255, 255]), (64, 48))
    for warm_up in measures.values():
        warm_up(Picture(write_png(stripes)))  # models are loaded

    def measure(picture: Picture) -> dict[str, Any]:
        seconds = {}
        for name, measured in measures.items():
            start = time.process_time()
            measured(picture)
            seconds[f"{name}_seconds"] = time.process_time() - start
        return seconds

    return measure


def auroc(high: Sequence[float], low: Sequence[float]) -> float:
    ranks = rankdata([*high, *low])[: len(high)]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(high) * len(low)))


def correlation(rows: Rows) -> float:
    return float(spearmanr([row["true_chars"] for row in rows], [row["ocr_chars"] for row in rows]).statistic)


def report(rows: Rows, whole: Rows, plain_pages: set[str]) -> Iterator[tuple[str, str, str]]:
    """What is told, the aim, and what came out."""
    shown = [row for row in rows if row["is_page"]]
    rich = [row for row in shown if row["true_chars"] >= RICH * row["mpx"]]
    plain = [row["ocr_chars_per_mpx"] for row in rows if not row["is_page"]]
    yield f"characters against the text layer, {len(shown)} pages: Spearman", ".97", f"{correlation(shown):.3f}"
    clean = [row for row in shown if row["name"] in plain_pages]
    yield f"the same, {len(clean)} pages without images", ".97", f"{correlation(clean):.3f}"
    read = {row["name"] for row in whole if row["is_page"]}
    for kind, names in (("all", read), ("without images", read & plain_pages)):
        both = [[row for row in found if row["name"] in names] for found in (rows, whole)]
        yield (
            f"the same, ours / full, {len(names)} pages, {kind}",
            "",
            " / ".join(f"{correlation(r):.3f}" for r in both),
        )
    measured = auroc([row["ocr_chars_per_mpx"] for row in rich], plain)
    yield f"{len(rich)} rich pages against {len(plain)} photos: AUROC", ".995", f"{measured:.4f}"
    lost = [row["name"] for row in rich if row["ocr_chars_per_mpx"] < RICH]
    yield f"rich pages (true count {RICH:.0f} a Mpx or more) lost", "1%", f"{len(lost) / len(rich):.1%} {lost}"
    found = [row["name"].split("/")[-1] for row in rows if row["name"].endswith(WITH_TEXT) and row["ocr_chars"]]
    yield f"photos with text found, of {len(WITH_TEXT)}", "3", ", ".join(sorted(found))
    yield "stages", "", str(dict(Counter(row["text_stage"] for row in rows)))


def speed(rows: Rows) -> Iterator[tuple[str, str, str]]:
    means = {}
    for name in ("ours_seconds", "full_seconds"):
        page, photo = (float(np.mean([row[name] for row in rows if row["is_page"] == kind])) for kind in (True, False))
        means[name] = (page, photo, TEXT_SHARE * page + (1 - TEXT_SHARE) * photo)
    ours, whole = means.values()
    counts = Counter(row["is_page"] for row in rows)
    for at, kind in enumerate((f"a page, {counts[True]}", f"a photo, {counts[False]}")):
        yield f"CPU s {kind} of them: ours / full", "", f"{ours[at]:.2f} / {whole[at]:.2f}"
    yield f"times faster than full, {TEXT_SHARE:.0%} pages", "5", f"{whole[2] / ours[2]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that keeps the results of each picture")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--full", type=int, default=150, help="pictures that are also read in full")
    parser.add_argument("--timed", type=int, default=10, help="pages, and three times as many photos, that are timed")
    parser.add_argument("--text", default="auto", choices=("density", "auto", "full"))
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data, rng = Path(os.environ["SMALLPRINT_DATA"]), np.random.default_rng(args.seed)
    of_pages, of_photos = pages(data / "documents", args.pages, rng), photos(data, rng)
    items = interleaved(of_pages, of_photos)
    rows = cached(args.out / f"{args.text}.jsonl", items, ours(args.text))
    whole = cached(args.out / "full.jsonl", items[: args.full], full())
    plain_pages = {item.name for item in items if item.is_page and image_share(data / "documents", item) <= MAX_IMAGES}
    timed = [*of_pages[: args.timed], *of_photos[: 3 * args.timed]]
    times = cached(args.out / f"timed_{args.text}.jsonl", timed, both(args.text))
    for what, aim, value in chain(report(rows, whole, plain_pages), speed(times)):
        print(f"| {what} | {aim} | {value} |")


if __name__ == "__main__":
    main()
