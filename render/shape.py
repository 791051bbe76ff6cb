"""HarfBuzz shaping of whole blocks, read back as arrays.

uharfbuzz gives glyphs as Python objects (2.7 ms for a page of 4,500); its library is called here
through ctypes instead, so that the arrays are copied at once (0.03 ms).
"""

import ctypes
import ctypes.util
import weakref
from collections import OrderedDict
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import uharfbuzz
from numpy.typing import NDArray

from fonts.catalog import FontFace
from fonts.mapping import mapped

_LANGUAGES = {"en": (b"en", b"Latn"), "zh": (b"zh-hans", b"Hani"), "zh-Hant": (b"zh-hant", b"Hani")}
_LTR, _TTB = 4, 6
_READONLY = 1
_UNSAFE_TO_BREAK = 1  # a glyph's flag
_INFO = np.dtype([("glyph", "u4"), ("mask", "u4"), ("cluster", "u4"), ("var", "u4", 2)])
_POSITION = np.dtype([("x_advance", "i4"), ("y_advance", "i4"), ("x_offset", "i4"), ("y_offset", "i4"), ("var", "u4")])


class _Feature(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_uint32), ("value", ctypes.c_uint32), ("start", ctypes.c_uint), ("end", ctypes.c_uint))


# Which Chinese faces draw as wide as an ideograph, unless they are asked for other forms.
_QUOTES = "‘’“”"
_PROPORTIONAL, _HALF_WIDTH = (int.from_bytes(tag, "big") for tag in (b"pwid", b"halt"))


class _Variation(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_uint32), ("value", ctypes.c_float))


@dataclass(frozen=True, slots=True)
class Shaped:
    """Glyphs of one text in visual order; lengths in font units, y up. All arrays (n,)."""

    glyph_ids: NDArray[np.int32]
    clusters: NDArray[np.int32]  # index of the character each glyph came from
    advances: NDArray[np.int32]  # along the line: to the right, or down when vertical
    x_offsets: NDArray[np.int32]
    y_offsets: NDArray[np.int32]
    unsafe: NDArray[np.bool_]  # to part the text before this glyph changes the glyphs about it

    def beginning(self, num_chars: int) -> "Shaped | None":
        """The glyphs of so many first characters of the text by themselves; None where they must be shaped anew."""
        end = int(np.searchsorted(self.clusters, num_chars))
        if end == len(self.clusters) or self.unsafe[end] or self.clusters[end] != num_chars:
            return None
        return Shaped(*(getattr(self, field.name)[:end] for field in fields(self)))


class Shaper:
    """Shapes text in one face, at no particular size."""

    def __init__(self, face: FontFace) -> None:
        self._hb = _library()
        data = _bytes_of(face)
        blob = self._hb.hb_blob_create(data, len(data), _READONLY, None, None)
        hb_face = self._hb.hb_face_create(blob, face.index)
        self._font = self._hb.hb_font_create(hb_face)
        axes = [_Variation(int.from_bytes(tag.encode(), "big"), value) for tag, value in face.axes]
        self._hb.hb_font_set_variations(self._font, (_Variation * len(axes))(*axes), len(axes))
        self._buffer = self._hb.hb_buffer_create()
        self._kept: OrderedDict[tuple[str, str, bool], Shaped] = OrderedDict()
        self._narrow = self._same_width() if face.category == "mono" else _PROPORTIONAL
        weakref.finalize(self, _destroy, self._hb, blob, hb_face, self._font, self._buffer)

    def shape(self, text: str, language: str, vertical: bool = False) -> Shaped:
        """Glyphs of `text` with kerning and ligatures; newlines take the glyph of a space. The last few are kept:
        layouts measure a text, then set it, or as much of it as fits."""
        key = text, language, vertical
        if key not in self._kept:
            self._kept[key] = self._cut(*key) or self._shape(*key)
            if len(self._kept) > 32:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _cut(self, text: str, language: str, vertical: bool) -> Shaped | None:
        """From the text shaped last, where that one begins with this."""
        last = next(reversed(self._kept), ("", "", False))
        if last[1:] != (language, vertical) or not last[0].startswith(text):
            return None
        return self._kept[last].beginning(len(text))

    def _shape(self, text: str, language: str, vertical: bool) -> Shaped:
        narrow = self._narrow if language == "en" and any(quote in text for quote in _QUOTES) else 0
        places = [at for at, char in enumerate(text) if char in _QUOTES] if narrow else []
        self._run(text, language, _TTB if vertical else _LTR, [_Feature(narrow, 1, at, at + 1) for at in places])
        return self._read(vertical)

    def _same_width(self) -> int:
        """The feature that makes quotes as wide as the letters of a face of one width; 0 where none does."""
        for tag in (_PROPORTIONAL, _HALF_WIDTH):
            self._run(f"a{_QUOTES}", "en", _LTR, [_Feature(tag, 1, 1, 1 + len(_QUOTES))])
            if len(set(self._read(vertical=False).advances.tolist())) == 1:
                return tag
        return 0

    def _run(self, text: str, language: str, direction: int, features: list[_Feature]) -> None:
        """Shape into the buffer."""
        hb, buffer = self._hb, self._buffer
        codes = np.frombuffer(text.replace("\n", " ").encode("utf-32-le"), np.uint32)
        tag, script = _LANGUAGES[language]
        hb.hb_buffer_reset(buffer)
        hb.hb_buffer_add_utf32(buffer, codes.ctypes.data, len(codes), 0, len(codes))
        hb.hb_buffer_set_direction(buffer, direction)
        hb.hb_buffer_set_script(buffer, int.from_bytes(script, "big"))
        hb.hb_buffer_set_language(buffer, hb.hb_language_from_string(tag, -1))
        hb.hb_shape(self._font, buffer, (_Feature * len(features))(*features), len(features))

    def _read(self, vertical: bool) -> Shaped:
        length = ctypes.c_uint()
        infos = self._hb.hb_buffer_get_glyph_infos(self._buffer, ctypes.byref(length))
        positions = self._hb.hb_buffer_get_glyph_positions(self._buffer, None)
        if not length.value:
            nothing = np.zeros(0, np.int32)
            return Shaped(nothing, nothing, nothing, nothing, nothing, np.zeros(0, np.bool_))
        info = np.frombuffer(ctypes.string_at(infos, length.value * _INFO.itemsize), _INFO)
        position = np.frombuffer(ctypes.string_at(positions, length.value * _POSITION.itemsize), _POSITION)
        return Shaped(
            info["glyph"].astype(np.int32),
            info["cluster"].astype(np.int32),
            -position["y_advance"] if vertical else position["x_advance"].copy(),
            position["x_offset"].copy(),
            position["y_offset"].copy(),
            (info["mask"] & _UNSAFE_TO_BREAK).astype(np.bool_),
        )


