"""The dataset card of a mix: configurations and splits, what they hold, licences, previews, how it was made."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import yaml

from pipelines.card import last_parts, size_category
from pipelines.curation.packed_card import table
from pipelines.mixture.plan import SPLITS, Plan
from pipelines.mixture.sides import TEST
from pipelines.mixture.statistics import Part
from pipelines.shards.files import fingerprint, sidecars
from pipelines.shards.folder import Folder

FILES_MIXED = 10
NO_SOURCE = "none: a drawn ground, no photo"
Place = tuple[str, str]  # split, configuration
COLUMNS = {
    "id": "of the row in the dataset that it comes from",
    "image": "the image's own file, never encoded again",
    "width_px, height_px": "its size",
    "kind": "general (photographs), text (pages and screens) or synthetic (rendered text)",
    "source": "the photo or page that it is, or that lies under its text",
    "licence": "that of the source",
    "language, layout, band": "of the text; layout and band (em of the body text, px) of rendered images alone",
    "text, lines": "the text in reading order, and each line with its quad; rendered: exact, else as OCR read it "
    "(curated with --text full; else empty, see ocr_chars)",
    "scene": "of rendered images: JSON that draws the image again",
}


def card_text(url: str, parts: Sequence[Part], schema: pa.Schema, facts: Mapping[str, Any]) -> str:
    """The card. `facts`: recipe (mapping), plan (or None), inputs, removed (rows), previews (names), done."""
    places = [(part.split, part.config) for part in parts]
    total: Counter[str] = sum((part.counts for part in parts), Counter())
    folders = (Folder(f"{url}/{part.split}/{part.config}") for part in parts)
    shards = fingerprint(info for folder in folders for info in sidecars(folder))
    recipe = facts["recipe"] | {"inputs": last_parts(facts["recipe"]["inputs"])}
    header = {
        "pretty_name": "Smallprint mix",
        "task_categories": ["image-to-text"],
        "tags": ["autoencoder", "ocr", "small-text", "synthetic", "curated"],
        "license": "other",
        "size_categories": [size_category(total["images"])],
        "configs": configs_of(places or facts["places"], shards),
    }
    name = url.rstrip("/").rpartition("/")[2]
    sections = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        f"# {name}: photographs, pages and rendered text, mixed by Smallprint",
        "For image autoencoders that keep text legible. Each row holds an image's own file, its labels and scores, and "
        "where it comes from.",
        _totals(parts) if facts["done"] else "Mixing is under way; the shards that are there are whole.",
        _previews(facts["previews"]),
        _splits(facts["plan"], parts),
        _copies(facts["plan"]),
        _reading(name, places[0][1] if places else "default", facts["recipe"]["images_per_shard"]),
        _licences(parts),
        table("Where it comes from", ("dataset", "images", "made as told in"), _origins(total, facts["inputs"])),
        _removed(facts["removed"]),
        "## Recipe\n\n```yaml\n" + yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True) + "```",
        "## Columns\n\n" + "\n".join(f"- **{key}**: {about}" for key, about in _columns(schema).items()),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def configs_of(places: Sequence[Place], shards: str) -> list[dict[str, Any]]:
    """The configurations of the header: all together, each alone, and rendered text of all bands; shards is what
    `fingerprint` says of them."""
    names = list(dict.fromkeys(config for _, config in places))
    bands = [name for name in names if name.startswith("synthetic-")]
    found = [_config("default", "*", [split for split in SPLITS if any(place[0] == split for place in places)])]
    if len(bands) > 1 and "synthetic" not in names:
        splits = [split for split in SPLITS if any((split, band) in places for band in bands)]
        found.append(_config("synthetic", "synthetic-*", splits))
    found += [_config(name, name, [split for split in SPLITS if (split, name) in places]) for name in names]
    return [config | {"description": shards} for config in found]


def _config(name: str, folder: str, splits: Sequence[str]) -> dict[str, Any]:
    files = [{"split": split, "path": f"{split}/{folder}/data/*.parquet"} for split in splits]
    return {"config_name": name, "data_files": files} | ({"default": True} if name == "default" else {})


def _totals(parts: Sequence[Part]) -> str:
    images = {split: sum(part.images for part in parts if part.split == split) for split in SPLITS}
    rows = [
        (
            part.split,
            part.config,
            f"{part.images:,}",
            f"{part.images / images[part.split]:.1%}",
            f"{part.counts['pixels'] / 1e6:,.1f}",
            f"{part.counts['image bytes'] / 1e6:,.1f}",
            f"{part.counts['characters']:,}",
        )
        for part in parts
    ]
    head = ("split", "configuration", "images", "share", "megapixels", "MB", "characters")
    return table("What is in it", head, rows)


def _reading(name: str, config: str, images_per_shard: int) -> str:
    num_mixed = FILES_MIXED * images_per_shard
    code = f"""from datasets import load_dataset

