"""Every kind of text of both writers: repeatable, printable, within the length asked for."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from render.text import Writer, open_writer

LANGUAGES = ("en", "zh", "zh-Hant")
WITH_LANGUAGE = ("name", "place", "address", "date", "price")
ASCII_KINDS = ("email_or_url", "time", "number", "percent", "phone")
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff\ufffd\ue000-\uf8ff\U00010000-\U0010ffff]"
)


@pytest.fixture(scope="module", params=["generated", "corpus"])
def writer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Writer:
    if request.param == "generated":
        return open_writer(())
    folder: Path = tmp_path_factory.mktemp("corpus")
    (folder / "en").mkdir()
    (folder / "en" / "fox.txt").write_text("The quick brown fox jumps over the lazy dog. It was late!\n" * 40)
    (folder / "zh").mkdir()
    (folder / "zh" / "moon.txt").write_text("床前明月光，疑是地上霜。举头望明月，低头思故乡。\n静夜思\n" * 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMALLPRINT_CACHE", str(folder / "cache"))
        return open_writer([str(folder)])


def everything(writer: Writer, rng: np.random.Generator) -> list[str]:
    """Some text of every kind."""
    texts = [str(getattr(writer, kind)(rng, language)) for kind in WITH_LANGUAGE for language in LANGUAGES]
    texts += [str(getattr(writer, kind)(rng)) for kind in (*ASCII_KINDS, "formula")]
    for language in LANGUAGES:
        table = writer.table(rng, language, 3, 4)
        texts += [writer.paragraph(rng, language, length) for length in (100, 300, 2000)]
        texts += [writer.title(rng, language, 30), writer.phrase(rng, language, 12)]
        texts += [
            *writer.words(rng, language, 5),
            *table.header,
            *(cell for row in table.rows for cell in row),
        ]
    return texts


def test_the_same_generator_state_gives_the_same_text(writer: Writer) -> None:
    first, second, other = (everything(writer, np.random.default_rng(seed)) for seed in (7, 7, 8))

    assert first == second
    assert first != other


def test_all_text_is_one_printable_line(writer: Writer) -> None:
    rng = np.random.default_rng(1)
    texts = [text for _ in range(40) for text in everything(writer, rng)]

    assert all(text and text == text.strip() and "\n" not in text and "  " not in text for text in texts)
    assert not [text for text in texts if UNPRINTABLE.search(text)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_paragraph_is_about_as_long_as_asked(writer: Writer, language: str) -> None:
    rng = np.random.default_rng(2)
    shares = [len(writer.paragraph(rng, language, num)) / num for num in (120, 500, 900, 4500) for _ in range(30)]

    assert min(shares) > 0.78
    assert max(shares) < 1.22
    assert 0.95 < np.mean(shares) < 1.05


@pytest.mark.parametrize("max_chars", [1, 2, 5, 12, 40])
@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_and_phrases_fit(writer: Writer, language: str, max_chars: int) -> None:
    rng = np.random.default_rng(3)
    texts = [make(rng, language, max_chars) for make in (writer.title, writer.phrase) for _ in range(100)]

    assert all(1 <= len(text) <= max_chars for text in texts)
    assert max_chars == 1 or len(set(texts)) > 1


@pytest.mark.parametrize("kind", ASCII_KINDS)
def test_what_has_no_language_is_ascii(writer: Writer, kind: str) -> None:
    rng = np.random.default_rng(4)

    assert all(getattr(writer, kind)(rng).isascii() for _ in range(200))


def test_formulas_keep_to_the_signs_of_ordinary_faces(writer: Writer) -> None:
    rng = np.random.default_rng(5)
    written = "".join(writer.formula(rng) for _ in range(500))

    assert all(writer.formula(rng, ascii_only=True).isascii() for _ in range(200))
    assert {sign for sign in written if not sign.isascii()} == set("×÷±≤≥°²³·−√παβΣ∞")


@pytest.mark.parametrize("num_lines", [1, 7, 60])
def test_code_has_as_many_lines_as_asked_and_is_indented(writer: Writer, num_lines: int) -> None:
    rng = np.random.default_rng(6)
    listings = [writer.code(rng, num_lines).lines for _ in range(20)]

    assert all(len(lines) == num_lines for lines in listings)
    assert all(line.isascii() and line.isprintable() for lines in listings for line in lines)
    assert num_lines < 60 or all(any(line.startswith("  ") for line in lines) for lines in listings)


def test_tables_are_rectangular_and_say_which_columns_are_numbers(writer: Writer) -> None:
    table = writer.table(np.random.default_rng(7), "en", 9, 8)
    numbers = [row[column] for row in table.rows for column in range(8) if table.numeric[column]]

    assert len(table.header) == len(table.numeric) == 8
    assert [len(row) for row in table.rows] == [8] * 9
    assert numbers
    assert all(re.fullmatch(r"[-+$€£¥]?[\d,.]+%?", number) for number in numbers)


def test_a_pickled_writer_writes_the_same(writer: Writer) -> None:
    copy = pickle.loads(pickle.dumps(writer))

    assert len(pickle.dumps(writer)) < 10_000
    assert copy.identity == writer.identity
    assert everything(copy, np.random.default_rng(9)) == everything(writer, np.random.default_rng(9))


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="language 'fr' is not known: choose from en, zh, zh-Hant"):
        open_writer(()).paragraph(np.random.default_rng(0), "fr", 100)


def test_the_writer_without_a_corpus_says_so() -> None:
    writer = open_writer(())

    assert writer.corpus_languages == ()
    assert writer.rejected == ()
    assert re.fullmatch("[0-9a-f]{64}", writer.identity)