def _destroy(hb: ctypes.CDLL, blob: int, face: int, font: int, buffer: int) -> None:
    """Give up what one shaper holds; the objects count who else uses them."""
    hb.hb_buffer_destroy(buffer)
    hb.hb_font_destroy(font)
    hb.hb_face_destroy(face)
    hb.hb_blob_destroy(blob)


def _bytes_of(face: FontFace) -> Any:
    try:
        return mapped(face.path, face.sha256).read()
    except (OSError, ValueError) as error:
        raise ValueError(f"face {face.id}: {face.path} cannot be read; run `python -m fonts check`") from error


@lru_cache(maxsize=64)
def shaper_of(face: FontFace) -> Shaper:
    """The shaper of a face, kept for this process."""
    return Shaper(face)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """The HarfBuzz inside uharfbuzz, or else the system's."""
    from uharfbuzz import _harfbuzz

    for path in (_harfbuzz.__file__, ctypes.util.find_library("harfbuzz")):
        library = ctypes.CDLL(path) if path else None
        if library is not None and hasattr(library, "hb_buffer_get_glyph_infos"):
            return _declared(library)
    raise ImportError(
        f"uharfbuzz {uharfbuzz.__version__} hides HarfBuzz's functions and no system HarfBuzz was found: "
        "install libharfbuzz (Debian: libharfbuzz0b, macOS: brew install harfbuzz)"
    )


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    for name, result, *arguments in (
        *((f"{name}_destroy", None, pointer) for name in ("blob", "face", "font", "buffer")),
        ("blob_create", pointer, pointer, ctypes.c_uint, integer, pointer, pointer),
        ("face_create", pointer, pointer, integer),
        ("font_create", pointer, pointer),
        ("font_set_variations", None, pointer, pointer, integer),
        ("buffer_create", pointer),
        ("buffer_reset", None, pointer),
        ("buffer_add_utf32", None, pointer, pointer, integer, ctypes.c_uint, integer),
        ("buffer_set_direction", None, pointer, integer),
        ("buffer_set_script", None, pointer, ctypes.c_uint32),
        ("buffer_set_language", None, pointer, pointer),
        ("language_from_string", pointer, ctypes.c_char_p, integer),
        ("shape", None, pointer, pointer, pointer, ctypes.c_uint),
        ("buffer_get_glyph_infos", pointer, pointer, pointer),
        ("buffer_get_glyph_positions", pointer, pointer, pointer),
    ):
        function = getattr(library, f"hb_{name}")
        function.restype, function.argtypes = result, arguments
    return library
