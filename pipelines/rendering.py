"""The rendering job: record i of a recipe, the same whoever makes it, shard by shard."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog, load_catalog
from pipelines.photos import PhotoIndex, PhotoInfo
from pipelines.plan import Plan
from pipelines.settings import Settings
from pipelines.shards.codec import encode
from pipelines.shards.record import BoxTable, LineTable, Record, record_schema
from pipelines.shards.seeds import rng_for
from pipelines.views import Views
from render.draw import ClippedError, Rendering, draw_text
from render.labels import Lines, character_quads, characters_of, geometry, words_of
from render.recipe import BANDS, LANGUAGES
from render.sample import Cell, Sampler, Style, View, sample_style
from render.scene import Scene
from render.text import open_writer
from render.typeset import typeset

SCENE_TRIES = 4
_SPANS = {"words": words_of, "chars": characters_of}


class RenderJob:
    """Renders records by index. Built once a worker; knows the photos only through their index."""

    def __init__(self, settings: Settings, identity: dict[str, Any], photo_index: str) -> None:
        self._settings, self._recipe = settings, settings.recipe
        inputs = settings.inputs
        self.faces = load_catalog(inputs.fonts)
        check_faces(self.faces, identity)
        self._sampler = Sampler(settings.recipe, self.faces, open_writer(inputs.corpus))
        self._plan = Plan(settings.recipe, inputs.seed)
        index = PhotoIndex.load(photo_index, inputs.split) if photo_index else None
        self._views = Views(index, inputs.seed, self._recipe.sizes()) if index else None
        self._style = lru_cache(maxsize=64)(self._draw_style)
        self._prefix = f"{self._recipe.name}-{hash8(identity)}"
        recipe = self._recipe
        self.schema = record_schema(words=recipe.words, chars=recipe.chars, mask=recipe.mask)

    def num_rows(self, shard: int) -> int:
        size = self._settings.inputs.images_per_shard
        return min(size, self._settings.inputs.num_images - shard * size)

    def rows(self, shard: int, counts: Counter[str]) -> Iterator[dict[str, Any]]:
        first = shard * self._settings.inputs.images_per_shard
        for index in range(first, first + self.num_rows(shard)):
            yield self.record(index, counts).row()

    def record(self, index: int, counts: Counter[str]) -> Record:
        """The record of one index; rejects and totals are added to counts."""
        cell = self._plan.cell(index)
        style = self._style(index // self._recipe.style_block, cell.band, cell.language)
        if style.why_grey:
            counts[f"reject/raster/{style.why_grey}"] += 1
        photo, view = None, None
        if cell.ground == "photo":
            assert self._views is not None, "a photo is asked for only where photos were indexed"
            photo, view = self._views.at(index // self._recipe.crops_per_photo, cell, counts)
        scene, rendering = self._render(index, cell, style, view, counts)
        record = self._record(index, scene, rendering, photo)
        tally(record, counts)
        return record

    def _draw_style(self, block: int, band: str, language: str) -> Style:
        rng = rng_for(self._settings.inputs.seed, "style", block, list(BANDS).index(band), LANGUAGES.index(language))
        return sample_style(self._recipe, self.faces, band, language, rng)

    def _render(
        self, index: int, cell: Cell, style: Style, view: View | None, counts: Counter[str]
    ) -> tuple[Scene, Rendering]:
        for attempt in range(SCENE_TRIES):
            rng = rng_for(self._settings.inputs.seed, "scene", index, attempt)
            scene, canvas = self._sampler.scene(cell, style, view, rng, counts)
            try:
                rendering = draw_text(scene, canvas, self.faces, mask=self._recipe.mask)
            except ClippedError:
                counts[f"reject/scene/text outside the picture ({cell.layout})"] += 1
                continue
            if rendering.lines.text:
                return scene, rendering
            counts[f"reject/scene/no text fits ({cell.layout})"] += 1
        raise ValueError(
            f"record {index}: no {cell.layout} of {style.size_px} px fits {cell.width_px} x {cell.height_px} px in "
            f"{SCENE_TRIES} tries: leave that layout or size out"
        )

    def _record(self, index: int, scene: Scene, rendering: Rendering, photo: PhotoInfo | None) -> Record:
        image = encode(rendering.image, self._settings.inputs.image_format)
        quads = boxes(scene, self.faces, words=self._recipe.words, chars=self._recipe.chars)
        return replace(
            record_of(f"{self._prefix}/{index}", image, scene, rendering.lines, photo),
            mask=None if rendering.mask is None else encode(rendering.mask, "png"),
            words=quads.get("words"),
            chars=quads.get("chars"),
        )


def hash8(identity: dict[str, Any]) -> str:
    """The first eight hex digits of an identity's sha256."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]


