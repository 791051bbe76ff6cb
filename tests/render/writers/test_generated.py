"""Made up running text: how often words and characters come, and that every one comes in the end."""

import re
from collections import Counter

import numpy as np
import pytest

from render.writers.generated import GeneratedWriter
from render.writers.words import big5_characters, content_words, frequencies, standard_characters

WRITER = GeneratedWriter()


def test_the_standard_sets_are_whole() -> None:
    simplified, traditional = standard_characters("zh"), standard_characters("zh-Hant")

    assert len(set(simplified)) == len(simplified) == 6763
    assert len(set(traditional)) == len(traditional) == 5401
    assert simplified.startswith("啊阿埃")
    assert simplified[3755] == "亍"  # level 2 begins
    assert set(traditional) < set(big5_characters())


def test_english_words_come_by_frequency() -> None:
    rng = np.random.default_rng(0)
    text = " ".join(WRITER.paragraph(rng, "en", 4500) for _ in range(60)).lower()
    counts = Counter(re.findall(r"[a-z]+", text))
    num_words = counts.total()

    assert counts.most_common(1)[0][0] == "the"
    assert 0.04 < counts["the"] / num_words < 0.07
    assert counts["the"] > 1.5 * counts["to"] > counts["with"] > counts["people"]
    assert len(counts) > 5000
    assert sum(count == 1 for count in counts.values()) > 0.3 * len(counts)  # a long tail


def test_every_printable_ascii_character_is_written() -> None:
    rng = np.random.default_rng(1)
    written = set("".join(WRITER.paragraph(rng, "en", 4500) for _ in range(200)))

    assert {chr(code) for code in range(0x20, 0x7F)} <= written


def test_1500_pages_hold_every_character_of_gb2312() -> None:
    rng = np.random.default_rng(2)
    counts = Counter("".join(WRITER.paragraph(rng, "zh", 900) for _ in range(1500)))
    standard = standard_characters("zh")
    num_level_1 = sum(counts[character] for character in standard[:3755])
    num_level_2 = sum(counts[character] for character in standard[3755:])

    assert not [character for character in standard if character not in counts]
    assert counts["的"] > 30 * np.median([counts[character] for character in standard])
    assert num_level_1 > 8 * num_level_2


@pytest.mark.parametrize("language", ["zh", "zh-Hant"])
def test_the_two_scripts_keep_apart(language: str) -> None:
    rng = np.random.default_rng(3)
    written = set("".join(WRITER.paragraph(rng, language, 900) for _ in range(200)))
    han = {character for character in written if "\u4e00" <= character <= "\u9fff"}
    allowed = standard_characters("zh") if language == "zh" else big5_characters()

    assert han <= set(allowed)
    assert ("们" in han, "們" in han) == (language == "zh", language == "zh-Hant")
    assert ("「" in written, "“" in written) == (language == "zh-Hant", language == "zh")
    assert set("，。、；：？！…—（）《》【】") <= written
    assert set("0123456789abcdefghijklmnopqrstuvwxyz%.") <= written  # what stands between Han words
    assert "５" in written


def test_sentences_begin_with_a_capital_and_close() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        text = WRITER.paragraph(rng, "en", 600)

        assert re.match(r"[A-Z0-9\W]", text)
        assert re.search(r"[.!?…][\"”]?$", text)
        assert not re.search(r" [,.;!?]|\s$", text)


def test_titles_leave_out_the_commonest_words() -> None:
    assert not {"the", "of", "and"} & set(content_words("en").items)
    assert not {"的", "是", "了"} & set(content_words("zh").items)
    assert {"time", "government"} & set(content_words("en").items)


def test_names_are_written_large_and_rude_words_not_at_all() -> None:
    english, chinese = frequencies("en"), frequencies("zh")
    rude = """fuck ass asshole assholes bastards raping rapists pedophile incest bdsm milf negro anus semen piss
        pissing goddamn sexual 轮奸 鸡奸 乱伦 强暴 龟头 阴茎 阴道 黑鬼 支那 妓女"""
    innocent = """class assess passing grape therapist rapid peacock cockpit dickens title basement manuscript
        embarrass farther heroine essex sussex 阴天 支持 强大 汉奸 妈妈"""
    known = {word.lower() for word in english} | set(chinese)

    assert {"London", "I", "Monday"} <= english.keys()
    assert not {"london", "i", "monday"} & english.keys()
    assert not set(rude.split()) & known
    assert set(innocent.split()) <= known
