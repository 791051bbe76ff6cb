"""Reads a font file face by face: what each is, or why it is rejected, in plain values for JSON."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

import freetype
from fontTools.ttLib import TTCollection, TTFont

from fonts import describe
from fonts.checks import Candidate, reason_to_reject
from fonts.ink import cached_codes, open_font
from fonts.languages import languages_of
from fonts.letterforms import has_serifs

Axes = tuple[tuple[str, float], ...]

_SAMPLED_WEIGHTS = (300, 400, 700)  # of a variable font, where its axis reaches them


def judge_file(path: str, sha256: str) -> list[dict[str, Any]]:
    """One entry a face or instance: the fields of a FontFace but path and sha256, or index and reason."""
    with ExitStack() as stack:
        try:
            fonts = _open_tables(stack.enter_context(open(path, "rb")))
            regions = [describe.region_of(font) for font in fonts]
        except Exception as error:  # a broken table can raise anything; the face is named with what it raised
            return [_unreadable(0, error)]
        entries = []
        for index, font in enumerate(fonts):
            try:
                entries += _judge_index(font, path, sha256, index, regions)
            except Exception as error:  # as above
                entries.append(_unreadable(index, error))
        return entries


def _open_tables(file: BinaryIO) -> list[TTFont]:
    is_collection = file.read(4) == b"ttcf"
    file.seek(0)
    return list(TTCollection(file, lazy=True).fonts) if is_collection else [TTFont(file, lazy=True)]


def _unreadable(index: int, error: Exception) -> dict[str, Any]:
    return {"index": index, "reason": f"unreadable: {type(error).__name__}: {error}"}


def _instances(font: TTFont) -> Iterator[Axes]:
    """Sampled places on the weight axis, other axes at their defaults; one empty place for a static face."""
    weights = [axis for axis in font["fvar"].axes if axis.axisTag == "wght"] if "fvar" in font else []
    if not weights:
        yield ()
        return
    axis = weights[0]
    inside = [float(weight) for weight in _SAMPLED_WEIGHTS if axis.minValue <= weight <= axis.maxValue]
    for weight in inside or [float(axis.defaultValue)]:
        yield (("wght", weight),)


def _judge_index(font: TTFont, path: str, sha256: str, index: int, regions: list[str]) -> list[dict[str, Any]]:
    """The instances of one index of the file, of which `regions` tells whose Han forms each index draws."""
    region = regions[index]
    if region in ("JP", "KR") and {"SC", "TC"} & set(regions):
        return [{"index": index, "reason": f"region: {region} forms, and this collection has Chinese ones"}]
    has_tc = region == "SC" and "TC" in regions
    return [_judge(font, path, sha256, (index, axes), has_tc) for axes in _instances(font)]


def _judge(font: TTFont, path: str, sha256: str, place: tuple[int, Axes], has_tc: bool) -> dict[str, Any]:
    index, axes = place
    face = open_font(path, index, axes)
    codes = cached_codes(path, sha256, index, axes)
    languages = languages_of(codes, describe.region_of(font), has_tc)
    reason = reason_to_reject(Candidate(font=font, face=face, codes=codes, languages=languages))
    if reason:
        return {"index": index, "reason": reason}
    return {
        "id": _id(font, face, index, axes),
        "index": index,
        "family": describe.name_of(font, 16, 1, 4),
        "style": _style(font, axes),
        "category": describe.category_of(font) or _category_by_sight(face, languages),
        "weight": int(dict(axes).get("wght", describe.weight_of(font))),
        "italic": describe.is_italic(font),
        "licence": describe.licence_of(font),
        "languages": languages,
        "axes": axes,
        "strikes": sorted({round(size.y_ppem / 64) for size in face.available_sizes}),
    }


def _category_by_sight(face: freetype.Face, languages: tuple[str, ...]) -> str:
    return "serif" if "en" in languages and has_serifs(face) else "sans"


def _style(font: TTFont, axes: Axes) -> str:
    """The name of the style; of an instance the one that fvar gives it, else its coordinates."""
    if not axes:
        return describe.name_of(font, 17, 2) or "Regular"
    for instance in font["fvar"].instances:
        if all(instance.coordinates.get(tag) == value for tag, value in axes):
            return describe.name_of(font, instance.subfamilyNameID)
    return " ".join(f"{tag} {value:g}" for tag, value in axes)


def _id(font: TTFont, face: freetype.Face, index: int, axes: Axes) -> str:
    name = describe.name_of(font, 6) or describe.name_of(font, 4, 1)
    if axes:
        name = describe.name_of(font, 25, 16, 1) or name
    collection = f"#{index}" if face._FT_Face.contents.num_faces > 1 else ""
    return name.replace(" ", "") + collection + "".join(f"@{tag}={value:g}" for tag, value in axes)
