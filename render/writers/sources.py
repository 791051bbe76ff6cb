"""The files of a corpus: found from folders, files and globs, read line by line whatever their size."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_TEXT_ENDINGS = frozenset((".txt", ".md", ".markdown"))
_MAX_LINE_CHARS = 65_536  # a longer line is read in pieces
_LANGUAGE_FOLDERS = {
    **dict.fromkeys(("en", "eng", "english"), "en"),
    **dict.fromkeys(("zh", "zh-hans", "zh-cn", "hans", "chs", "chinese"), "zh"),
    **dict.fromkeys(("zh-hant", "zh-tw", "zh-hk", "hant", "cht"), "zh-Hant"),
}
_HELP = "name a .txt or .md file, a folder or glob of them, or FILE.parquet:COLUMN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to read."""

    path: Path
    column: str = ""  # of a Parquet file
    language: str = ""  # that its folder is named after; "": found paragraph by paragraph

    @property
    def is_markdown(self) -> bool:
        """Whether headings, links and code are marked in it."""
        return self.path.suffix.lower() in (".md", ".markdown")

    def lines(self) -> Iterator[str]:
        """Its lines, a blank one after each Parquet row.

        Raises OSError, and ValueError where it is not UTF-8 or the column holds no text.
        """
        return _column_lines(self.path, self.column) if self.column else _text_lines(self.path)


def find_sources(corpus: Sequence[str]) -> list[Source]:
    """All files of the corpus, in a fixed order.

    Each entry is a file, a folder or a glob; ":COLUMN" at the end asks for the Parquet files among them.
    A folder is read whole but for what is hidden in it; where some of its subfolders are named after a
    language (en, zh-hans, zh-hant ...) those alone are. Raises ValueError where an entry leads to no file.
    """
    return [source for entry in corpus for source in _expand(entry)]


def _expand(entry: str) -> list[Source]:
    place, column = (entry, "") if Path(entry).exists() or ":" not in entry else entry.rsplit(":", 1)
    endings = frozenset((".parquet",)) if column else _TEXT_ENDINGS
    root = Path(place).absolute()
    if root.is_dir():
        paths = [path for path in root.rglob("*") if path.suffix.lower() in endings]
    else:
        paths = [root] if root.is_file() else [Path(match).absolute() for match in glob.glob(place, recursive=True)]
    below = len(root.parts) if root.is_dir() else -1  # where in a path the parts under the entry begin
    files = sorted(path for path in paths if path.is_file() and not _is_hidden(path.parts[below:]))
    wrong = [path for path in files if (path.suffix.lower() == ".parquet") != bool(column)]
    if not files or wrong:
        raise ValueError(f"corpus {entry!r} leads to no text: {_HELP}")
    languages = (_folder_language(path.parts[below - 1 : -1]) for path in files)
    sources = [Source(path=path, column=column, language=found) for path, found in zip(files, languages, strict=True)]
    named = [source for source in sources if source.language]
    return named or sources


def _is_hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith(".") for part in parts)


def _folder_language(folders: Sequence[str]) -> str:
    """The language that the innermost of these folders is named after, or ""."""
    known = [_LANGUAGE_FOLDERS.get(folder.lower().replace("_", "-"), "") for folder in folders]
    return next((language for language in reversed(known) if language), "")


def _text_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as file:
        while line := file.readline(_MAX_LINE_CHARS):
            yield line


def _column_lines(path: Path, column: str) -> Iterator[str]:
    with pq.ParquetFile(path) as file:  # noqa: TID251  (of a path: its threads hold nothing of Python's)
        texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        if column not in texts:
            raise ValueError(f"no text column {column!r}, it has {', '.join(texts) or 'none'}")
        for batch in file.iter_batches(batch_size=256, columns=[column]):
            for text in batch.column(0).to_pylist():
                yield from (text or "").splitlines()
                yield ""


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
