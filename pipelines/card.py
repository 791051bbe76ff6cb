"""The dataset card: README.md with the YAML that makes a folder of shards a Hugging Face dataset."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import yaml

from fonts.catalog import load_catalog
from pipelines.photos import PhotoIndex
from pipelines.settings import Settings
from pipelines.shards.files import ShardInfo, fingerprint
from pipelines.shards.folder import Folder
from render.mix import Mix
from render.recipe import BANDS

PATHS = ("photos", "fonts", "corpus")  # settings that may name local paths
_COLUMNS = {
    "id": "recipe, hash of what the bytes depend on, index",
    "image": "the picture, {format}",
    "width_px, height_px": "its size",
    "kind": "synthetic",
    "source, licence": "the photo under the text, and its licence",
    "language, layout, band": "language of the text, kind of document, size band of the body text (em, px)",
    "text": "every line drawn, in reading order, joined by newlines",
    "lines": "each line: text, quad_px (4 corners from the top left, clockwise), size_px (the em), ink_px, "
    "x_height_px, "
    "contrast (APCA Lc to the nearest tenth of the ground), ink_density, ground_std (luma, 0 to 255), face, "
    "language, role, style of rasteriser",
    "scene": "JSON that draws the image again",
}
_OPTIONAL = {
    "words": "each word: text, quad_px, line (its number in `lines`)",
    "chars": "each character: text, quad_px, line",
    "mask": "coverage of ink, a grey PNG",
}


def write_card(
    folder: Folder,
    settings: Settings,
    index: PhotoIndex | None,
    counts: Counter[str] | None = None,
    shards: Iterable[ShardInfo] = (),
) -> None:
    """Write the card: before the first shard, so that the folder loads at every moment, and with totals after."""
    text = card_text(settings, index, counts or Counter(), fingerprint(shards))
    folder.put("README.md", text.encode())


def card_text(settings: Settings, index: PhotoIndex | None, counts: Counter[str], shards: str) -> str:
    """The card as text; shards is what `fingerprint` says of them."""
    licences = dict(index.licences) if index else {}
    faces = load_catalog(settings.inputs.fonts).faces
    header = {
        "pretty_name": f"Smallprint {settings.recipe.name}",
        "language": sorted({name.split("-")[0] for name in settings.recipe.languages.names}),
        "task_categories": ["image-to-text"],
        "tags": ["synthetic", "ocr", "small-text", "autoencoder"],
        "license": "other",
        "size_categories": [size_category(counts["images"] or settings.inputs.num_images)],
        "configs": default_config("train", shards),
    }
    parts = [
        "---\n" + yaml.safe_dump(header, sort_keys=False, allow_unicode=True) + "---",
        f"# {settings.recipe.name}: small text rendered by Smallprint",
        "English and Chinese documents, characters 5 to 20 px, drawn on photographs with exact labels.",
        "![preview](preview.png)" if counts else "",
        _totals(counts),
        "## Columns\n\n" + _table(_columns(settings), settings.inputs.image_format),
        "## Recipe\n\n```yaml\n" + yaml.safe_dump(_plain(settings), sort_keys=False, allow_unicode=True) + "```",
        f"## Licences\n\nPhotos: {_numbers(licences)}. Faces: {_numbers(Counter(face.licence for face in faces))}. "
        f"Texts: {', '.join(last_parts(settings.inputs.corpus)) or 'made up'}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def default_config(split: str, shards: str) -> list[dict[str, Any]]:
    """The only configuration of a dataset; shards is what `fingerprint` says of them."""
    files = [{"split": split, "path": "data/*.parquet"}]
    return [{"config_name": "default", "description": shards, "data_files": files}]


def _totals(counts: Counter[str]) -> str:
    if not counts:
        return (
            "Rendering is under way; the shards that are there are whole. Before the first of them `load_dataset` "
            "finds no data files: it knows no dataset without rows."
        )
    rows = [f"| {band} px | {counts[f'band/{band}']:,} |" for band in BANDS if f"band/{band}" in counts]
    head = f"{counts['images']:,} images, {counts['lines']:,} lines.\n\n| band | images |\n|---|---|\n"
    return head + "\n".join(rows)


def _columns(settings: Settings) -> dict[str, str]:
    """The columns of this dataset."""
    return _COLUMNS | {name: text for name, text in _OPTIONAL.items() if getattr(settings.recipe, name)}


def _numbers(counts: Mapping[str, int]) -> str:
    """Names with how many there are, most first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name or 'unknown'} ({count:,})" for name, count in ranked) or "none used"


def _table(columns: dict[str, str], image_format: str) -> str:
    return "\n".join(f"- **{name}**: {text.format(format=image_format)}" for name, text in columns.items())


def _plain(settings: Settings) -> dict[str, Any]:
    """Recipe and inputs as a recipe file would hold them, but for local paths."""
    recipe = {n: getattr(settings.recipe, n) for n in settings.recipe.__dataclass_fields__}
    values = recipe | asdict(settings.inputs)
    values |= {name: last_parts(values[name]) for name in PATHS}
    return {n: str(v) if isinstance(v, Mix) else list(v) if isinstance(v, tuple) else v for n, v in values.items()}


def last_parts(paths: Sequence[str]) -> list[str]:
    """Paths as a card tells them: of local ones the last part, since the rest is of this machine alone; names and URLs
    as they are."""
    return [PurePath(path).name if path.startswith(("/", "file:")) else path for path in paths]


def size_category(n: int) -> str:
    """The Hub's name for a number of rows."""
    for limit, name in (
        (1e3, "n<1K"),
        (1e4, "1K<n<10K"),
        (1e5, "10K<n<100K"),
        (1e6, "100K<n<1M"),
        (1e7, "1M<n<10M"),
    ):
        if n < limit:
            return name
    return "n>10M"
