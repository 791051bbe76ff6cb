"""Our outline rasteriser against FreeType's, pixel by pixel, on real glyphs of every outline format."""

import ctypes

import freetype
import numpy as np
import pytest

from fonts.catalog import Catalog, open_face
from render.glyphs import Instance, Masks
from render.raster import Halo, Raster

LATIN, HAN = "AgQ&@%8jW", "国龍爨永口鬱"


TIMES = 16  # FreeType draws curves as chords up to a sixteenth of a pixel off: at 16 times the size that is nothing


def freetype_mask(face, char: str, size_px: float) -> np.ndarray:
    """FreeType's mask at 16 times the size, reduced by the mean: exact areas to a level or two."""
    ft = open_face(face)
    ft.set_char_size(round(size_px * 64 * TIMES))
    ft.load_char(char, freetype.FT_LOAD_NO_HINTING | freetype.FT_LOAD_NO_BITMAP | freetype.FT_LOAD_RENDER)
    bitmap = ft.glyph.bitmap
    raw = ctypes.string_at(bitmap._FT_Bitmap.buffer, bitmap.rows * bitmap.pitch)
    pixels = np.frombuffer(raw, np.uint8).reshape(bitmap.rows, bitmap.pitch)[:, : bitmap.width]
    large = np.zeros((120 * TIMES, 120 * TIMES), np.float32)
    top, left = 80 * TIMES - ft.glyph.bitmap_top, 20 * TIMES + ft.glyph.bitmap_left
    large[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return np.round(large.reshape(120, TIMES, 120, TIMES).mean(axis=(1, 3))).astype(np.int32)


def pasted(pixels: np.ndarray, left: int, top: int) -> np.ndarray:
    canvas = np.zeros((120, 120), np.int32)
    canvas[80 + top : 80 + top + pixels.shape[0], 20 + left : 20 + left + pixels.shape[1]] = pixels
    return canvas


def our_mask(face, char: str, size_px: float, **options) -> np.ndarray:
    masks = Masks(Instance(face=face, size_px=size_px, **options))
    glyph = np.array([open_face(face).get_char_index(char)], np.int32)
    [number], [x], [y] = masks.at(glyph, np.zeros(1), np.zeros(1))
    start, width, height, left, top = masks.boxes[number]
    pixels = masks.bytes[start : start + width * height].reshape(height, width)
    return pasted(pixels, left + x, top + y)


@pytest.mark.parametrize("size_px", [5.0, 7.3, 12.0, 19.6])
def test_coverage_is_exact_area(faces: Catalog, size_px: float) -> None:
    """Both compute exact areas; where contours overlap, as in variable faces, a pixel may count both."""
    for face in faces.faces[::4]:
        for char in LATIN + (HAN if "zh" in face.languages else ""):
            difference = np.abs(our_mask(face, char, size_px) - freetype_mask(face, char, size_px))

            assert difference.max() <= (130 if face.axes else 8), (face.id, char)
            assert difference.sum() / 255 <= 0.01 * size_px**2 + 0.5, (face.id, char)


def test_a_subpixel_pen_moves_the_ink(faces: Catalog) -> None:
    masks = Masks(Instance(face=faces.for_language("en")[0], size_px=12.0))
    glyph = np.full(4, open_face(faces.for_language("en")[0]).get_char_index("o"), np.int32)
    numbers, x, _ = masks.at(glyph, np.array([0.0, 0.25, 0.5, 0.75]), np.zeros(4))
    centres = []
    for number, pen in zip(numbers, x, strict=True):
        start, width, height, left, _ = masks.boxes[number]
        columns = masks.bytes[start : start + width * height].reshape(height, width).sum(axis=0, dtype=float)
        centres.append(pen + left + (columns * np.arange(width)).sum() / columns.sum())

    assert np.allclose(np.diff(centres), 0.25, atol=0.04)  # a pixel's ink counts at its centre


@pytest.mark.parametrize("raster", [Raster(kind="reduced", factor=3), Raster(kind="reduced", factor=2)])
def test_a_reduced_glyph_keeps_its_ink_and_place(faces: Catalog, raster: Raster) -> None:
    face = faces.for_language("zh")[0]
    plain, reduced = our_mask(face, "国", 16.0), our_mask(face, "国", 16.0, raster=raster)
    rows, columns = np.mgrid[:120, :120]

    assert abs(reduced.sum() / plain.sum() - 1) < 0.02
    for axis in (rows, columns):
        assert abs((axis * reduced).sum() / reduced.sum() - (axis * plain).sum() / plain.sum()) < 0.1


def test_a_quarter_turn_is_the_transposed_glyph(faces: Catalog) -> None:
    face = faces.for_language("en")[0]
    upright, turned = our_mask(face, "F", 18.0), our_mask(face, "F", 18.0, angle_deg=90.0)
    expected = np.rot90(upright, -1)
    rows, columns = np.nonzero(expected)
    expected = expected[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    rows, columns = np.nonzero(turned)
    found = turned[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]

    assert abs(found.sum() / expected.sum() - 1) < 0.01
    assert abs(found.shape[0] - expected.shape[0]) <= 1
    assert abs(found.shape[1] - expected.shape[1]) <= 1


def test_an_outline_halo_covers_the_glyph_and_more(faces: Catalog) -> None:
    face = faces.for_language("en")[0]
    plain, grown = our_mask(face, "R", 14.0), our_mask(face, "R", 14.0, halo=Halo(grow_px=1.2))

    assert (grown >= plain).all()
    assert (grown > 128).sum() > 1.5 * (plain > 128).sum()


def test_hinted_styles_keep_the_em(faces: Catalog) -> None:
    """Hinting moves edges by less than a pixel; it must not change the size."""
    face = faces["DejaVuSans"] if "DejaVuSans" in {f.id for f in faces.faces} else faces.for_language("en")[0]
    for kind in ("light", "full"):
        hinted = our_mask(face, "H", 13.0, raster=Raster(kind=kind, phases=1))
        plain = our_mask(face, "H", 13.0)
        height = [np.ptp(np.nonzero(mask > 100)[0]) for mask in (hinted, plain)]

        assert abs(height[0] - height[1]) <= 1


@pytest.mark.parametrize("halo", [Halo(grow_px=1.2), Halo(blur_px=0.7), Halo(grow_px=2.0, blur_px=0.7)])
def test_halos_of_lcd_text_are_as_wide_as_those_of_grey_text(faces: Catalog, halo: Halo) -> None:
    """An l has upright sides: ink a row is its width in px."""
    face = faces["DejaVuSans"]
    widths = {}
    for kind in ("grey", "lcd"):
        masks = Masks(Instance(face=face, size_px=20.0, raster=Raster(kind=kind), halo=halo))
        [number], _, _ = masks.at(np.array([open_face(face).get_char_index("l")], np.int32), np.zeros(1), np.zeros(1))
        start, width, height = masks.boxes[number, :3]
        rows = masks.bytes[start : start + width * height * masks.channels].reshape(height, -1).astype(float)
        widths[kind] = rows.sum(axis=1).max() / 255 / masks.channels

    assert widths["lcd"] == pytest.approx(widths["grey"], rel=0.06)
