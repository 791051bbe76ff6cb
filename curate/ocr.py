"""Reading text from pixels: one interface, and rapidocr (PP-OCR models, in its wheel) behind it."""

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Quads = NDArray[np.float32]
Reading = tuple[Quads, str, float]  # quad (4, 2), text, confidence


class OcrEngine(Protocol):
    """Finds and reads lines of text. Pictures are (h, w, 3) uint8 RGB; quads are (4, 2) float32 px, from the
    line's top left clockwise; a confidence is 0 to 1."""

    @property
    def version(self) -> str:
        """Package and version, for records."""
        ...

    def detect(self, rgb: Pixels) -> Quads:
        """Where lines of text are: (n, 4, 2), from top to bottom."""
        ...

    def recognise(self, lines: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and confidence of each picture of one upright line."""
        ...

    def read(self, rgb: Pixels) -> list[Reading]:
        """Each line of the picture: quad, text, confidence."""
        ...


def cut_line(rgb: Pixels, quad: Quads) -> Pixels:
    """The picture of one line, upright; a line 1.5 times as high as wide is turned to lie."""
    width = max(1, round(float(max(_length(quad, 0, 1), _length(quad, 3, 2)))))
    height = max(1, round(float(max(_length(quad, 0, 3), _length(quad, 1, 2)))))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    line = cv2.warpPerspective(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.rot90(line) if height >= 1.5 * width else line).astype(np.uint8, copy=False)


def _length(quad: Quads, start: int, end: int) -> float:
    return float(np.linalg.norm(quad[start] - quad[end]))


class RapidOcr:
    """rapidocr on one thread; its models are loaded on first use.

    min_side_px: pictures whose short side is smaller are enlarged to it before detection (32: never).
    min_score: what a detected box must score, 0 to 1.
    Raises ModuleNotFoundError naming what to install where rapidocr is missing.
    """

    def __init__(self, *, min_side_px: int = 736, min_score: float = 0.5) -> None:
        if not is_installed():
            raise ModuleNotFoundError(f"rapidocr is not installed: {INSTALL}")
        self._options = {
            "Det.limit_side_len": min_side_px,
            "Det.limit_type": "min",
            "Det.box_thresh": min_score,
        }

    @property
    def version(self) -> str:
        return engine_version()

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        return RapidOCR(params=ONE_THREAD | self._options)

    def detect(self, rgb: Pixels) -> Quads:
        found = self._engine(_bgr(rgb), use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        return np.asarray(found.boxes, np.float32).reshape(-1, 4, 2)

    def recognise(self, lines: Sequence[Pixels]) -> list[tuple[str, float]]:
        if not lines:
            return []
        read = self._engine.recognize_txt([_bgr(line) for line in lines])
        return [(text, float(score)) for text, score in zip(read.txts, read.scores, strict=True)]

    def read(self, rgb: Pixels) -> list[Reading]:
        found = self._engine(_bgr(rgb), use_det=True, use_cls=False, use_rec=True)
        if found.boxes is None or found.txts is None:
            return []
        quads = np.asarray(found.boxes, np.float32).reshape(-1, 4, 2)
        return list(zip(quads, found.txts, map(float, found.scores), strict=True))


INSTALL = 'pip install "smallprint[ocr]"'
ONE_THREAD = {
    "Global.log_level": "error",
    "Global.use_cls": False,
    "Global.text_score": 0.0,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


def is_installed() -> bool:
    """Whether rapidocr and the runtime of its models can be imported."""
    return all(find_spec(name) for name in ("rapidocr", "onnxruntime"))


def engine_version() -> str:
    """ "rapidocr 3.10.2", or "" where it is not installed."""
    try:
        return f"rapidocr {version('rapidocr')}"
    except PackageNotFoundError:
        return ""


def _bgr(rgb: Pixels) -> Pixels:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)  # type: ignore[return-value]
