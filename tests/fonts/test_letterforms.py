"""What pictures of letters tell, on drawn shapes and on real faces."""

import numpy as np
import pytest

from fonts.catalog import Catalog, open_face
from fonts.letterforms import euler_number, has_serifs, likeness_of_cases, share_of_letters, stem_em


def _ink(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


@pytest.mark.parametrize(
    ("rows", "number"),
    [
        (("...",), 0),
        (("###",), 1),
        (("#.#",), 2),
        (("###", "#.#", "###"), 0),
        (("#####", "#.#.#", "#####"), -1),
        (("#.", ".#"), 1),
        ((".#.", "#.#", ".#."), 0),
    ],
)
def test_euler_number_counts_pieces_less_holes(rows: tuple[str, ...], number: int) -> None:
    assert euler_number(_ink(*rows)) == number


def test_faces_of_the_default_set_have_letters_and_cases(catalog: Catalog) -> None:
    for face in catalog.for_language("en"):
        opened = open_face(face)

        assert share_of_letters(opened) > 0.8, face.id
        assert likeness_of_cases(opened) < 0.6, face.id
        assert 0.04 < stem_em(opened) < 0.2, face.id


def test_serifs_are_seen_in_serif_faces_and_in_no_sans(catalog: Catalog) -> None:
    seen = {face.id: has_serifs(open_face(face)) for face in catalog.for_language("en")}

    assert all(seen[face.id] for face in catalog.for_language("en", "serif"))
    assert not any(seen[face.id] for face in catalog.for_language("en", "sans"))
