"""The totals of a rendered dataset: as JSON for programs, as a table for the terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fonts.catalog import Catalog
from pipelines.photos import PhotoIndex
from pipelines.settings import Settings
from pipelines.shards.files import counts_under
from render.recipe import BANDS
from render.text import Writer

SUMMARY_FILE = "summary.json"


def summarise(counts: Counter[str], index: PhotoIndex | None, faces: Catalog, writer: Writer) -> dict[str, Any]:
    """Counts by name: images by band, language, layout and ground; characters by band and language, and each
    character; rejects by reason; faults by file, those of fonts and of texts included; photos by verdict; and by
    language whether its running text comes from the corpus."""
    parts: dict[str, Any] = {
        "images": counts["images"],
        "lines": counts["lines"],
        "image_bytes": counts["image bytes"],
    }
    for name in ("band", "language", "layout", "ground", "reject", "fault"):
        parts[name] = dict(sorted(counts_under(counts, name).items()))
    parts["band"] = {band: parts["band"][band] for band in BANDS if band in parts["band"]}
    parts["fault"] |= {f"font {face.path}: {face.reason}": 1 for face in faces.rejected}
    parts["fault"] |= {f"text {rejected}": 1 for rejected in writer.rejected}
    parts["texts"] = texts_of(writer, parts["language"])
    parts["characters"] = dict(sorted(counts_under(counts, "chars").items()))
    parts["photos"] = dict(index.verdicts) if index else {}
    parts["histogram"] = counts_under(counts, "char")
    return parts


def texts_of(writer: Writer, languages: Iterable[str]) -> dict[str, str]:
    """By language where its running text comes from."""
    return {language: "corpus" if language in writer.corpus_languages else "made up" for language in languages}


def told_texts(origins: Mapping[str, str]) -> str:
    """What `texts_of` says, in words."""
    return ", ".join(f"{language} {origin}" for language, origin in origins.items())


def describe(summary: dict[str, Any], settings: Settings, num_new: int, seconds: float) -> str:
    """A summary for the terminal, with the speed of what was made just now."""
    lines = [
        f"images      {summary['images']:,} ({num_new:,} new), {summary['lines']:,} lines, "
        f"{summary['image_bytes'] / 1e6:,.1f} MB",
        f"characters  {_shares(summary['characters'])}; {len(summary['histogram']):,} different",
        f"grounds     {_shares(summary['ground'])}",
        f"photos      {_shares(summary['photos']) or 'none used'}",
        f"texts       {told_texts(summary['texts'])}",
        f"rejects     {_shares(summary['reject']) or 'none'}",
    ]
    faults = summary["fault"]
    lines += [
        f"faults      {len(faults)} files" + "".join(f"\n  {n} x {name}" for name, n in list(faults.items())[:10])
    ]
    if num_new:
        lines.append(
            f"speed       {num_new / max(seconds, 1e-9):,.1f} images/s in {seconds:,.1f} s, the photos' index included"
        )
    out = settings.execution.out
    lines += [f"dataset     {out}", f"preview     {out}/preview.png", f"summary     {out}/{SUMMARY_FILE}"]
    return "\n".join(lines)


def _shares(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in counts.items())
