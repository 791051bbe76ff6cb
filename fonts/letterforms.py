"""What the pictures of letters tell of a face: are they letters, have they serifs, how thick is a stroke."""

import ctypes

import freetype
import numpy as np
from numpy.typing import NDArray

_PICTURE_PX = 64
_FLAGS = freetype.FT_LOAD_RENDER | freetype.FT_LOAD_NO_HINTING | freetype.FT_LOAD_NO_BITMAP

_UNLIKE_CAPITALS = "abdefghlmnqrt"  # small letters that print draws unlike their capitals

# Letters by Euler number: pieces less holes. Taken where most hands agree; g, i, 4 and the like are left out.
_EULER_NUMBERS = {1: "CEFHLMNTUVXZchlnrsuvxz1257", 0: "ADOPRabdeopq069", -1: "B8"}


def picture(face: freetype.Face, letter: str) -> NDArray[np.float64]:
    """(h, w) how much of each pixel a letter at 64 px covers, 0 to 1, cut to its box."""
    face.set_pixel_sizes(0, _PICTURE_PX)
    face.load_char(letter, _FLAGS)
    bitmap = face.glyph.bitmap._FT_Bitmap
    pixels = ctypes.string_at(bitmap.buffer, bitmap.rows * bitmap.pitch) if bitmap.rows else b""
    rows = np.frombuffer(pixels, np.uint8).reshape(bitmap.rows, -1 if bitmap.rows else 0)
    return rows[:, : bitmap.width] / 255


def euler_number(ink: NDArray[np.bool_]) -> int:
    """Pieces less holes of a picture, by 2x2 quads (S. B. Gray, 1971); diagonal neighbours are joined."""
    padded = np.pad(ink, 1).astype(np.int8)
    quads = padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]
    diagonal = (quads == 2) & (padded[:-1, :-1] == padded[1:, 1:])
    return int((quads == 1).sum() - (quads == 3).sum() - 2 * diagonal.sum()) // 4


def share_of_letters(face: freetype.Face) -> float:
    """How many of 43 letters and digits have the holes that a reader expects, 0 to 1."""
    told = [
        euler_number(picture(face, letter) > 0.5) == number
        for number, letters in _EULER_NUMBERS.items()
        for letter in letters
    ]
    return sum(told) / len(told)


def stem_em(face: freetype.Face) -> float:
    """The median width of the stem of l, in em."""
    widths = picture(face, "l").sum(axis=1)
    return float(np.median(widths)) / _PICTURE_PX if widths.size else 0.0


def has_serifs(face: freetype.Face) -> bool:
    """True where the T stands on a foot clearly wider than its stem."""
    widths = picture(face, "T").sum(axis=1)
    return bool(widths.size) and float(widths[-3:].max()) > 1.6 * float(np.median(widths))


def likeness_of_cases(face: freetype.Face) -> float:
    """How far small letters have the shape of capitals: mean overlap, both stretched to a box, 0 to 1."""
    overlaps = []
    for small in _UNLIKE_CAPITALS:
        one, other = _boxed(picture(face, small)), _boxed(picture(face, small.upper()))
        overlaps.append((one & other).sum() / max((one | other).sum(), 1))
    return float(np.mean(overlaps))


def _boxed(ink: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The picture sampled on a grid of 24 x 24."""
    if not ink.size:
        return np.zeros((24, 24), bool)
    rows, columns = (np.linspace(0, num - 1, 24).round().astype(int) for num in ink.shape)
    boxed: NDArray[np.bool_] = ink[np.ix_(rows, columns)] > 0.5
    return boxed
