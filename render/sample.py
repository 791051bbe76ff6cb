"""Choosing a scene: the only module of render with chance, and all of it from the generators it is given."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog, FontFace
from render.blit import ground_under
from render.colour import LINEAR
from render.ground import draw_shape, lay_ground, toned
from render.labels import geometry
from render.layouts.kinds import LAYOUTS
from render.layouts.vertical import faces_for_columns
from render.page import Draft, Page
from render.palette import Mood, choose_mood, colour_shapes, contrast_floors, paint_blocks, tone
from render.raster import Raster
from render.recipe import Recipe
from render.scene import Crop, Effect, Ground, Scene
from render.text import Writer
from render.typeset import NotDrawnError, typeset

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]
_EFFECT_AMOUNTS = {"blur": (0.3, 0.6), "noise": (1.0, 4.0), "jpeg": (85, 96), "resample": (1.3, 2.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What the mix decides for one index before any chance."""

    language: str
    band: str
    layout: str
    ground: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a block of consecutive indices shares: faces, body size, rasteriser; why that is grey where the recipe asks
    for another, or ""."""

    body: FontFace
    display: FontFace
    mono: FontFace
    size_px: float
    raster: Raster
    why_grey: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A photo as decoded for rendering. image (h, w, 3) uint8 RGB, at 1/reduce of the file's size. One that has text
    of its own is never flipped: a mirrored sign is no text that one could meet."""

    name: str
    sha256: str
    reduce: int
    image: Image
    has_text: bool = False

    def crop(self, width_px: int, height_px: int, max_zoom: float, rng: np.random.Generator, *, flips: bool) -> Crop:
        """A crop of a picture's aspect anywhere in the photo: two in five of its own size, pixels untouched, the others
        up to max_zoom times that; half of them mirrored where it `flips`. ValueError where the photo is too small."""
        height, width = self.image.shape[:2]
        largest = min(width / width_px, height / height_px, max_zoom)
        if largest < 1:
            raise ValueError(f"{self.name} is {width} x {height} px: too small for {width_px} x {height_px}")
        zoom = 1.0 if rng.random() < 0.4 else float(rng.uniform(1, largest))
        wide, high = min(width, round(width_px * zoom)), min(height, round(height_px * zoom))
        return Crop(
            photo=self.name,
            sha256=self.sha256,
            reduce=self.reduce,
            x=int(rng.integers(width - wide + 1)),
            y=int(rng.integers(height - high + 1)),
            width=wide,
            height=high,
            flip=bool(rng.random() < 0.5) and flips,
        )


def sample_style(recipe: Recipe, faces: Catalog, band: str, language: str, rng: np.random.Generator) -> Style:
    """Draw faces, size and rasteriser for one band and language."""
    low, high = recipe.band_range(band)
    size = float(rng.uniform(low, high))
    kind = recipe.rasters.draw(rng)
    body, size = _body_face(faces, language, kind, (low, high, size), rng)
    why_grey = ""
    if kind == "strike" and size not in body.strikes:
        kind, why_grey = "grey", "no face with bitmaps of this size"
    if kind == "full" and np.ceil(low) > np.floor(high):  # whole sizes alone are hinted as they should be
        kind, why_grey = "grey", "no whole size to hint"
    if kind == "full":
        size = float(min(max(round(size), np.ceil(low)), np.floor(high)))
    everyday = faces.for_language(language)
    display = everyday[int(rng.integers(len(everyday)))]
    mono = faces.for_language(language, "mono") or faces.for_language("en", "mono") or (body,)
    return Style(
        body=body,
        display=display,
        mono=mono[int(rng.integers(len(mono)))],
        size_px=round(size, 4),
        raster=_raster(kind, language, rng),
        why_grey=why_grey,
    )


def _body_face(
    faces: Catalog, language: str, kind: str, sizes: tuple[float, float, float], rng: np.random.Generator
) -> tuple[FontFace, float]:
    """A face for body text (families first, so that a family of many weights counts once), and the size."""
    low, high, size = sizes
    candidates = faces.for_language(language)
    if not candidates:
        raise ValueError(f"languages asks for {language} but no face draws it: add --fonts, see `python -m fonts list`")
    struck = [(f, s) for f in candidates for s in f.strikes if low <= s <= high]
    if kind == "strike" and struck:
        face, strike = struck[int(rng.integers(len(struck)))]
        return face, float(strike)
    families = sorted({face.family for face in candidates})
    family = families[int(rng.integers(len(families)))]
    members = [face for face in candidates if face.family == family]
    return members[int(rng.integers(len(members)))], size


def _raster(kind: str, language: str, rng: np.random.Generator) -> Raster:
    if kind in ("full", "strike"):
        return Raster(kind=kind, phases=1)
    phases = int(rng.choice([1, 2, 4], p=[0.5, 0.3, 0.2] if language != "en" else [0.1, 0.2, 0.7]))
    factor = int(rng.integers(2, 4)) if kind == "reduced" else 1
    return Raster(kind=kind, phases=phases, factor=factor)


