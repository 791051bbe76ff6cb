"""What a benchmark tells of itself: totals by category and language, rejects by reason, the dataset card."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import yaml

from curate.tokenbench import CATEGORIES, CHAR_PX, CROP_PX
from pipelines.benchmark.choosing import Chosen
from pipelines.benchmark.packing import ABOUT
from pipelines.card import default_config, size_category

MAX_NAMED = 10


def summarise(chosen: Chosen) -> dict[str, Any]:
    """The totals, as summary.json holds them."""
    kept = chosen.kept
    cells = Counter((one["category"], one["language"]) for one in kept)
    table = {name: {language: cells[name, language] for language in ("en", "zh")} for name in CATEGORIES}
    return {
        "pages": chosen.num_pages,
        "pages with samples": len({one["page"] for one in kept}),
        "crops": len(chosen.candidates),
        "crops read": sum(one["num_chars"] is not None for one in chosen.candidates),
        "samples": len(kept),
        "samples by category": table,
        "samples by language": {name: sum(cell[name] for cell in table.values()) for name in ("en", "zh")},
        "rejects": dict(sorted(chosen.rejects().items(), key=lambda item: (-item[1], item[0]))),
        "blocks left out": dict(sorted(chosen.skipped.items())),
        "page faults": chosen.faults,
        "licences": dict(sorted(Counter(one["licence"] for one in kept).items())),
    }


def describe(summary: dict[str, Any], out: str) -> str:
    """A summary for the terminal."""
    languages = ", ".join(f"{count:,} {name}" for name, count in summary["samples by language"].items())
    lines = [
        f"pages      {summary['pages']:,}, of which {summary['pages with samples']:,} give samples and "
        f"{len(summary['page faults']):,} have a fault",
        *(f"  {name}: {reason}" for name, reason in list(summary["page faults"].items())[:MAX_NAMED]),
        f"crops      {summary['crops']:,}, of which {summary['crops read']:,} were read",
        *(f"  {count:>7,} {reason}" for reason, count in summary["rejects"].items()),
        f"samples    {summary['samples']:,} ({languages})",
        *(f"  {name:<20} {cell['en']:>5,} en {cell['zh']:>5,} zh" for name, cell in _cells(summary)),
        f"dataset    {out}",
        f"images     {out}/bench",
        f"review     {out}/review.html",
    ]
    return "\n".join(lines)


def _cells(summary: dict[str, Any]) -> list[tuple[str, dict[str, int]]]:
    return list(summary["samples by category"].items())


def card_text(summary: dict[str, Any], settings: dict[str, Any], engine: str, shards: str) -> str:
    """The dataset card; shards is what `fingerprint` says of them."""
    header = {
        "pretty_name": "Smallprint token bench",
        "language": ["en", "zh"],
        "task_categories": ["image-to-text"],
        "tags": ["ocr", "small-text", "autoencoder", "benchmark"],
        "license": "other",
        "size_categories": [size_category(summary["samples"])],
        "configs": default_config("test", shards),
    }
    sizes = f"{CHAR_PX['zh']:g} px in Chinese, {CHAR_PX['en']:g} px in English"
    cells = [(name, cell["en"], cell["zh"], sum(cell.values())) for name, cell in _cells(summary)]
    totals = summary["samples by language"]
    cells.append(("all", totals["en"], totals["zh"], summary["samples"]))
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        "# Blocks of text from document pages, for measuring how legible an autoencoder keeps them",
        f"{summary['samples']:,} samples of {CROP_PX}x{CROP_PX} px from {summary['pages with samples']:,} of "
        f"{summary['pages']:,} pages. Each was cut from the top left corner of a block of text and resized so that a "
        f"character's square, sqrt(area of the block / characters), has a side of about {sizes}; it may reach beyond "
        f"its block. Read by {engine}. `bench/` holds the same images as PNG files.",
        _table("Samples", ("category", "en", "zh", "all"), cells),
        _table("Crops left out, by the first reason", ("reason", "crops"), list(summary["rejects"].items())),
        "## Columns\n\n" + "\n".join(f"- **{name}**: {about}" for name, about in _columns().items()),
        _table("Licences of the pages", ("licence", "samples"), list(summary["licences"].items())),
        "## Settings\n\n```yaml\n" + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True) + "```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _columns() -> dict[str, str]:
    own = {
        "id": "category, language of the block, digest of page and place",
        "image": f"the sample, PNG, {CROP_PX}x{CROP_PX} px",
        "source, licence": "the page and its licence",
        "language": "en, zh or zh-Hant, by the script of most letters read",
        "text": "the lines read, in reading order, joined by newlines",
        "lines": "each line read: text, quad_px (4 corners from the top left, clockwise), ink_px (height of its box)",
    }
    return own | {name: about for name, (_, about) in ABOUT.items()}


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    shown = [[f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *shown]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)
