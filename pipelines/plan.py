"""What each index is to be: language, band, layout, ground and size, exact in every window of 1,000 indices."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.shards.seeds import rng_for
from render.mix import Mix
from render.recipe import Recipe
from render.sample import Cell

WINDOW = 1000


class Plan:
    """The mix of a recipe laid out over indices by seeded permutations; any index in any order."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self._recipe, self._seed = recipe, seed
        self._window = lru_cache(maxsize=8)(self._lay_out)

    def cell(self, index: int) -> Cell:
        """The cell of one record index."""
        return self._window(index // WINDOW)[index % WINDOW]

    def _lay_out(self, window: int) -> tuple[Cell, ...]:
        recipe = self._recipe
        languages = self._spread(recipe.languages, WINDOW, "plan/language", window)
        bands = self._spread(recipe.band_mix(), WINDOW, "plan/band", window)
        grounds = self._spread(recipe.grounds, WINDOW, "plan/ground", window)
        sizes = self._spread(Mix.of(dict.fromkeys(recipe.image_size, 1.0)), WINDOW, "plan/size", window)
        by_name = dict(zip(recipe.image_size, recipe.sizes(), strict=True))
        layouts = np.empty(WINDOW, dtype=object)
        for language in recipe.languages.names:
            at = np.flatnonzero(languages == language)
            layouts[at] = self._spread(recipe.layouts_of(language), len(at), f"plan/layout/{language}", window)
        return tuple(
            Cell(
                language=str(languages[i]),
                band=str(bands[i]),
                layout=str(layouts[i]),
                ground=str(grounds[i]),
                width_px=by_name[sizes[i]][0],
                height_px=by_name[sizes[i]][1],
            )
            for i in range(WINDOW)
        )

    def _spread(self, mix: Mix, n: int, stream: str, window: int) -> NDArray[np.object_]:
        names = [name for name, count in mix.counts(n).items() for _ in range(count)]
        return np.array(names, dtype=object)[rng_for(self._seed, stream, window).permutation(n)]
