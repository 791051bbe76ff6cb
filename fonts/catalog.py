"""The catalogue of faces we can write with: found, described, judged, and remembered by file hash."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import freetype

from fonts.cache import file_sha256, keep, kept_json, rules_key
from fonts.ink import open_font
from fonts.judge import judge_file
from fonts.mapping import mapped
from fonts.sources import FontFile, font_files

log = logging.getLogger(__name__)

CATEGORIES = ("serif", "sans", "mono", "kai", "hand")
LANGUAGES = ("en", "zh", "zh-Hant")


@dataclass(frozen=True, slots=True, kw_only=True)
class FontFace:
    """One face of a font file, or one instance of a variable face."""

    id: str  # unique: PostScript name, "#index" in a collection, "@wght=700" for an instance
    path: str
    index: int
    sha256: str  # of the file
    family: str
    style: str
    category: str  # one of CATEGORIES
    weight: int  # 1 to 1000, 400 is regular
    italic: bool
    licence: str  # SPDX where recognised, else "unknown"
    languages: tuple[str, ...]  # subset of LANGUAGES; zh is Simplified
    axes: tuple[tuple[str, float], ...] = ()
    strikes: tuple[int, ...] = ()  # ppem of embedded bitmaps

    def __hash__(self) -> int:
        return hash(self.id)  # faces are the keys of every cache: all fields would be hashed each time

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("id='': a face needs a name to be found by")
        if self.category not in CATEGORIES:
            raise ValueError(f"category={self.category!r} of {self.id}: choose from {CATEGORIES}")
        if not self.languages or not set(self.languages) <= set(LANGUAGES):
            raise ValueError(f"languages={self.languages} of {self.id}: one or more of {LANGUAGES}")
        if not 1 <= self.weight <= 1000:
            raise ValueError(f"weight={self.weight} of {self.id}: OpenType weights lie in 1 to 1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A face that is not used, and why."""

    path: str
    index: int
    reason: str


class Catalog:
    """Faces in the order of their ids, and what was rejected. Faces found twice count once."""

    def __init__(self, faces: Sequence[FontFace], rejected: Sequence[Rejection] = ()) -> None:
        by_id = {face.id: face for face in faces}
        if len(by_id) != len(faces):
            raise ValueError(f"faces: {len(faces) - len(by_id)} ids are used twice; give each face its own")
        self._by_id = dict(sorted(by_id.items()))
        self.faces = tuple(self._by_id.values())
        self.rejected = tuple(rejected)

    def __getitem__(self, id: str) -> FontFace:
        """The face with this id. KeyError names the remedy."""
        if id not in self._by_id:
            raise KeyError(f"no face {id!r} among {len(self.faces)}; `python -m fonts list` shows them")
        return self._by_id[id]

    def for_language(self, language: str, category: str | None = None) -> tuple[FontFace, ...]:
        """The faces that write a language, of one category where it is given."""
        return tuple(
            face
            for face in self.faces
            if language in face.languages and (category is None or face.category == category)
        )


def load_catalog(fonts: Sequence[str] = ("default",)) -> Catalog:
    """The faces of these sources: "default", "system", "fetched", or folders and files.

    ValueError where a source does not exist or no face is left.
    """
    found: dict[tuple[str, int, Any], FontFace] = {}
    rejected: list[Rejection] = []
    for source in fonts:
        for file in font_files(source):
            for item in read_file(file):
                if isinstance(item, Rejection):
                    rejected.append(item)
                else:
                    found.setdefault((item.sha256, item.index, item.axes), item)
    if not found:
        reasons = "; ".join(f"{Path(item.path).name}: {item.reason}" for item in rejected[:5])
        raise ValueError(f"fonts={list(fonts)}: no usable face ({len(rejected)} rejected: {reasons})")
    return Catalog(_with_own_ids(list(found.values())), rejected)


def open_face(face: FontFace) -> freetype.Face:
    """The FreeType face, index and variation axes applied. Raises freetype.FT_Exception for a broken file."""
    return open_font(mapped(face.path, face.sha256), face.index, face.axes)


def read_file(file: FontFile) -> list[FontFace | Rejection]:
    """Every face of a file, accepted or rejected; from the cache where the file's hash is known."""
    if file.fault:
        return [Rejection(path=file.path, index=0, reason=file.fault)]
    try:
        sha256 = file_sha256(Path(file.path))
    except OSError as error:
        return [Rejection(path=file.path, index=0, reason=f"unreadable: {error}. {file.remedy}".strip())]
    if file.sha256 and sha256 != file.sha256:
        wrong = f"sha256 {sha256[:12]}... is not {file.sha256[:12]}...: {file.remedy}"
        return [Rejection(path=file.path, index=0, reason=wrong)]
    name = f"faces/{_rules()}/{sha256}.json"
    entries = kept_json(name)
    items = _faces(entries, file, sha256)
    if items is None:
        log.info("reading %s, once", file.path)
        entries = judge_file(file.path, sha256)
        if not any(entry.get("reason", "").startswith("unreadable") for entry in entries):
            keep(name, json.dumps(entries).encode())  # the cause may pass: memory, a network drive
        items = _faces(entries, file, sha256)
    assert items is not None, f"{file.path}: judged into something that cannot be read back"
    return items


@cache
def _rules() -> str:
    return rules_key("judge", "checks", "describe", "ink", "languages", "letterforms")


def _faces(entries: Any, file: FontFile, sha256: str) -> list[FontFace | Rejection] | None:
    """The judged entries as faces of this file; None where a cache file holds something else."""
    try:
        return [_face(dict(entry), file, sha256) for entry in entries] or None
    except (TypeError, ValueError, KeyError):
        return None


def _face(entry: dict[str, Any], file: FontFile, sha256: str) -> FontFace | Rejection:
    if "reason" in entry:
        return Rejection(path=file.path, index=entry["index"], reason=entry["reason"])
    entry["axes"] = tuple((tag, value) for tag, value in entry["axes"])
    entry["languages"], entry["strikes"] = tuple(entry["languages"]), tuple(entry["strikes"])
    entry["licence"] = file.licence or entry["licence"]
    entry["category"] = file.category or entry["category"]
    return FontFace(path=file.path, sha256=sha256, **entry)


def _with_own_ids(faces: list[FontFace]) -> list[FontFace]:
    """Different files may carry one name: the first keeps it, the others add a piece of their hash."""
    taken: set[str] = set()
    own = []
    for face in faces:
        id = face.id if face.id not in taken else f"{face.id}~{face.sha256[:8]}"
        taken.add(id)
        own.append(replace(face, id=id))
    return own
