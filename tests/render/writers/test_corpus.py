"""Corpora on disk: what is written comes from them, faults are named, the store is made once."""

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from render.writers.corpus import CorpusWriter

ENGLISH = "Mr. Holmes opened the window. The street was empty! Nobody had seen a thing, or so they said.\n"
CHINESE = "这个问题很复杂。我们明天再谈吧！他们说的都是真话，没有人不信。\n"
TRADITIONAL = "這個問題很複雜。我們明天再談吧！他們說的都是真話，沒有人不信。\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMALLPRINT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.txt"
    path.write_text((ENGLISH + CHINESE + TRADITIONAL) * 30 + "Это не сюда.\nBegin 北京 and end it here.\n")
    return path


def test_languages_are_found_paragraph_by_paragraph(mixed: Path) -> None:
    writer = CorpusWriter([str(mixed)])
    rng = np.random.default_rng(0)
    pages = {language: writer.paragraph(rng, language, 400) for language in ("en", "zh", "zh-Hant")}

    assert writer.corpus_languages == ("en", "zh", "zh-Hant")
    assert set(pages["en"]) <= set(ENGLISH)
    assert set(pages["zh"]) <= set(CHINESE)
    assert set(pages["zh-Hant"]) <= set(TRADITIONAL)


def test_paragraphs_are_whole_sentences_from_anywhere(mixed: Path) -> None:
    writer = CorpusWriter([str(mixed)])
    rng = np.random.default_rng(1)
    texts = [writer.paragraph(rng, "en", 300) for _ in range(60)]

    assert {re.match(r"[\w.]+ \w+", text)[0] for text in texts} == {"Mr. Holmes", "The street", "Nobody had"}  # type: ignore[index]
    assert all(re.search(r"(window|empty|said)[.!]$", text) for text in texts)


def test_more_is_asked_than_there_is(tmp_path: Path) -> None:
    (tmp_path / "tiny.txt").write_text("Short and sweet. ")
    text = CorpusWriter([str(tmp_path / "tiny.txt")]).paragraph(np.random.default_rng(0), "en", 2000)

    assert 1600 <= len(text) <= 2400
    assert text.startswith("Short and sweet. Short")


def test_titles_are_short_lines_or_sentences(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text((ENGLISH + "The Empty Street\n") * 20)
    writer = CorpusWriter([str(tmp_path / "book.txt")])
    rng = np.random.default_rng(2)

    assert {writer.title(rng, "en", 30) for _ in range(20)} == {"The Empty Street"}
    assert {writer.title(rng, "en", 10) for _ in range(20)} != {"The Empty Street"}


def test_a_language_that_is_missing_is_made_up_and_said_so(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text(ENGLISH * 9)
    writer = CorpusWriter([str(tmp_path / "en.txt")])

    assert writer.corpus_languages == ("en",)
    assert re.search("[一-鿿]{5}", writer.paragraph(np.random.default_rng(0), "zh", 200))


def test_one_bad_file_among_many_is_named(tmp_path: Path, mixed: Path) -> None:
    (tmp_path / "gbk.txt").write_bytes((ENGLISH * 500 + CHINESE).encode("gbk"))
    (tmp_path / "zero.txt").write_bytes(b"")
    (tmp_path / "noise.txt").write_text("1 2 3 | 4\n---\n")
    writer = CorpusWriter([str(tmp_path)])

    assert [line.split(": ")[0] for line in writer.rejected] == [
        str(tmp_path / name) for name in ("gbk.txt", "noise.txt", "zero.txt")
    ]
    assert "not UTF-8 (byte 0x" in writer.rejected[0]
    assert "iconv" in writer.rejected[0]
    assert writer.identity == CorpusWriter([str(mixed)]).identity  # nothing of them was kept


def test_a_corpus_of_bad_files_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gbk.txt").write_bytes(CHINESE.encode("gbk"))

    with pytest.raises(ValueError, match=r"no usable text \(1 files rejected\): .*gbk.txt: not UTF-8"):
        CorpusWriter([str(tmp_path)])


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [ENGLISH * 3, None, CHINESE * 3]}), tmp_path / "good.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    writer = CorpusWriter([f"{tmp_path}:text"])

    assert writer.corpus_languages == ("en", "zh")
    assert len(writer.rejected) == 1
    assert writer.rejected[0].startswith(str(tmp_path / "bad.parquet"))


def test_the_identity_follows_the_text_not_the_place(tmp_path: Path) -> None:
    for name, text in (("a", ENGLISH), ("b", ENGLISH), ("c", ENGLISH.replace("window", "door"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(text * 9)
    one, same, other = (CorpusWriter([str(tmp_path / name)]).identity for name in "abc")

    assert one == same
    assert one != other


def test_the_store_is_made_once_and_again_when_damaged(mixed: Path, cache: Path) -> None:
    first = CorpusWriter([str(mixed)])
    (stored,) = cache.glob("text/*/en.text")
    made = stored.stat().st_mtime_ns
    CorpusWriter([str(mixed)])
    kept = stored.stat().st_mtime_ns
    os.truncate(stored, 10)
    again = CorpusWriter([str(mixed)])

    assert kept == made
    assert stored.stat().st_size > 10
    assert again.identity == first.identity


def test_another_process_refuses_other_files(mixed: Path) -> None:
    packed = pickle.dumps(CorpusWriter([str(mixed)]))
    mixed.write_text(ENGLISH * 3)

    with pytest.raises(ValueError, match="holds other text here than where the job began"):
        pickle.loads(packed)


def test_a_cache_that_cannot_be_written_is_named(mixed: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")

    with pytest.raises(ValueError, match=r"cannot write .*SMALLPRINT_CACHE"):
        CorpusWriter([str(mixed)])


def test_the_real_corpora(data: Path) -> None:
    writer = CorpusWriter([str(data / "corpora")])
    rng = np.random.default_rng(4)
    pages = {
        language: [writer.paragraph(rng, language, 900) for _ in range(60)] for language in ("en", "zh", "zh-Hant")
    }

    assert writer.corpus_languages == ("en", "zh", "zh-Hant")
    assert writer.rejected == ()
    assert not re.search("gutenberg", "".join(pages["en"]), re.IGNORECASE)
    assert not re.search("[一-鿿]", "".join(pages["en"]))
    assert "们" in "".join(pages["zh"])
    assert "們" in "".join(pages["zh-Hant"])
    assert all(0.8 <= len(text) / 900 <= 1.2 for texts in pages.values() for text in texts)
    assert len({text[:40] for texts in pages.values() for text in texts}) > 170
