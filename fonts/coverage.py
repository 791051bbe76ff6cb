"""Which characters a face draws: in its cmap and with ink of their own, or a space."""

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import FontFace
from fonts.ink import cached_codes


def drawn(face: FontFace) -> NDArray[np.uint32]:
    """Sorted code points that the face draws, cached on disk. Raises freetype.FT_Exception: a broken file."""
    return cached_codes(face.path, face.sha256, face.index, face.axes)


class Coverage:
    """Answers, for one face, which characters of a text it cannot draw."""

    def __init__(self, face: FontFace) -> None:
        codes = drawn(face)
        self._draws = np.zeros(int(codes[-1]) + 2 if codes.size else 1, np.bool_)  # by code point; the last one is not
        self._draws[codes] = True

    def missing(self, text: str) -> str:
        """Each character that is not drawn, once, in order; "" when all are. Newlines do not count."""
        wanted = np.frombuffer(text.replace("\n", "").encode("utf-32-le", "surrogatepass"), np.uint32)
        absent = wanted[~self._draws[np.minimum(wanted, len(self._draws) - 1)]]
        return "".join(chr(code) for code in dict.fromkeys(absent.tolist()))
