"""Pages to lay out in tests: an endless row of them, of every language, shape and band."""

from dataclasses import replace
from typing import Any

import numpy as np

from fonts.catalog import Catalog, FontFace
from render.page import Page
from render.raster import Raster
from render.recipe import BANDS
from render.text import Writer

LANGUAGES = ("en", "zh", "zh-Hant")
SHAPES = ((256, 256), (512, 512), (128, 128), (768, 256), (192, 640), (64, 64), (512, 128), (128, 512))


def make_page(faces: Catalog, writer: Writer, number: int, **options: Any) -> Page:
    """Page `number` of an endless row of pages: all languages, shapes and bands in turn, faces by chance."""
    rng = np.random.default_rng(number)
    language = LANGUAGES[number % 3]
    low, high = list(BANDS.values())[number % 4]
    page = Page(
        width_px=SHAPES[number % len(SHAPES)][0],
        height_px=SHAPES[number % len(SHAPES)][1],
        language=language,
        size_px=round(float(rng.uniform(low, high)), 4),
        min_size_px=low,
        body=pick(faces.for_language(language), rng),
        display=pick(faces.for_language(language), rng),
        mono=pick(faces.for_language(language, "mono"), rng),
        raster=Raster(),
        writer=writer,
        faces=faces,
        plates=bool(rng.random() < 0.3),
    )
    return replace(page, **options)


def pick(candidates: tuple[FontFace, ...], rng: np.random.Generator) -> FontFace:
    return candidates[int(rng.integers(len(candidates)))]
