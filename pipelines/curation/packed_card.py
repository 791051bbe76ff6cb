"""The dataset card of a packed selection: what was kept and why not, columns, licences."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import yaml

from pipelines.card import default_config, size_category
from pipelines.shards.files import LOST, ShardInfo, counts_under, fingerprint
from pipelines.shards.folder import Folder

COLUMNS = {
    "id": "number of the source and name of the image in it",
    "image": "the image's own file, never encoded again; a PNG of a PDF's page",
    "width_px, height_px": "its size as seen, after the EXIF orientation",
    "kind": "general or text",
    "source, licence": "the image's file, and its licence",
    "layout, band, scene": "a renderer's, empty here: rendered and curated rows have one schema, so that both can be "
    "read, mixed and trained on as one dataset",
    "language": "that of most letters read, by their script",
    "text": "the lines read by OCR in reading order, joined by newlines; empty where there are none, and where only "
    "samples of the lines were read (text_stage is not read): score with --text full to have all",
    "lines": "each line read: text, quad_px (4 corners from the top left, clockwise), ink_px (height of its box); "
    "the other fields are a renderer's and nan or empty here",
}


def write_card(
    folder: Folder, schema: pa.Schema, cuts: Mapping[str, Any], counts: Counter[str], shards: Iterable[ShardInfo]
) -> None:
    """Write the card: before the first shard, so that the folder loads at every moment, and with totals after."""
    folder.put("README.md", card_text(schema, cuts, counts, fingerprint(shards)).encode())


def card_text(schema: pa.Schema, cuts: Mapping[str, Any], counts: Counter[str], shards: str) -> str:
    """The card as text; shards is what `fingerprint` says of them."""
    kept, rows = cuts["counts"]["kept"], cuts["counts"]["rows"]
    header = {
        "pretty_name": f"Smallprint {cuts['selection']}",
        "tags": ["curated", cuts["kind"], "autoencoder"],
        "license": "other",
        "size_categories": [size_category(counts["images"] or kept)],
        "configs": default_config("train", shards),
    }
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        f"# {cuts['selection']}: images selected by Smallprint",
        cuts["about"],
        f"{kept:,} of {rows:,} images were kept ({kept / max(1, rows):.1%}). {_packed(counts)}",
        table("Dropped, by the first reason", ("reason", "images", "share"), _dropped(cuts)),
        table("Categories", ("category", "images"), _under(counts, "category")),
        "## Rules\n\n```yaml\n" + cuts["rules_file"].strip() + "\n```",
        "## Columns\n\n" + "\n".join(f"- **{name}**: {about}" for name, about in _columns(schema).items()),
        table("Licences", ("licence", "images"), _under(counts, "licence")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _packed(counts: Counter[str]) -> str:
    if not counts:
        return "Packing is under way; the shards that are there are whole."
    lost = f"; {counts[LOST]:,} more were gone or had changed" if counts[LOST] else ""
    return f"{counts['images']:,} images are here, {counts['image bytes'] / 1e6:,.1f} MB{lost}."


def _dropped(cuts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = max(1, cuts["counts"]["rows"])
    return [(reason, f"{n:,}", f"{n / rows:.1%}") for reason, n in cuts["counts"]["dropped"].items()]


def _under(counts: Counter[str], name: str) -> list[tuple[str, str]]:
    return [(key, f"{n:,}") for key, n in counts_under(counts, name).items() if key]


def table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _columns(schema: pa.Schema) -> dict[str, str]:
    """What each column means: those of a record, and each score as its scorer describes it."""
    scores = {field.name: field.metadata[b"about"].decode() for field in schema if b"about" in (field.metadata or {})}
    return COLUMNS | scores
