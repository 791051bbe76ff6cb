"""Where lines break: widths, words, and the Chinese rules, as properties over random text."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from render.linebreak import break_lines, classify, has_han, may_break

TEXT = st.text(st.sampled_from("ab 中文，。（）《》“”……——、！a1-"), min_size=1, max_size=80)


def lines_of(text: str, measure: float, *, wrap: bool = True, each: bool = False, frames: int = 40) -> list[str]:
    advances = np.array([0.5 if ord(c) < 256 else 1.0 for c in text])
    found, _ = break_lines(
        classify(text),
        advances,
        (np.full(frames, measure), np.full(frames, 1 if each else 3)),
        (wrap, each),
        0.0,
    )
    return [text[start:end] for start, end, *_ in found.tolist()]


@given(TEXT, st.floats(2, 12))
def test_nothing_is_lost_and_no_line_is_too_long(text: str, measure: float) -> None:
    lines = lines_of(text, measure)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(sum(0.5 if ord(c) < 256 else 1.0 for c in line) <= measure + 1e-6 for line in lines)


@given(TEXT.map(lambda text: text.replace(" ", "字")))
def test_a_wide_enough_line_obeys_the_punctuation_rules(text: str) -> None:
    advances = np.ones(len(text))
    measure = 12.0
    found, _ = break_lines(classify(text), advances, (np.full(60, measure), np.full(60, 1)), (True, False), 0.0)
    found = found.tolist()
    for before, after in pairwise(found):
        forced = before[1] - before[0] == measure  # no place to break in a whole line
        if not forced:
            assert text[after[0]] not in "，。）》”、！"
            assert text[before[1] - 1] not in "（《“"


def test_words_stay_whole() -> None:
    assert lines_of("one two three", 3.6) == ["one two", "three"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("个。drawings", ["个。", "drawings"]),
        ("思，2024年", ["思，", "2024", "年"]),
        ("５９４倍", ["５９４", "倍"]),
        ("Ｑｗｅｎ模型", ["Ｑｗｅｎ", "模", "型"]),
        ("fell -46.7", ["fell ", "-46.7"]),
        ("well-known", ["well-", "known"]),
        ("（见）Qwen", ["（见）", "Qwen"]),
        ("“好”Qwen", ["“好”Qwen"]),
        ('。"他', ['。"他']),
        ("don't", ["don't"]),
        ("12：30分", ["12：30", "分"]),
        ("３．１４，１５９％", ["３．１４，１５９％"]),
        ("好，2024年", ["好，", "2024", "年"]),
        ("升－５度", ["升", "－５", "度"]),
    ],
)
def test_where_a_line_may_break(text: str, parts: list[str]) -> None:
    classes = classify(text)
    ends = [i + 1 for i, pair in enumerate(pairwise(classes.tolist())) if may_break(*pair)]

    assert [text[a:b] for a, b in pairwise([0, *ends, len(text)])] == parts


def test_a_dash_pair_is_not_split() -> None:
    assert lines_of("他说——不行", 3.0) == ["他", "说——", "不行"] or lines_of("他说——不行", 3.0)[0] == "他"


def test_each_puts_a_paragraph_in_a_frame() -> None:
    assert lines_of("one\n\ntwo", 9, each=True) == ["one", "", "two"]


def test_without_wrap_a_line_is_cut() -> None:
    assert lines_of("a long line\nb", 3.0, wrap=False) == ["a long", "b"]


def test_han_is_told_apart() -> None:
    assert has_han("ab国")
    assert not has_han("ab，。")


def test_a_line_never_begins_with_a_mark_that_shares_the_glyph_before_it() -> None:
    text = "国\u0301abcdef"
    advances = np.array([1.0, 0.0, *[0.5] * 6])
    for measure in (1.0, 1.2, 2.0, 3.0):
        lines, _ = break_lines(classify(text), advances, (np.full(9, measure), np.full(9, 1)), (True, False), 0.0)

        assert 1 not in lines[:, 0].tolist()
