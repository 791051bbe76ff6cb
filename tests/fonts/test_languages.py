"""Languages from code points."""

import numpy as np
import pytest

from fonts.languages import ascii_codes, first_level, languages_of


def test_first_levels_are_those_of_the_standards() -> None:
    assert len(first_level("zh")) == 3755
    assert len(first_level("zh-Hant")) == 5401
    assert {chr(first_level("zh")[0]), "的", "龟"} <= set(map(chr, first_level("zh").tolist()))
    assert {"的", "龜", "灣"} <= set(map(chr, first_level("zh-Hant").tolist()))


@pytest.mark.parametrize(("num_missing", "expected"), [(0, ("zh",)), (37, ("zh",)), (38, ())])
def test_one_percent_of_the_first_level_may_be_missing(num_missing: int, expected: tuple[str, ...]) -> None:
    assert languages_of(first_level("zh")[num_missing:], "") == expected


def test_english_needs_all_of_ascii() -> None:
    assert languages_of(ascii_codes(), "") == ("en",)
    assert languages_of(ascii_codes()[1:], "") == ()


@pytest.mark.parametrize(
    ("region", "has_tc", "expected"),
    [
        ("", False, ("zh", "zh-Hant")),
        ("SC", False, ("zh", "zh-Hant")),
        ("SC", True, ("zh",)),
        ("TC", True, ("zh-Hant",)),
        ("JP", False, ()),
        ("KR", False, ()),
    ],
)
def test_the_region_limits_the_languages(region: str, has_tc: bool, expected: tuple[str, ...]) -> None:
    everything = np.union1d(first_level("zh"), first_level("zh-Hant"))

    assert languages_of(everything, region, has_tc) == expected