def check_faces(faces: Catalog, identity: dict[str, Any]) -> None:
    """Raise ValueError where this machine's faces are not those the job was begun with."""
    here = {face.id: face.sha256 for face in faces.faces}
    wanted = identity["faces"]
    if here == wanted:
        return
    ids = sorted(i for i in here.keys() | wanted.keys() if here.get(i) != wanted.get(i))
    raise ValueError(
        f"this worker's faces differ from the driver's: {', '.join(ids[:5])}"
        f"{' and more' if len(ids) > 5 else ''}; install the same fonts on every node or give --fonts a shared folder"
    )


def record_of(record_id: str, image: bytes, scene: Scene, lines: Lines, photo: PhotoInfo | None) -> Record:
    """The record of a scene that was drawn; without words, characters and mask."""
    return Record(
        id=record_id,
        image=image,
        width_px=scene.width_px,
        height_px=scene.height_px,
        kind="synthetic",
        source=photo.name if photo else "",
        licence=photo.licence if photo else "",
        language=scene.language,
        layout=scene.layout,
        band=scene.band,
        text="\n".join(lines.text),
        lines=line_table(lines),
        scene=scene.to_json(),
    )


def line_table(lines: Lines) -> LineTable:
    """Labels as the record stores them."""

    def column(parts: list[NDArray[np.float64]]) -> NDArray[np.float32]:
        return np.concatenate(parts).astype(np.float32)

    return LineTable(
        text=lines.text,
        quad_px=column(lines.quad_px),
        size_px=np.array(lines.size_px, np.float32),
        ink_px=column(lines.ink_px),
        x_height_px=np.array(lines.x_height_px, np.float32),
        contrast=column(lines.contrast),
        ink_density=column(lines.ink_density),
        ground_std=column(lines.ground_std),
        face=lines.face,
        language=lines.language,
        role=lines.role,
        style=lines.style,
    )


def boxes(scene: Scene, faces: Catalog, *, words: bool, chars: bool) -> dict[str, BoxTable]:
    """Quads of the words and characters of a scene, where asked for."""
    asked = [kind for kind, wanted in (("words", words), ("chars", chars)) if wanted]
    lines = list(_lines_by_character(scene, faces)) if asked else []
    return {kind: _box_table(lines, _SPANS[kind]) for kind in asked}


class _Line(NamedTuple):
    """A line as drawn, with the quads (k, 4, 2) px of its k characters."""

    text: str
    quads: NDArray[np.float64]
    vertical: bool

    def quad(self, start: int, end: int) -> list[NDArray[np.float64]]:
        """The quad of the characters from `start` up to `end`."""
        first, last = self.quads[start], self.quads[end - 1]
        return [first[0], first[1], last[2], last[3]] if self.vertical else [first[0], last[1], last[2], first[3]]


def _lines_by_character(scene: Scene, faces: Catalog) -> Iterator[_Line]:
    """The lines of a scene in reading order."""
    for block in scene.blocks:
        done = typeset(block, faces)
        _, quads = character_quads(block, done, geometry(block, done, faces))
        ends = np.cumsum([len(text) for text in done.texts], dtype=np.int64)
        for text, mine in zip(done.texts, np.split(quads, ends)[:-1], strict=True):
            yield _Line(text, mine, block.vertical)


def _box_table(lines: Sequence[_Line], spans_of: Callable[[str], list[tuple[int, int]]]) -> BoxTable:
    """The parts of each line at the spans that its text has."""
    parts = [(number, line, start, end) for number, line in enumerate(lines) for start, end in spans_of(line.text)]
    return BoxTable(
        text=[line.text[start:end] for _, line, start, end in parts],
        quad_px=np.array([line.quad(start, end) for _, line, start, end in parts], np.float32).reshape(-1, 4, 2),
        line=np.array([number for number, *_ in parts], np.int32),
    )


def tally(record: Record, counts: Counter[str]) -> None:
    """Add a record's totals: images and characters by band and language, and every character."""
    counts["images"] += 1
    for name in ("band", "language", "layout"):
        counts[f"{name}/{getattr(record, name)}"] += 1
    counts[f"ground/{'photo' if record.source else 'plain'}"] += 1
    counts["lines"] += len(record.lines)
    counts["image bytes"] += len(record.image)
    chars = Counter(record.text)
    chars.pop("\n", None)
    counts[f"chars/{record.band}/{record.language}"] += chars.total()
    counts.update({f"char/{char}": n for char, n in chars.items()})
