"""Which samples a benchmark takes, and why not the others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.benchchoice import (
    BLANK,
    BLURRED,
    FEW,
    LOOKALIKE,
    MANY,
    OTHER_LANGUAGE,
    OTHER_SIZE,
    SAME_IN_CATEGORY,
    SAME_ON_PAGE,
    STRUCK,
    SURPLUS,
    Rejection,
    Rules,
    Sample,
    TextIndex,
    balanced,
    choose,
    repeats,
)


def sample(number: int, **changes: Any) -> Sample:
    """A good English sample with a text like no other."""
    rng = np.random.default_rng(number)
    text = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 400))
    values: dict[str, Any] = {
        "id": f"s{number:04d}",
        "page": f"page {number}",
        "category": "book",
        "language": "en",
        "text_language": "en",
        "text": text,
        "num_chars": 400,
        "shown_char_px": 10.0,
        "clarity": 0.9,
        "blank_share": 0.05,
    }
    return Sample(**values | changes)


def decided(*samples: Sample, rules: Rules = Rules(), **more: Any) -> dict[str, str]:  # noqa: B008, RUF100
    found = choose(samples, rules, more.get("barred", {}), more.get("struck", ()))
    return {name: rejection.reason for name, rejection in found.items()}


def test_each_fault_has_its_reason():
    samples = [
        sample(0),
        sample(1, text_language="zh"),
        sample(2, num_chars=299),
        sample(3, num_chars=601),
        sample(4, clarity=0.4),
        sample(5, clarity=None),
        sample(6, blank_share=0.21),
        sample(7),
        sample(8),
        sample(9, shown_char_px=7.4),
        sample(10, shown_char_px=12.6),
        sample(11, shown_char_px=12.4),
    ]
    barred = {"s0007": Rejection(reason="seen"), "s0002": Rejection(reason="seen")}

    found = decided(*samples, barred=barred, struck=("s0008", "s0006", "nothing"))

    assert [found.get(one.id, "") for one in samples] == [
        *("", OTHER_LANGUAGE, FEW, MANY, BLURRED, BLURRED, BLANK, "seen", STRUCK, OTHER_SIZE, OTHER_SIZE, "")
    ]


def test_repeated_texts_leave_the_richest():
    one, text = sample(1), sample(1).text
    short = sample(2, text=text[:300], num_chars=300)
    partly = sample(3, text=text[:100] + sample(3).text[:300], page="page 1")
    elsewhere = sample(4, text=text[:100] + sample(4).text[:300])
    other = sample(5, text=text, category="note", num_chars=380)

    found = decided(partly, elsewhere, short, one, other)

    assert found == {"s0003": SAME_ON_PAGE, "s0002": SAME_IN_CATEGORY}


def test_a_text_inside_a_longer_one_is_whole_in_it():
    index = TextIndex()
    index.add("long", sample(1).text)

    name, share = index.fullest(sample(1).text[100:220])

    assert (name, share) == ("long", 1.0)  # of all that both hold it is less than a third


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(200, 400)), min_size=1, max_size=25), st.floats(0.05, 0.9))
def test_no_two_that_stay_overlap_and_none_goes_without_one(pieces: list[tuple[int, int]], most: float):
    stream = sample(99).text * 1 + sample(98).text
    samples = [
        sample(number, text=stream[start * 10 : start * 10 + length], num_chars=length, page="p")
        for number, (start, length) in enumerate(pieces)
    ]

    gone = repeats(samples, lambda one: one.page, most, "same")
    stay = [one for one in samples if one.id not in gone]

    def share(first: Sample, second: Sample) -> float:
        index = TextIndex()
        index.add(first.id, first.text)
        return index.fullest(second.text)[1]

    assert all(share(a, b) <= most for a in stay for b in stay if a.id < b.id)
    by_id = {one.id: one for one in samples}
    for name, rejection in gone.items():
        assert rejection.of not in gone
        assert share(by_id[rejection.of], by_id[name]) > most
        assert by_id[rejection.of].num_chars >= by_id[name].num_chars


def test_what_looks_alike_leaves_the_richest():
    fine = bytes(range(32))
    near = bytes([1, *range(1, 32)])
    samples = [
        sample(1, phash=5, phash_fine=near),
        sample(2, phash=4, phash_fine=fine, num_chars=500),
        sample(3, phash=2**64 - 2**32, phash_fine=fine),
        sample(4),
    ]

    assert decided(*samples) == {"s0001": LOOKALIKE}


def crowd(english: int, chinese: int) -> list[Sample]:
    languages = ["en"] * english + ["zh"] * chinese
    return [
        sample(number, language=language, category=("book", "note", "note")[number % 3], page=f"p{number // 4}")
        for number, language in enumerate(languages)
    ]


@pytest.mark.parametrize(
    ("english", "chinese", "target", "least_share", "counts"),
    [
        (100, 100, 60, 0.4, (30, 30)),
        (100, 20, 3000, 0.4, (30, 20)),
        (100, 20, 3000, 0.0, (100, 20)),
        (100, 20, 3000, 0.5, (20, 20)),
        (100, 20, 44, 0.4, (24, 20)),
        (30, 0, 3000, 0.4, (30, 0)),
        (20, 100, 3000, 0.4, (20, 30)),
        (0, 0, 10, 0.4, (0, 0)),
    ],
)
def test_languages_are_balanced(english: int, chinese: int, target: int, least_share: float, counts: tuple[int, int]):
    samples = crowd(english, chinese)

    taken = balanced(samples, target, least_share)
    languages = [one.language for one in samples if one.id in taken]

    assert (languages.count("en"), languages.count("zh")) == counts


def test_categories_are_taken_alike_and_pages_in_turn():
    samples = crowd(96, 96)

    taken = balanced(samples, 48, 0.4)
    kept = [one for one in samples if one.id in taken]

    for language in ("en", "zh"):
        categories = [one.category for one in kept if one.language == language]
        assert categories.count("book") == categories.count("note") == 12
    assert max(sum(one.page == page for one in kept) for page in {one.page for one in kept}) == 2
    assert taken == balanced(samples[::-1], 48, 0.4)


def test_what_the_target_does_not_take_and_what_is_struck_is_told_apart():
    samples = [sample(number, language="zh", text_language="zh", shown_char_px=16.0) for number in range(3)]

    found = decided(*samples, rules=Rules(target=2), struck=("s0000",))

    assert sorted(found.values()) == [SURPLUS, STRUCK]


@pytest.mark.parametrize(
    "changes", [{"page_overlap": 1.1}, {"min_clarity": -0.1}, {"target": 0}, {"least_share": 0.6}, {"max_blank": 2}]
)
def test_rules_are_checked(changes: dict[str, Any]):
    with pytest.raises(ValueError, match=f"{next(iter(changes))} is"):
        Rules(**changes)
