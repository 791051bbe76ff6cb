"""Readings of name, OS/2 and post tables."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from fonts import describe

Make = Callable[..., Path]


@pytest.fixture
def font(make_boxes: Make) -> TTFont:
    return TTFont(make_boxes({ord("a"): 300}), lazy=False)


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("This Font Software is licensed under the SIL Open Font License, Version 1.1.", "OFL-1.1"),
        ("https://openfontlicense.org", "OFL-1.1"),
        ("Licensed under the Apache License, Version 2.0", "Apache-2.0"),
        ("Fonts are (c) Bitstream (see below). DejaVu changes are in public domain.", "Bitstream-Vera"),
        ("ARPHIC PUBLIC LICENSE", "Arphic-1999"),
        ("GPLv2 with font embedding exception", "GPL-2.0-or-later WITH Font-exception-2.0"),
        ("You may use this font as permitted by the EULA", "unknown"),
        ("", "unknown"),
    ],
)
def test_licence_is_recognised(font: TTFont, text: str, licence: str) -> None:
    font["name"].setName(text, 13, 3, 1, 0x409)

    assert describe.licence_of(font) == licence


@pytest.mark.parametrize(
    ("family", "category"),
    [
        ("Noto Sans Mono CJK SC", "mono"),
        ("SourceHanSerifSC", "serif"),
        ("AR PL UKai CN", "kai"),
        ("AR PL UMing TW", "serif"),
        ("LXGW WenKai Mono", "kai"),
        ("Zhi Mang Xing", "hand"),
        ("WenQuanYi Zen Hei", "sans"),
        ("Nimbus Roman", "serif"),
        ("Lato", ""),
        ("Oxygen", ""),
    ],
)
def test_category_by_name(font: TTFont, family: str, category: str) -> None:
    font["name"].setName(family, 1, 3, 1, 0x409)

    assert describe.category_of(font) == category


def test_fixed_pitch_is_mono_where_the_name_says_nothing(font: TTFont) -> None:
    font["post"].isFixedPitch = 1

    assert describe.category_of(font) == "mono"


def test_handwriting_is_known_by_panose(font: TTFont) -> None:
    font["OS/2"].panose.bFamilyType = 3

    assert describe.category_of(font) == "hand"


@pytest.mark.parametrize(
    ("family", "region"),
    [
        ("Noto Sans CJK SC", "SC"),
        ("NotoSansCJKtc", "TC"),
        ("Noto Sans CJK HK", "TC"),
        ("Noto Serif CJK JP", "JP"),
        ("Source Han Sans KR", "KR"),
        ("AR PL UMing CN", "SC"),
        ("AR PL UMing TW MBE", "TC"),
        ("WenQuanYi Zen Hei", ""),
        ("Scala", ""),
    ],
)
def test_region_by_name(font: TTFont, family: str, region: str) -> None:
    font["name"].setName(family, 1, 3, 1, 0x409)

    assert describe.region_of(font) == region


@pytest.mark.parametrize(("stored", "weight"), [(400, 400), (7, 700), (1000, 1000), (0, 1), (2000, 1000)])
def test_weight_lies_in_range(font: TTFont, stored: int, weight: int) -> None:
    font["OS/2"].usWeightClass = stored

    assert describe.weight_of(font) == weight


@pytest.mark.parametrize(("table", "field", "value"), [("OS/2", "fsSelection", 1), ("head", "macStyle", 2)])
def test_italic_in_any_table_counts(font: TTFont, table: str, field: str, value: int) -> None:
    upright = describe.is_italic(font)
    setattr(font[table], field, value)

    assert not upright
    assert describe.is_italic(font)
