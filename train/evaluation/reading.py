"""Text on images, read once: an OCR engine in processes of its own, and what it read on disk by the pixels' sha256."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from math import ceil, floor
from multiprocessing import get_context
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.ocr import ENGINES, OcrEngine, RapidOcr, is_installed
from pipelines.children import deaf_to_interrupts, leave_with_parent, usable_cpus
from train.evaluation.reading_cache import ReadingCache

Pixels = NDArray[np.uint8]
Batches = Callable[[list[str], list[Pixels]], Iterator[tuple[list[str], list[Pixels]]]]
LINES_AT_ONCE = 16
# What the packages do by themselves, and so the official evaluator: the short side that images are enlarged to before
# lines are sought, and the score from which a box counts.
DEFAULTS = {"rapidocr": (736, 0.5), "paddleocr": (64, 0.6)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that was found and read: corners (x, y) in px from the top left clockwise, text, confidence 0 to 1."""

    quad_px: tuple[tuple[float, float], ...]
    text: str
    confidence: float

    @property
    def box_px(self) -> tuple[int, int, int, int]:
        """x, y, width and height of the upright box around it."""
        xs, ys = zip(*self.quad_px, strict=True)
        x, y = floor(min(xs)), floor(min(ys))
        return x, y, ceil(max(xs)) - x, ceil(max(ys)) - y


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine by name; models: folder of PaddleOCR's models (det/ and rec/); device: "cpu" or "gpu"."""

    name: str = "rapidocr"
    models: str = ""
    device: str = "cpu"

    def open(self) -> OcrEngine:
        """Raises ValueError for another name or missing models, ModuleNotFoundError naming what to install."""
        if self.name not in ENGINES:
            raise ValueError(f"no OCR engine is called {self.name!r}: use {' or '.join(ENGINES)}")
        min_side_px, min_score = DEFAULTS[self.name]
        if self.name == "rapidocr":
            return RapidOcr(min_side_px=min_side_px, min_score=min_score, device=self.device)
        from curate.paddle import PaddleOcr

        return PaddleOcr(self.models, min_side_px=min_side_px, min_score=min_score, device=self.device)


class Reader:
    """Reads text from images (h, w, 3), uint8 RGB. What was read before, by whatever run, comes from the cache.

    cache: folder, by default $SMALLPRINT_CACHE or ~/.cache/smallprint; runs may share it at the same time.
    workers: processes that read, 0: this one, -1: one a CPU. The texts are the same from any number.
    Use it in a `with` block, which ends the processes. Raises as `EngineChoice.open`.
    """

    def __init__(
        self, engine: str = "rapidocr", *, models: str = "", device: str = "cpu", cache: str = "", workers: int = 0
    ) -> None:
        if workers < -1:
            raise ValueError(f"workers is {workers}: give at least -1 (one a CPU); 0 reads in this process")
        self._choice = EngineChoice(name=engine, models=models, device=device)
        opened = self._choice.open()
        self.version = "{}, short side from {} px, boxes from {}".format(opened.version, *DEFAULTS[engine])
        self.num_read = 0  # images and lines that the engine itself has read
        self._serve = _Server(opened)
        self.num_workers = usable_cpus() if workers == -1 else workers
        self._store = ReadingCache(cache, self.version)

    def read(self, images: Sequence[Pixels]) -> list[str]:
        """The text of each image; see `joined`."""
        return [joined(lines) for lines in self.read_lines(images)]

    def read_lines(self, images: Sequence[Pixels]) -> list[list[Line]]:
        """The lines found on each image, in the engine's order."""
        return [[_line(values) for values in found] for found in self._through_store("pages", images, _one_each)]

    def recognise(self, lines: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and confidence of each picture of one upright line."""
        return [(text, confidence) for text, confidence in self._through_store("lines", lines, _by_shape)]

    def _through_store(self, kind: str, images: Sequence[Pixels], batches: Batches) -> list[Any]:
        keys = [_key(image) for image in images]
        found = {key: self._store.get(kind, key) for key in set(keys)}
        missing = {key: image for key, image in zip(keys, images, strict=True) if found[key] is None}
        groups = list(batches(list(missing), list(missing.values())))
        for (names, _), results in zip(groups, self._serve_all(kind, [group for _, group in groups]), strict=True):
            for key, result in zip(names, results, strict=True):
                found[key] = result
                self._store.put(kind, key, result)
                self.num_read += 1
        return [found[key] for key in keys]

    def _serve_all(self, kind: str, groups: list[list[Pixels]]) -> Iterator[list[Any]]:
        if not self.num_workers or not groups:
            yield from (self._serve(kind, group) for group in groups)
            return
        try:
            with deaf_to_interrupts():
                results = self._pool.map(_serve, [kind] * len(groups), groups)
            yield from results
        except BrokenProcessPool:
            raise RuntimeError("an OCR worker died, perhaps for want of memory: use fewer workers") from None

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.num_workers, mp_context=get_context("spawn"), initializer=_start, initargs=(self._choice,)
        )

    def close(self) -> None:
        """End the worker processes."""
        if "_pool" in self.__dict__:
            self._pool.shutdown(cancel_futures=True)
            del self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _one_each(keys: list[str], images: list[Pixels]) -> Iterator[tuple[list[str], list[Pixels]]]:
    yield from (([key], [image]) for key, image in zip(keys, images, strict=True))


def _by_shape(keys: list[str], lines: list[Pixels]) -> Iterator[tuple[list[str], list[Pixels]]]:
    """Lines of one shape together. Engines pad a batch to its widest line, which may change what is read: 2 of 15
    lines did, so that a text would depend on its neighbours; and on one CPU thread that padding costs a third more."""
    order = sorted(range(len(keys)), key=lambda i: (lines[i].shape, keys[i]))
    for _, group in groupby(order, key=lambda i: lines[i].shape):
        chosen = list(group)
        for start in range(0, len(chosen), LINES_AT_ONCE):
            part = chosen[start : start + LINES_AT_ONCE]
            yield [keys[i] for i in part], [lines[i] for i in part]


class _Server:
    """Reads with an engine and gives plain values, as they lie in the cache."""

    def __init__(self, engine: OcrEngine) -> None:
        self._engine = engine

    def __call__(self, kind: str, images: list[Pixels]) -> list[Any]:
        if kind == "lines":
            return [[text, round(confidence, 4)] for text, confidence in self._engine.recognise(images)]
        return [[_plain(*found) for found in self._engine.read(image)] for image in images]


def _plain(quad: Any, text: str, confidence: float) -> list[Any]:
    return [np.asarray(quad, np.float64).round(1).tolist(), text, round(confidence, 4)]


def _line(values: Sequence[Any]) -> Line:
    quad, text, confidence = values
    return Line(quad_px=tuple((x, y) for x, y in quad), text=text, confidence=confidence)


_of_this_process: list[_Server] = []


def _start(choice: EngineChoice) -> None:
    """A worker process begins; it ends with the process that wants its answers, however that ends."""
    leave_with_parent()
    cv2.setNumThreads(1)
    _of_this_process.append(_Server(choice.open()))


def _serve(kind: str, images: list[Pixels]) -> list[Any]:
    return _of_this_process[0](kind, images)


def _key(image: Pixels) -> str:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"an image is {image.dtype} {image.shape}: text is read from uint8 RGB (h, w, 3)")
    return sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def joined(lines: Sequence[Line]) -> str:
    """The text of an image: its lines joined by nothing, as the official evaluator does."""
    return "".join(line.text for line in lines)


def engine_installed() -> bool:
    """Whether rapidocr, the engine whose models come with it, can be used; others are opened to know."""
    return is_installed()