rows = load_dataset("{name}", "{config}", split="train", streaming=True)
for row in rows.shuffle(seed=0, buffer_size={num_mixed}):
    row["image"], row["text"], row["weight"]"""
    order = (
        "Rows of one shard of a dataset follow each other; the shards of all are mixed. `shuffle` draws the files in "
        f"another order and holds {num_mixed:,} images, those of {FILES_MIXED} files; a reader that keeps the order of "
        "the files needs to hold as many as several such shards have."
    )
    about = (
        "Drawing rows by `weight` keeps the shares of the configurations: its mean is 1 in each of them. Readers of "
        "Parquet folders find `train` and `test`, and in them each configuration, as a folder of its own."
    )
    return f"## How to read it\n\n```python\n{code}\n```\n\n{order}\n\n{about}"


def _previews(names: Sequence[str]) -> str:
    if not names:
        return ""
    about = "Above, whole images made smaller; below, a part of each at its own pixels."
    shown = [f"**{name.split('/')[1].removesuffix('.png')}**\n\n![{name}]({name})" for name in names]
    return "\n\n".join(["## Previews", about, *shown])


def _splits(plan: Plan | None, parts: Sequence[Part]) -> str:
    if plan is None or not any(part.split == TEST for part in parts):
        return ""
    left = {cell.place: cell.available - cell.images for cell in plan.cells}
    lines = [
        "Sources are held out by a hash of their file, documents with all their pages; no source is in both splits. "
        f"{plan.near:,} rows were left out of both because their source looks nearly like a held-out one (perceptual "
        "hashes at most 8 of 64 and 24 of 256 bits apart)."
    ]
    spare = ", ".join(f"{n:,} of {place}" for place, n in left.items() if n)
    if spare:
        lines.append(f"Not needed for the ratios: {spare}.")
    if plan.untested:
        lines.append(f"Note that {untested_text(plan.untested)}.")
    if plan.unprinted:
        which = ", ".join(f"{n:,} of {name}" for name, n in plan.unprinted.items())
        lines.append(
            f"Rows whose photo could not be fingerprinted any more, so that only its own file counts: {which}."
        )
    return "## Splits\n\n" + "\n\n".join(lines)


def untested_text(configs: Sequence[str]) -> str:
    """What is said of configurations that only the train split has."""
    return (
        f"the test split has no image of {', '.join(configs)}, which the train split has: nothing measured on it tells "
        "of these. Give more sources, or a larger --test-share"
    )


def _copies(plan: Plan | None) -> str:
    if plan is None or not plan.copies:
        return ""
    return (
        f"## Copies\n\n{plan.copies:,} rows were left out because another row holds the same file: it is taken once, "
        "as a page of text rather than as a photograph, and from the first input that holds it."
    )


def _licences(parts: Sequence[Part]) -> str:
    names = list(dict.fromkeys(part.config for part in parts))
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for licence, count in part.under("licence").items():
            total.setdefault(licence or NO_SOURCE, Counter())[part.config] += count
    rows = [
        (licence, f"{counts.total():,}", ", ".join(f"{name} {counts[name]:,}" for name in names if counts[name]))
        for licence, counts in sorted(total.items(), key=lambda item: (-item[1].total(), item[0]))
    ]
    return table("Licences of the sources", ("licence", "images", "of them"), rows)


def _origins(total: Counter[str], inputs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            one["name"],
            f"{total['origin/' + one['name']]:,}",
            f"[lineage/{one['name']}.json](lineage/{one['name']}.json)",
        )
        for one in inputs
    ]


def _removed(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    counts = Counter((row["asked"], row["split"]) for row in rows)
    lines = [(asked, split, f"{n:,}") for (asked, split), n in sorted(counts.items())]
    about = "\n\nThe ratios held before; `removed.jsonl` names the rows."
    return table("Taken out since", ("source", "split", "images"), lines) + about


def _columns(schema: pa.Schema) -> dict[str, str]:
    scores = {field.name: field.metadata[b"about"].decode() for field in schema if b"about" in (field.metadata or {})}
    return COLUMNS | scores
