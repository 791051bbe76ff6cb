"""The parts of the demo's page that show data: pages rendered, images curated, both mixed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipelines.charts import bars
from pipelines.curation.samples import Samples
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import read_cuts
from pipelines.demonstration.inputs import SPOILT
from pipelines.mixture.inputs import config_order
from pipelines.mixture.statistics import STATISTICS_FILE
from pipelines.pictures import Picture
from pipelines.report import Report
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.rows import Rows
from pipelines.sheet import caption_of, varied

BANDS = ("5-7", "7-10", "10-14", "14-20")  # em, px
A_BAND = 4  # pages shown
SELECTION = "general"
Statistics = dict[str, dict[str, dict[str, Any]]]


def show_pages(report: Report, url: str) -> None:
    """Rendered pages by band, languages and kinds of document in turn, at their own pixels."""
    rows = Rows(Folder(url))
    summary = json.loads(Folder(url).read("summary.json"))
    counts = summary["characters"]
    report.totals(
        {"pages": summary["images"], "lines": summary["lines"], "characters": sum(counts.values())}
        | {"different characters": len(summary["histogram"])}
    )
    keys = [row for table in rows.tables(["band", "language", "layout"]) for row in table.to_pylist()]
    for band in BANDS:
        mine = [i for i, key in enumerate(keys) if key["band"] == band]
        chosen = [mine[i] for i in varied([keys[i] for i in mine], A_BAND)]
        if chosen:
            report.heading(f"{band} px")
            report.pictures(_pages(rows, chosen))


def _pages(rows: Rows, numbers: Sequence[int]) -> Iterator[list[Picture]]:
    for row in rows.take(numbers, ["image", "width_px", "height_px", "band", "language", "layout", "lines"]):
        caption = caption_of(row).partition(" px ")[2].strip()
        size = {"width_px": row["width_px"], "height_px": row["height_px"]}
        yield [Picture(data=row["image"]["bytes"], caption=caption, **size)]


def show_curation(report: Report, url: str) -> None:
    """What was kept and what was not, and why: counts, and pictures on both sides."""
    counts = read_cuts(Folder(url), SELECTION)["counts"]
    report.totals({"images": counts["rows"], "kept": counts["kept"], "rejected": counts["rows"] - counts["kept"]})
    report.text(
        f"The corpus is {counts['rows'] - len(SPOILT)} photographs as they are and {len(SPOILT)} copies of them, "
        "spoilt on purpose so that there is something to reject. All but one are mirrored, so that they are judged by "
        "their looks and not found as copies first."
    )
    dropped = {"kept": counts["kept"], **counts["dropped"]}
    report.charts([bars("Images by verdict", dropped, caption="Rejected: the first reason that applies.")])
    rows = list(_verdicts(url))
    reasons = {row["id"].partition("/")[2]: row["reason"] or "kept" for _, row in rows}
    table = [[one.name, one.about, reasons.get(one.name, "")] for one in SPOILT]
    report.table(["copy", "what was done", "rejected for"], table, "The copies")
    samples = Samples(ScoreTable(url))
    report.heading("Kept")
    report.pictures(_judged(samples, [(number, "", "good") for number, row in rows if row["keep"]]))
    report.heading("Rejected")
    report.pictures(_judged(samples, [(n, str(row["reason"]), "bad") for n, row in rows if not row["keep"]]))
    unread = [(row["id"].partition("/")[2], row["reason"]) for number, row in rows if not samples.pictures(number)]
    if unread:
        report.text(f"Without a picture: {'; '.join(f'{name}, {reason}' for name, reason in unread)}.")


def _verdicts(url: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row's number, id, keep and reason."""
    with Folder(f"{url}/selections/{SELECTION}").open("rows.parquet") as file:
        yield from enumerate(ParquetFile(file).read(columns=["id", "keep", "reason"]).to_pylist())


def _judged(samples: Samples, rows: Iterable[tuple[int, str, str]]) -> Iterator[Sequence[Picture]]:
    found = (samples.pictures(number, note, tone) for number, note, tone in rows)
    return (group for group in found if group)


def show_mix(report: Report, url: str) -> None:
    """Images, pixels and characters of each configuration and split, and how to read it."""
    statistics: Statistics = json.loads(Folder(url).read(STATISTICS_FILE))
    report.text(
        "Rendered pages and kept photographs together. Sources are held out whole: no photograph lies under pages of "
        "both splits, nor is it, or anything that looks nearly like it, among the photographs of the other."
    )
    report.table(
        ["split", "configuration", "images", "of the split", "megapixels", "MB", "characters"],
        [row for split, parts in statistics.items() for row in _mix_rows(split, parts)],
    )
    sources = {split: sorted(_licences(parts)) for split, parts in statistics.items()}
    report.text("Licences of the photographs: " + "; ".join(f"{k}: {', '.join(v)}" for k, v in sources.items()) + ".")
    report.command(
        f'from datasets import load_dataset\n\nload_dataset("{url}", "synthetic-5-7", split="train", streaming=True)'
    )


def _mix_rows(split: str, parts: dict[str, dict[str, Any]]) -> Iterator[list[Any]]:
    total = sum(part["images"] for part in parts.values())
    for name in sorted(parts, key=config_order):
        part = parts[name]
        sizes = [part["images"] / total, part["pixels"] / 1e6, part["image_bytes"] / 1e6]
        yield [split, name, part["images"], *sizes, part["characters"]]


def _licences(parts: dict[str, dict[str, Any]]) -> set[str]:
    return {name for part in parts.values() for name in part["licence"] if name}