class Sampler:
    """Chooses scenes for one recipe, set of faces and source of text."""

    def __init__(self, recipe: Recipe, faces: Catalog, writer: Writer) -> None:
        self._recipe, self._faces, self._writer = recipe, faces, writer

    def scene(
        self, cell: Cell, style: Style, view: View | None, rng: np.random.Generator, counts: Counter[str]
    ) -> tuple[Scene, Image]:
        """A scene for a cell, and its ground with shapes, ready for `draw_text`.

        view: the photo to crop, needed where cell.ground is "photo". counts: gathers rejects by reason.
        """
        if cell.layout == "vertical" and not faces_for_columns(self._faces, cell.language):
            counts["reject/layout/vertical: no face is made for columns"] += 1
            cell = replace(cell, layout="paragraph")
        draft = self._compose(cell, style, rng, counts)
        bounds = [geometry(block, typeset(block, self._faces), self._faces).bounds for block in draft.blocks]
        mood = choose_mood(self._recipe, rng)
        sizes = np.repeat([block.size_px for block in draft.blocks], [len(lines) for lines in bounds])
        floors = contrast_floors(self._recipe, sizes)
        ground, canvas = self._ground(cell, view, (np.concatenate(bounds), floors), mood, rng)
        shapes = colour_shapes(draft.shapes, canvas, mood)
        for shape in shapes:
            draw_shape(canvas, shape)
        accents = [0.4 if block.role == "heading" and mood.saturation > 0.3 else 0.0 for block in draft.blocks]
        paints = paint_blocks(bounds, floors, canvas, mood, accents)
        scene = Scene(
            width_px=cell.width_px,
            height_px=cell.height_px,
            language=cell.language,
            layout=cell.layout,
            band=cell.band,
            ground=ground,
            shapes=shapes,
            blocks=draft.blocks,
            paints=paints,
            effects=self._effects(rng),
        )
        return scene, canvas

    def _compose(self, cell: Cell, style: Style, rng: np.random.Generator, counts: Counter[str]) -> Draft:
        page = Page(
            width_px=cell.width_px,
            height_px=cell.height_px,
            language=cell.language,
            size_px=style.size_px,
            min_size_px=self._recipe.band_range(cell.band)[0],
            body=style.body,
            display=style.display,
            mono=style.mono,
            raster=style.raster,
            writer=self._writer,
            faces=self._faces,
            plates=bool(rng.random() < self._recipe.plates),
            counts=counts,
        )
        for _ in range(3):
            try:
                return LAYOUTS[cell.layout](page, rng)
            except NotDrawnError:
                counts["reject/text/not drawn once shaped"] += 1
        return LAYOUTS[cell.layout](page, rng)

    def _ground(
        self, cell: Cell, view: View | None, lines: tuple[Floats, Floats], mood: Mood, rng: np.random.Generator
    ) -> tuple[Ground, Image]:
        """A ground and how it looks; a photo is toned where its range leaves the lines, bounds (m, 4) and contrast
        floors (m,), no ink."""
        size = cell.width_px, cell.height_px
        if cell.ground != "photo":
            ground = self._plain(cell, rng)
            return ground, lay_ground(ground, size, None)
        if view is None:
            raise ValueError("ground is 'photo' but there is no photo: give --photos or --grounds paper=1")
        crop = view.crop(cell.width_px, cell.height_px, self._recipe.max_zoom, rng, flips=not view.has_text)
        canvas = lay_ground(Ground(kind="photo", crop=crop), size, view.image)
        bounds, floors = lines
        crop = tone(crop, ground_under(canvas, bounds, LINEAR), floors, mood, self._recipe.toned, rng)
        return Ground(kind="photo", crop=crop), toned(canvas, crop)

    def _plain(self, cell: Cell, rng: np.random.Generator) -> Ground:
        seed = int(rng.integers(1 << 31))
        pale = rng.random() < 0.75
        base = rng.uniform(0.82, 1.0) if pale else rng.uniform(0.02, 0.25)
        colours = tuple(_tint(base, rng) for _ in range(2 if cell.ground == "gradient" else 1))
        grain, angle = round(float(rng.uniform(0, 4)), 2), round(float(rng.uniform(0, 180)), 1)
        return Ground(kind=cell.ground, colours=colours, grain=grain, seed=seed, angle_deg=angle)

    def _effects(self, rng: np.random.Generator) -> tuple[Effect, ...]:
        kind = self._recipe.effects.draw(rng)
        if kind == "none":
            return ()
        amount = round(float(rng.uniform(*_EFFECT_AMOUNTS[kind])), 2)
        return (Effect(kind=kind, amount=amount, seed=int(rng.integers(1 << 31))),)


def _tint(base: float, rng: np.random.Generator) -> str:
    """A grey of lightness `base` (0..1) with a slight tint."""
    rgb = np.clip((base + rng.uniform(-0.06, 0.06, 3)) * 255, 0, 255)
    return "#" + bytes(rgb.astype(np.uint8)).hex()
