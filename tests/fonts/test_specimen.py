"""The specimen picture."""

from pathlib import Path

import numpy as np
from PIL import Image

from fonts.catalog import Catalog
from fonts.specimen import SIZES_PX, draw_face, write_specimen


def test_every_size_is_drawn_in_order(catalog: Catalog) -> None:
    ink = draw_face(catalog["NotoSansCJKsc-Regular"])
    english, chinese = ink[24:-8, 72:700], ink[24:-8, 840:]
    blank = np.flatnonzero((english.sum(1) == 0) & (chinese.sum(1) == 0))
    rows = np.split(english.sum(1), blank)

    assert sum(row.sum() > 0 for row in rows) == len(SIZES_PX)
    assert chinese.any()


def test_a_face_without_chinese_leaves_that_side_blank(catalog: Catalog) -> None:
    ink = draw_face(catalog["DejaVuSans"])

    assert ink[24:-8, 72:700].any()
    assert not ink[24:-8, 850:].any()


def test_the_picture_is_a_png_of_all_faces(catalog: Catalog, tmp_path: Path) -> None:
    faces = catalog.faces[:3]
    write_specimen(faces, tmp_path / "new" / "specimen.png")
    with Image.open(tmp_path / "new" / "specimen.png") as image:
        height = image.height

    assert height == sum(len(draw_face(face)) for face in faces)
