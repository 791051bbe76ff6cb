"""Scenes for tests: every layout, language, band and style on a real or a made photo."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from fonts.catalog import Catalog
from render.mix import Mix
from render.recipe import Recipe
from render.sample import Cell, Sampler, View, sample_style
from render.scene import Scene
from render.text import open_writer


def made_photo(height: int = 420, width: int = 640) -> np.ndarray:
    """A picture with soft and hard edges and every brightness, the same each time."""
    y, x = np.mgrid[:height, :width]
    waves = 127 + 90 * np.sin(x / 37) * np.cos(y / 23) + 60 * ((x // 40 + y // 40) % 2) - 30
    return np.clip(np.stack([waves, waves * 0.8 + 30, 255 - waves], axis=2), 0, 255).astype(np.uint8)


def view_of(image: np.ndarray, name: str = "made.png") -> View:
    return View(name=name, sha256="0" * 64, reduce=1, image=image)


def scenes(
    faces: Catalog, recipe: Recipe, image: np.ndarray, count: int, seed: int = 0
) -> Iterator[tuple[Scene, np.ndarray]]:
    """`count` scenes and their grounds, all layouts, languages and bands in turn."""
    sampler = Sampler(recipe, faces, open_writer(()))
    width, height = recipe.sizes()[0]
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        language = recipe.languages.names[i % len(recipe.languages.names)]
        layouts = recipe.layouts_of(language).names
        band = recipe.band_mix().names[(i // 2) % len(recipe.band_mix().names)]
        cell = Cell(
            language=language,
            band=band,
            layout=layouts[(i // 2) % len(layouts)],
            ground=recipe.grounds.names[0],
            width_px=width,
            height_px=height,
        )
        style = sample_style(recipe, faces, band, language, rng)
        yield sampler.scene(cell, style, view_of(image), rng, Counter())


SMALL = Recipe(image_size=("320",), languages=Mix.parse("en zh zh-Hant"), grounds=Mix.parse("photo"))
