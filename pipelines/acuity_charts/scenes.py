"""Choosing a chart: lines of one size that fill it, their faces, the ground and the ink."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog, FontFace
from pipelines.acuity_charts.settings import SIDE_PX, ChartCell
from render.blit import ground_under
from render.colour import LINEAR, darkest_ground, grey_level, lightest_ground, to_hex
from render.ground import lay_ground, toned
from render.labels import geometry
from render.page import coverage_of
from render.raster import Raster
from render.sample import View
from render.scene import Block, Crop, Ground, Paint, Scene
from render.text import Writer
from render.typeset import fit, typeset

Image = NDArray[np.uint8]
MARGIN_PX, LEADING = 8, 1.3
LEAST_GAIN = 0.2
MAX_ZOOM = 3.0
RASTER = Raster(kind="grey", phases=4)
_TRIES = 4
_REGULAR = 400


def chart_faces(faces: Catalog, language: str, count: int) -> tuple[FontFace, ...]:
    """Up to `count` upright faces of regular weight, each of another family. English is set in faces made for it,
    where there are any. Raises ValueError where no face writes the language."""
    found = [face for face in faces.for_language(language) if not face.italic]
    if language == "en":
        found = [face for face in found if "zh" not in face.languages] or found
    if not found:
        raise ValueError(f"fonts: no upright face draws {language}: add --fonts, see `python -m fonts list`")
    families = dict.fromkeys(face.family for face in found)
    regular = [
        min((face for face in found if face.family == family), key=lambda face: (abs(face.weight - _REGULAR), face.id))
        for family in families
    ]
    places = np.linspace(0, len(regular) - 1, min(count, len(regular))).round().astype(int)  # spread over the names
    return tuple(regular[i] for i in places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Chooses charts from faces and a source of text."""

    catalog: Catalog
    faces: dict[str, tuple[FontFace, ...]]  # by language
    writer: Writer
    contrast_floor: float

    def scene(
        self, cell: ChartCell, view: View | None, rng: np.random.Generator, counts: Counter[str]
    ) -> tuple[Scene, Image]:
        """A chart's scene and its bare ground. counts gathers texts that were rejected."""
        blocks = self._blocks(cell, rng, counts)
        bounds = [geometry(block, typeset(block, self.catalog), self.catalog).bounds for block in blocks]
        if cell.ground == "photo":
            assert view is not None, "a chart on a photo is given one"
            ground, canvas = _on_photo(cell, view, np.concatenate(bounds), (self.contrast_floor, rng))
        else:
            ground = _paper(cell, rng)
            canvas = lay_ground(ground, (SIDE_PX, SIDE_PX), None)
        scene = Scene(
            width_px=SIDE_PX,
            height_px=SIDE_PX,
            language=cell.language,
            layout="chart",
            band=cell.band,
            ground=ground,
            blocks=blocks,
            paints=(Paint(inks=(_ink(cell.contrast, rng),)),) * len(blocks),
        )
        return scene, canvas

    def _blocks(self, cell: ChartCell, rng: np.random.Generator, counts: Counter[str]) -> tuple[Block, ...]:
        """One line a block, from the top margin down, the faces in turn; pens begin at any part of a pixel."""
        faces, size = self.faces[cell.language], cell.size_px
        pitch = int(np.ceil(LEADING * size))
        first, top = int(rng.integers(len(faces))), MARGIN_PX + int(rng.integers(max(1, size // 2)))
        lines = []
        for row in range((SIDE_PX - MARGIN_PX - top - size) // pitch + 1):
            face = faces[(first + row) % len(faces)]
            x = MARGIN_PX + round(float(rng.uniform(0, 1)), 2)
            frame = (x, float(top + row * pitch), SIDE_PX - MARGIN_PX - x, size + 0.02)
            lines.append(self._line(cell, face, frame, rng, counts))
        return tuple(line for line in lines if line.text)

    def _line(
        self,
        cell: ChartCell,
        face: FontFace,
        frame: tuple[float, float, float, float],
        rng: np.random.Generator,
        counts: Counter[str],
    ) -> Block:
        text = self._text(cell, face, rng, counts)
        block = Block(
            text=text,
            frames=(frame,),
            face=face.id,
            size_px=float(cell.size_px),
            language=cell.language,
            raster=RASTER,
            leading=LEADING,
        )
        return fit(block, self.catalog)[0]

    def _text(self, cell: ChartCell, face: FontFace, rng: np.random.Generator, counts: Counter[str]) -> str:
        """Running text longer than a line that the face draws whole; after some tries, what it draws of it."""
        coverage = coverage_of(face)
        for _ in range(_TRIES):
            text = self.writer.paragraph(rng, cell.language, max(120, 3 * SIDE_PX // cell.size_px))
            missing = coverage.missing(text)
            if not missing:
                return text
            counts["reject/text/not drawn by its face"] += 1
        return text.translate(dict.fromkeys(map(ord, missing))).strip()


def _paper(cell: ChartCell, rng: np.random.Generator) -> Ground:
    base = rng.uniform(0.85, 1.0) if cell.contrast == "dark" else rng.uniform(0.02, 0.18)
    tint = np.clip((base + rng.uniform(-0.05, 0.05, 3)) * 255, 0, 255).astype(np.uint8)
    return Ground(
        kind="paper",
        colours=(to_hex(tint),),
        grain=round(float(rng.uniform(0, 1.5)), 2),
        seed=int(rng.integers(1 << 31)),
    )


def _ink(contrast: str, rng: np.random.Generator) -> str:
    """Nearly black or nearly white."""
    shade = rng.integers(0, 13, 3)
    return to_hex((shade if contrast == "dark" else 255 - shade).astype(np.uint8))


def _on_photo(
    cell: ChartCell, view: View, bounds: NDArray[np.float64], how: tuple[float, np.random.Generator]
) -> tuple[Ground, Image]:
    """A crop of the photo, lightened under dark ink or dimmed under light ink, as little as the floor asks for."""
    floor, rng = how
    crop = view.crop(SIDE_PX, SIDE_PX, MAX_ZOOM, rng, flips=True)
    canvas = lay_ground(Ground(kind="photo", crop=crop), (SIDE_PX, SIDE_PX), view.image)
    under = ground_under(canvas, bounds, LINEAR)
    crop = _toned_crop(crop, under, cell.contrast, floor + 8)
    return Ground(kind="photo", crop=crop), toned(canvas, crop)


def _toned_crop(crop: Crop, under: NDArray[np.float64], contrast: str, floor: float) -> Crop:
    if contrast == "light":
        gain = float(grey_level(lightest_ground(floor))) / max(float(grey_level(under[:, 1].max())), 1e-6)
        return replace(crop, gain=round(min(1.0, max(LEAST_GAIN, gain)), 3))
    darkest, wanted = float(grey_level(under[:, 0].min())), float(grey_level(darkest_ground(floor)))
    gain = round(min(1.0, max(LEAST_GAIN, (1 - wanted) / max(1 - darkest, 1e-6))), 3)
    return replace(crop, gain=gain, lift=round(255 * (1 - gain), 1))


def all_faces(catalog: Catalog, languages: Sequence[str], count: int) -> dict[str, tuple[FontFace, ...]]:
    """The faces of each language."""
    return {language: chart_faces(catalog, language, count) for language in languages}
