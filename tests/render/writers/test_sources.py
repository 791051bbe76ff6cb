"""Finding and reading the files of a corpus."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from render.writers.sources import Source, find_sources


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.md", "notes.pdf", "deep/c.TXT", ".hidden.txt", ".venv/lib/LICENSE.txt"):
        path = tmp_path / "plain" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text\n")
    for folder in ("en", "zh-hans", "zh_TW/old", "LICENSES"):
        path = tmp_path / "named" / folder / "x.txt"
        path.parent.mkdir(parents=True)
        path.write_text("text\n")
    rows = pa.table({"body": ["one\ntwo", None, "three"], "n": [1, 2, 3]})
    pq.write_table(rows, tmp_path / "rows.parquet")
    return tmp_path


def test_a_folder_is_read_in_order_of_its_paths(tree: Path) -> None:
    found = [source.path.relative_to(tree / "plain").as_posix() for source in find_sources([str(tree / "plain")])]

    assert found == ["a.md", "b.txt", "deep/c.TXT"]


def test_folders_named_after_languages_are_read_alone(tree: Path) -> None:
    found = {source.path.parent.name: source.language for source in find_sources([str(tree / "named")])}

    assert found == {"en": "en", "zh-hans": "zh", "old": "zh-Hant"}


def test_the_folder_at_hand_is_read_as_by_its_name(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "named")

    assert find_sources(["."]) == find_sources([str(tree / "named")])


def test_a_file_and_a_glob_take_the_language_of_their_folder(tree: Path) -> None:
    for entry in ("named/en/x.txt", "named/e*/*.txt"):
        assert [source.language for source in find_sources([str(tree / entry)])] == ["en"]


def test_a_column_of_parquet_is_read_row_by_row(tree: Path) -> None:
    (source,) = find_sources([f"{tree / 'rows.parquet'}:body"])

    assert source == Source(path=tree / "rows.parquet", column="body")
    assert list(source.lines()) == ["one", "two", "", "", "three", ""]


def test_a_wrong_column_is_named_with_those_there_are(tree: Path) -> None:
    (source,) = find_sources([f"{tree / 'rows.parquet'}:n"])

    with pytest.raises(ValueError, match="no text column 'n', it has body"):
        list(source.lines())


@pytest.mark.parametrize("entry", ["nowhere", "plain/*.jpg", "rows.parquet", "plain/notes.pdf:x"])
def test_an_entry_without_text_is_refused_with_the_remedy(tree: Path, entry: str) -> None:
    with pytest.raises(ValueError, match=r"leads to no text: name a \.txt or \.md file"):
        find_sources([str(tree / entry)])


def test_an_endless_line_comes_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("\ufeff" + "word " * 100_000)
    (source,) = find_sources([str(tmp_path / "long.txt")])
    pieces = list(source.lines())

    assert len(pieces) > 5
    assert "".join(pieces) == "word " * 100_000
