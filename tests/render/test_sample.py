"""Sampling on real photos: pages lie on the photo itself, hardly smoothed, and their inks keep the contrast floor."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fonts.catalog import Catalog
from pipelines.plan import WINDOW, Plan
from render.blit import ground_under
from render.colour import LINEAR
from render.draw import draw_text
from render.ground import lay_ground
from render.mix import Mix
from render.palette import Mood, colour_shapes
from render.recipe import BANDS, Recipe
from render.sample import Sampler, View, sample_style
from render.scene import Crop, Ground, Scene, Shape
from render.text import open_writer

NUM_SCENES = 60
PHOTO_STEP = 3  # every third photo, so that each corpus has its share
VIEW_PX = 768  # as in a job, photos are decoded smaller while their short side stays above this


@dataclass(frozen=True)
class Page:
    """A drawn scene, and by line: its quad, what was measured, and the luma deviation of another crop there."""

    scene: Scene
    quads: np.ndarray
    contrast: np.ndarray
    ground_std: np.ndarray
    untouched_std: np.ndarray


def views(folder: Path) -> Iterator[View]:
    """Real photos of at least 512 px, as a job decodes them."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix in (".jpg", ".png"))
    for path in paths[::PHOTO_STEP]:
        image = cv2.imread(str(path))
        reduce = 1
        while min(image.shape[:2]) // (reduce * 2) >= VIEW_PX:
            reduce *= 2
        size = image.shape[1] // reduce, image.shape[0] // reduce
        if min(size) >= 512:
            rgb = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., ::-1])
            yield View(name=path.name, sha256="0" * 64, reduce=reduce, image=rgb)


def elsewhere(crop: Crop, view: View, rng: np.random.Generator) -> Crop:
    """A crop of the same size anywhere in the photo, not toned."""
    height, width = view.image.shape[:2]
    x, y = rng.integers(width - crop.width + 1), rng.integers(height - crop.height + 1)
    return replace(crop, x=int(x), y=int(y), gain=1.0, lift=0.0)


@pytest.fixture(scope="module")
def pages(data: Path, faces: Catalog) -> list[Page]:
    """The first 60 pages on photos that the default recipe plans, each on a real photo."""
    recipe = Recipe()
    sampler, plan = Sampler(recipe, faces, open_writer(())), Plan(recipe, seed=0)
    cells = [cell for i in range(WINDOW) if (cell := plan.cell(i)).ground == "photo"][:NUM_SCENES]
    photos = list(views(data / "natural"))
    drawn = []
    for i, cell in enumerate(cells):
        rng, view = np.random.default_rng([11, i]), photos[i % len(photos)]
        style = sample_style(recipe, faces, cell.band, cell.language, rng)
        scene, canvas = sampler.scene(cell, style, view, rng, Counter())
        lines = draw_text(scene, canvas, faces).lines
        quads = np.concatenate(lines.quad_px)
        assert scene.ground.crop is not None
        other = Ground(kind="photo", crop=elsewhere(scene.ground.crop, view, rng))
        bare = lay_ground(other, (scene.width_px, scene.height_px), view.image)
        under = ground_under(bare, np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1), LINEAR)
        drawn.append(Page(scene, quads, np.concatenate(lines.contrast), np.concatenate(lines.ground_std), under[:, 3]))
    return drawn


def test_nine_pages_in_ten_are_planned_on_photos() -> None:
    plan = Plan(Recipe(), seed=0)

    assert sum(plan.cell(i).ground == "photo" for i in range(WINDOW)) >= 0.9 * WINDOW


def test_hardly_a_line_lies_on_a_plate(pages: list[Page]) -> None:
    on_plate = []
    for page in pages:
        x, y = page.quads.mean(axis=1).T
        inside = np.zeros(len(x), bool)
        for shape in page.scene.shapes:
            if shape.kind == "plate":
                inside |= (abs(x - shape.x - shape.width / 2) <= shape.width / 2) & (
                    abs(y - shape.y - shape.height / 2) <= shape.height / 2
                )
        on_plate.append(inside)

    assert len(pages) == NUM_SCENES
    assert np.concatenate(on_plate).mean() <= 0.1


def test_the_ground_under_the_text_is_as_lively_as_the_photo(pages: list[Page]) -> None:
    """Toning and plates leave most of the photo's own contrast beneath the lines."""
    under = np.median(np.concatenate([page.ground_std for page in pages]))
    untouched = np.median(np.concatenate([page.untouched_std for page in pages]))

    assert under >= 0.7 * untouched


def test_lines_keep_the_contrast_floor(pages: list[Page]) -> None:
    contrast = np.concatenate([page.contrast for page in pages])

    assert (contrast >= Recipe().contrast_floor).mean() >= 0.99


def test_shapes_of_a_group_have_one_colour_and_others_their_own() -> None:
    canvas = np.repeat(np.linspace(0, 255, 120).astype(np.uint8), 3).reshape(1, 120, 3).repeat(40, axis=0)
    mood = Mood(hue=0.3, saturation=0.5, depth=0.2, dark=True, even=True, ink="alpha", layer="none")
    bars = [Shape(kind="rule", x=10.0 + 20 * k, y=5, width=10, height=30, tone="accent", group=1) for k in range(5)]

    together = {shape.colour for shape in colour_shapes(bars, canvas.copy(), mood)}
    alone = {shape.colour for shape in colour_shapes([replace(bar, group=0) for bar in bars], canvas.copy(), mood)}

    assert len(together) == 1
    assert len(alone) == 5


@pytest.mark.parametrize("sizes", [(5.2, 5.8), (7.3, 7.6), (12.5, 12.5), (5.0, 20.0)])
def test_hinted_text_stays_in_the_range_of_sizes(faces: Catalog, sizes: tuple[float, float]) -> None:
    recipe = Recipe(size_px=sizes, rasters=Mix.parse("full"))
    bands = [band for band in BANDS if recipe.band_range(band)[0] <= recipe.band_range(band)[1]]
    for seed in range(20):
        for band in bands:
            style = sample_style(recipe, faces, band, "en", np.random.default_rng(seed))
            low, high = recipe.band_range(band)

            assert low <= style.size_px <= high
            assert style.raster.kind != "full" or style.size_px == round(style.size_px)


@pytest.mark.parametrize(("sizes", "kind"), [((12.1, 12.4), "grey"), ((11.6, 12.4), "strike")])
def test_strikes_are_taken_at_their_own_size_alone(sizes: tuple[float, float], kind: str, faces: Catalog):
    struck = Catalog([replace(face, strikes=(12,)) for face in faces.faces])
    recipe = Recipe(size_px=sizes, rasters=Mix.parse("strike"))
    for number in range(8):
        style = sample_style(recipe, struck, "10-14", "en", np.random.default_rng(number))

        assert style.raster.kind == kind
        assert (style.size_px == 12) == (kind == "strike")
