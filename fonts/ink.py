"""Which code points leave ink: each glyph of the cmap is loaded once, the answer cached on disk."""

import ctypes
import io
import logging
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from zlib import crc32

import freetype
import numpy as np
from freetype.raw import FT_Load_Glyph, FT_Outline_Get_Orientation, FT_Vector
from numpy.typing import NDArray

from fonts.cache import cache_folder, keep, rules_key

log = logging.getLogger(__name__)

_NO_AREA = 2  # FT_ORIENTATION_NONE, of outlines that enclose nothing
_MAX_HAN_ALIKE = 8  # one picture for more Han characters than this is a placeholder, not a character

_HAN = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x33480))  # first, one past the last

# Code points that shaping hides whatever the font holds (Default_Ignorable_Code_Point beyond category Cf).
_HIDDEN = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def open_font(file: Any, index: int = 0, axes: Sequence[tuple[str, float]] = ()) -> freetype.Face:
    """The FreeType face with its variation axes applied. file: a path, or what has `read`. Raises
    freetype.FT_Exception."""
    face = freetype.Face(file, index)
    if axes:
        wanted = dict(axes)
        info = face.get_variation_info()
        face.set_var_design_coords([wanted.get(axis.tag, axis.default) for axis in info.axes])
    return face


def glyph_prints(face: freetype.Face, glyphs: Iterable[int]) -> dict[int, int]:
    """Of each glyph whose outline encloses an area, a checksum of the outline; the others leave no ink."""
    slot = face._FT_Face.contents.glyph.contents
    prints = {}
    for glyph in glyphs:
        if FT_Load_Glyph(face._FT_Face, glyph, freetype.FT_LOAD_NO_SCALE):
            continue
        outline = slot.outline
        if outline.n_points and FT_Outline_Get_Orientation(ctypes.byref(outline)) != _NO_AREA:
            points = ctypes.string_at(outline.points, outline.n_points * ctypes.sizeof(FT_Vector))
            prints[glyph] = crc32(points)
    return prints


def drawn_codes(face: freetype.Face) -> NDArray[np.uint32]:
    """Sorted code points that leave ink of their own, and the spaces of the cmap."""
    if not any(charmap.encoding == freetype.FT_ENCODING_UNICODE for charmap in face.charmaps):
        return np.empty(0, np.uint32)
    face.select_charmap(freetype.FT_ENCODING_UNICODE)
    cmap = {code: glyph for code, glyph in face.get_chars() if glyph and _is_visible(code)}
    prints = glyph_prints(face, {0, *cmap.values()})
    blank = _placeholders(cmap, prints) | {prints.get(0)}
    drawn = (
        code
        for code, glyph in cmap.items()
        if unicodedata.category(chr(code)) == "Zs" or (glyph in prints and prints[glyph] not in blank)
    )
    return np.array(sorted(drawn), np.uint32)


def _is_visible(code: int) -> bool:
    return not _HIDDEN.match(chr(code)) and unicodedata.category(chr(code)) not in (
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    )


def _placeholders(cmap: dict[int, int], prints: dict[int, int]) -> set[int | None]:
    """Pictures that stand for many Han characters at once, as the boxes in incomplete Chinese fonts do."""
    han = (cmap[code] for low, high in _HAN for code in range(low, high) if code in cmap)
    alike = Counter(prints[glyph] for glyph in han if glyph in prints)
    return {picture for picture, count in alike.items() if count > _MAX_HAN_ALIKE}


def cached_codes(path: str, sha256: str, index: int, axes: Sequence[tuple[str, float]]) -> NDArray[np.uint32]:
    """`drawn_codes` of a face, from the disk cache where it holds them."""
    instance = "".join(f"-{tag}{value:g}" for tag, value in axes)
    name = f"drawn/{_rules()}/{sha256}-{index}{instance}.npz"
    codes = _read(name)
    if codes is None:
        codes = drawn_codes(open_font(path, index, axes))
        content = io.BytesIO()
        np.savez_compressed(content, codes=codes)
        keep(name, content.getvalue())
    return codes


@cache
def _rules() -> str:
    return rules_key("ink")


def _read(name: str) -> NDArray[np.uint32] | None:
    path = cache_folder() / name
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            codes = stored["codes"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("cache file %s is unreadable and made again: %s", path, error)
        return None
    return codes if codes.dtype == np.uint32 and codes.ndim == 1 else None
