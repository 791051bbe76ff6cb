"""A picture of every face at the sizes that matter: each line drawn at its own size, never resampled."""

from collections.abc import Sequence
from pathlib import Path

import freetype
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fonts.catalog import FontFace, open_face
from fonts.coverage import Coverage

SIZES_PX = (5, 6, 8, 10, 12, 16, 20)
_ENGLISH = "Hamburgefonstiv 0123456789 The quick brown fox (jumps) $4.50 & 7%"
_CHINESE = "永和九年、岁在癸丑。天地玄黄宇宙洪荒、臺灣國語鬱龜"
_WIDTH_PX, _TEXT_AT_PX, _CHINESE_AT_PX, _MARGIN_PX = 1360, 72, 840, 8


def write_specimen(faces: Sequence[FontFace], path: Path) -> None:
    """Write the picture of these faces, one below another, as a PNG."""
    image = np.vstack([draw_face(face) for face in faces])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(255 - image).save(path)


def draw_face(face: FontFace) -> NDArray[np.uint8]:
    """(h, 1360) ink, 0 to 255: a title, then a row for each size, and for each strike of these sizes."""
    slant = " italic" if face.italic else ""
    title = f"{face.id}   {face.category} {face.weight}{slant}   {' '.join(face.languages)}   {face.licence}"
    rows = [_label(title, 24)]
    missing = Coverage(face).missing(_ENGLISH + _CHINESE)
    for size_px in SIZES_PX:
        rows.append(_sample(face, missing, size_px))
        if size_px in face.strikes:
            rows.append(_sample(face, missing, size_px, strike=True))
    rule = np.zeros((8, _WIDTH_PX), np.uint8)
    rule[4] = 64
    return np.vstack([*rows, rule])


def _sample(face: FontFace, missing: str, size_px: int, strike: bool = False) -> NDArray[np.uint8]:
    """A row of both texts on one base line, less the characters that the face does not draw, and its size."""
    opened = open_face(face)
    opened.set_pixel_sizes(0, size_px)
    flags = freetype.FT_LOAD_RENDER | (0 if strike else freetype.FT_LOAD_NO_BITMAP | freetype.FT_LOAD_NO_HINTING)
    row = _label(f"{size_px} {'strike' if strike else 'px'}", max(18, round(1.7 * size_px)))
    base = len(row) // 2 + round(0.35 * size_px)
    for x, text in ((_TEXT_AT_PX, _ENGLISH), (_CHINESE_AT_PX, _CHINESE)):
        pen = float(x)
        for letter in text:
            if letter in missing:
                continue
            opened.load_char(letter, flags)
            slot = opened.glyph
            _put(row, _pixels(slot.bitmap), base - slot.bitmap_top, round(pen) + slot.bitmap_left)
            pen += slot.linearHoriAdvance / 65536
    return row


def _label(text: str, height: int) -> NDArray[np.uint8]:
    """A row with only its label, in the face that Pillow carries, so that any face can be judged."""
    row = Image.new("L", (_WIDTH_PX, height))
    ImageDraw.Draw(row).text((_MARGIN_PX, height / 2), text, fill=255, font=ImageFont.load_default(12), anchor="lm")
    return np.array(row)


def _pixels(bitmap: freetype.Bitmap) -> NDArray[np.uint8]:
    """(h, w) ink of a grey or a 1-bit bitmap."""
    rows = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)
    if bitmap.pixel_mode == freetype.FT_PIXEL_MODE_MONO:
        rows = np.unpackbits(rows, axis=1) * np.uint8(255)
    return rows[:, : bitmap.width]


def _put(row: NDArray[np.uint8], pixels: NDArray[np.uint8], top: int, left: int) -> None:
    """Lay ink onto the row, clipped to it."""
    height, width = pixels.shape
    y, x = max(top, 0), max(left, 0)
    target = row[y : max(top + height, 0), x : max(left + width, 0)]
    part = pixels[y - top :, x - left :][: target.shape[0], : target.shape[1]]
    np.maximum(target, part, out=target)
