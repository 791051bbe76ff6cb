"""Reading text from pixels: one interface, rapidocr (PP-OCR models, in its wheel) behind it, others by name."""

import hashlib
from collections.abc import Sequence
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
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
        """Package and models with versions or hashes, for records: another reads otherwise."""
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


MAX_SIDE_PX = 32_766  # of a picture that OpenCV can warp
MARGIN_PX = 4


def cut_line(rgb: Pixels, quad: Quads) -> Pixels:
    """The picture of one line, upright; a line 1.5 times as high as wide is turned to lie."""
    width = max(1, round(float(max(_length(quad, 0, 1), _length(quad, 3, 2)))))
    height = max(1, round(float(max(_length(quad, 0, 3), _length(quad, 1, 2)))))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    if max(rgb.shape[:2]) > MAX_SIDE_PX:
        rgb, quad = _around(rgb, quad)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    line = cv2.warpPerspective(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.rot90(line) if height >= 1.5 * width else line).astype(np.uint8, copy=False)


def _around(rgb: Pixels, quad: Quads) -> tuple[Pixels, Quads]:
    """The part of a picture that a line lies in, and the line's quad there."""
    height, width = rgb.shape[:2]
    left, top = np.clip(np.floor(quad.min(axis=0)).astype(int) - MARGIN_PX, 0, (width - 1, height - 1))
    right, bottom = np.ceil(quad.max(axis=0)).astype(int) + MARGIN_PX
    return rgb[top : max(bottom, top + 1), left : max(right, left + 1)], quad - np.array([left, top], quad.dtype)


def _length(quad: Quads, start: int, end: int) -> float:
    return float(np.linalg.norm(quad[start] - quad[end]))


class RapidOcr:
    """rapidocr on one thread; its models are loaded on first use.

    min_side_px: pictures whose short side is smaller are enlarged to it before detection (32: never).
    min_score: what a detected box must score, 0 to 1. device: "cpu" or "gpu" (CUDA).
    Raises ModuleNotFoundError naming what to install where rapidocr, or for "gpu" CUDA, is missing.
    """

    def __init__(self, *, min_side_px: int = 736, min_score: float = 0.5, device: str = "cpu") -> None:
        if not is_installed():
            raise ModuleNotFoundError(f"rapidocr is not installed: {INSTALL}")
        check_device(device)
        self._options = {
            "Det.limit_side_len": min_side_px,
            "Det.limit_type": "min",
            "Det.box_thresh": min_score,
            "EngineConfig.onnxruntime.use_cuda": device == "gpu",
        }

    @property
    def version(self) -> str:
        models = (f"{path.stem} {file_hash(path)}" for path in rapidocr_models().values())
        return f"{engine_version()} ({', '.join(models)})"

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        return RapidOCR(params=ONE_THREAD | self._options)

    def detect(self, rgb: Pixels) -> Quads:
        found = self._engine(bgr(rgb), use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        return np.asarray(found.boxes, np.float32).reshape(-1, 4, 2)

    def recognise(self, lines: Sequence[Pixels]) -> list[tuple[str, float]]:
        if not lines:
            return []
        read = self._engine.recognize_txt([bgr(line) for line in lines])
        return [(text, float(score)) for text, score in zip(read.txts, read.scores, strict=True)]

    def read(self, rgb: Pixels) -> list[Reading]:
        found = self._engine(bgr(rgb), use_det=True, use_cls=False, use_rec=True)
        if found.boxes is None or found.txts is None:
            return []
        quads = np.asarray(found.boxes, np.float32).reshape(-1, 4, 2)
        return list(zip(quads, found.txts, map(float, found.scores), strict=True))


ENGINES = ("rapidocr", "paddleocr")
DEVICES = ("cpu", "gpu")
DOUBTFUL = 0.4  # a box's score from which it is found: reading decides
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


def rapidocr_models() -> dict[str, Path]:
    """The model files that rapidocr carries, "det" (finds lines) and "rec" (reads them)."""
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"rapidocr is not installed: {INSTALL}")
    folder = Path(spec.origin).parent / "models"
    return {stage: sorted(folder.glob(f"PP-OCR*_{stage}_*.onnx"))[-1] for stage in ("det", "rec")}


@cache
def file_hash(path: Path) -> str:
    """The first 12 digits of a file's sha256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def open_engine(name: str = "rapidocr", *, models: str = "", min_side_px: int = 32, device: str = "cpu") -> OcrEngine:
    """The engine of a name, "rapidocr" or "paddleocr"; models: a folder of PaddleOCR's, made by
    `curate.paddle.build_models` or exported by its users. By default neither enlarges what it is given.

    Raises ValueError for another name or device, ModuleNotFoundError naming what to install.
    """
    if name == "rapidocr":
        return RapidOcr(min_side_px=min_side_px, min_score=DOUBTFUL, device=device)
    if name == "paddleocr":
        from curate.paddle import PaddleOcr

        return PaddleOcr(models, min_side_px=min_side_px, min_score=DOUBTFUL, device=device)
    raise ValueError(f"no OCR engine is called {name!r}: use {', '.join(ENGINES)}")


def check_device(device: str) -> None:
    """Raises ValueError for an unknown device, ModuleNotFoundError where onnxruntime cannot use the GPU."""
    if device not in DEVICES:
        raise ValueError(f"device is {device!r}: use {' or '.join(DEVICES)}")
    if device == "gpu":
        from onnxruntime import get_available_providers

        if "CUDAExecutionProvider" not in get_available_providers():
            raise ModuleNotFoundError(
                "this onnxruntime has no CUDA: pip uninstall onnxruntime && pip install onnxruntime-gpu"
            )


def bgr(rgb: Pixels) -> Pixels:
    """The same picture with its channels in the order that OCR packages take."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)  # type: ignore[return-value]
