"""The plan: shares exact in every window of 1,000 indices, the same cell in any order; and the mixes behind it."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.plan import WINDOW, Plan
from pipelines.settings import load_settings
from render.mix import Mix
from render.recipe import Recipe
from render.sample import Cell

RECIPE = Recipe(
    languages=Mix.parse("en=0.45,zh=0.45,zh-Hant=0.1"),
    image_size=("512", "768x512", "512x768"),
    bands=Mix.parse("5-7=1,7-10=1,10-14=1"),
)
NAMES = st.text(st.sampled_from("abcdefgh-0123456789"), min_size=1, max_size=8)
MIXES = st.dictionaries(NAMES, st.floats(0, 100), min_size=1, max_size=9).filter(
    lambda shares: sum(shares.values()) > 1e-3
)


def window(plan: Plan, number: int) -> list[Cell]:
    return [plan.cell(number * WINDOW + i) for i in range(WINDOW)]


def counted(cells: list[Cell], key: Callable[[Cell], str]) -> dict[str, int]:
    return dict(Counter(map(key, cells)))


def positive(counts: dict[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if n}


@pytest.mark.parametrize("number", [0, 1, 12_345])
@pytest.mark.parametrize("recipe", [RECIPE, load_settings("default").recipe], ids=["three languages", "default"])
def test_shares_are_exact_in_every_window(recipe: Recipe, number: int) -> None:
    cells = window(Plan(recipe, seed=3), number)
    sizes = Mix.of(dict.fromkeys((f"{w}x{h}" for w, h in recipe.sizes()), 1.0))

    assert counted(cells, lambda cell: cell.language) == positive(recipe.languages.counts(WINDOW))
    assert counted(cells, lambda cell: cell.band) == positive(recipe.band_mix().counts(WINDOW))
    assert counted(cells, lambda cell: cell.ground) == positive(recipe.grounds.counts(WINDOW))
    found = counted(cells, lambda cell: f"{cell.width_px}x{cell.height_px}")
    assert sorted(found.values()) == sorted(sizes.counts(WINDOW).values())
    assert set(found) == set(sizes.names)


@pytest.mark.parametrize("number", [0, 7])
def test_layouts_are_exact_within_each_language(number: int) -> None:
    cells = window(Plan(RECIPE, seed=0), number)
    for language in RECIPE.languages.names:
        mine = [cell for cell in cells if cell.language == language]

        assert counted(mine, lambda cell: cell.layout) == positive(RECIPE.layouts_of(language).counts(len(mine)))

    assert not any(cell.layout == "vertical" for cell in cells if cell.language == "en")


def test_any_order_gives_the_same_cells() -> None:
    numbers = np.random.default_rng(0).permutation(40 * WINDOW)[:400].tolist()  # more windows than are kept
    plan = Plan(RECIPE, seed=5)
    shuffled = {number: plan.cell(number) for number in numbers}
    again = Plan(RECIPE, seed=5)

    assert {number: again.cell(number) for number in sorted(numbers)} == shuffled


def test_seeds_and_windows_differ() -> None:
    first = window(Plan(RECIPE, seed=0), 0)

    assert window(Plan(RECIPE, seed=0), 1) != first
    assert window(Plan(RECIPE, seed=1), 0) != first


def test_the_choices_are_independent() -> None:
    """Languages come in every band, ground and size in proportion, so that no permutation is used twice."""
    cells = window(Plan(RECIPE, seed=2), 0)
    english = [cell for cell in cells if cell.language == "en"]
    for name, share in RECIPE.band_mix().counts(len(english)).items():
        assert abs(sum(cell.band == name for cell in english) - share) < 45  # four standard deviations


@given(MIXES, st.integers(0, 5000))
def test_counts_add_up_and_stay_within_one_of_the_share(shares: dict[str, float], n: int) -> None:
    mix = Mix.of(shares)
    counts = mix.counts(n)
    total = sum(shares.values())

    assert sum(counts.values()) == n
    assert all(abs(counts[name] - n * share / total) < 1 + 1e-6 for name, share in shares.items())
    assert all(counts[name] == 0 for name, share in shares.items() if share == 0)


@given(st.dictionaries(NAMES, st.integers(1, 99999).map(lambda k: k / 1000), min_size=1, max_size=9))
def test_a_mix_reads_what_it_writes(shares: dict[str, float]) -> None:
    mix = Mix.of(shares)

    assert Mix.parse(str(mix)) == mix
    assert Mix.parse(str(mix).replace(",", " ").replace("=", ":")) == mix


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("en=x", "'en=x' is not a share: write NAME=NUMBER"),
        ("en=-1", "share of 'en' is -1.0: give a number of at least 0"),
        ("en=nan", "share of 'en' is nan"),
        ("en=0", "at least one must be above 0"),
        ("", "at least one must be above 0"),
    ],
)
def test_a_bad_mix_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mix.parse(text)
