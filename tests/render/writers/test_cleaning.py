"""Cleaning of foreign text, and telling languages and scripts apart."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from render.writers.cleaning import chinese_script, clean, text_kind


@given(st.text())
def test_clean_text_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    line = clean(text)

    assert clean(line) == line
    assert line == line.strip()
    assert "  " not in line
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Zl", "Zp") for character in line)
    assert all(ord(character) < 0x10000 for character in line)


def test_clean_composes_and_removes() -> None:
    assert clean("Cafe\u0301\r\n  de\u00a0la\tpaix ") == "Café de la paix"
    assert clean("cafe\u200d\u0301 \U0002f800") == "café \u4e3d", "composed though parted"
    assert clean("zero\u200bwidth \ufeff\u202eturn\u00ad") == "zerowidth turn"
    assert clean("smile 😀 and ☃️ or □ \ufffd end") == "smile and or end"


def test_clean_takes_spaces_from_full_width_marks_alone() -> None:
    assert clean("他说： 好 ，走。　走 A 路") == "他说：好，走。走 A 路"


def test_kinds_of_text() -> None:
    assert text_kind("Nothing but plain words here.") == "en"
    assert text_kind("人工智能（AI）的历史。") == "zh"
    assert text_kind("A page that mentions 北京 once") == ""
    assert text_kind("Это по-русски, а не иначе") == ""
    assert text_kind("12 | 34 | 56 | 78 ;;") == ""
    assert text_kind("") == ""


def test_scripts_are_told_by_the_characters_of_one_alone() -> None:
    assert chinese_script("这个问题很复杂", otherwise="zh-Hant") == "zh"
    assert chinese_script("這個問題很複雜", otherwise="zh") == "zh-Hant"
    assert chinese_script("人在山上", otherwise="zh-Hant") == "zh-Hant"
