"""Characters of a chart to be told apart from their look-alikes: where each is, what is under it, ten candidates.

With `under` (h, w, 3) what a target's box holds without the target, its neighbours included, c (h, w) the coverage of
one candidate and ink (3,), all bytes, the chart with that candidate in the target's place is, in whole numbers,

    weight = c + c // 128
    (under * (256 - weight) + ink * weight + 128) // 256

and with the true candidate it is the chart's own pixels, byte for byte.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fonts.catalog import Catalog
from pipelines.acuity_charts.lookalikes import LookAlikes, look_alikes
from render.blit import ALPHA, Placed, blit
from render.colour import to_rgb
from render.glyphs import Instance, MaskCache, Masks
from render.scene import Block, Scene
from render.typeset import Typeset, typeset

Image = NDArray[np.uint8]
Ints = NDArray[np.int32]
NUM_CANDIDATES = 10
PAD_PX = 2  # of a box around all that any candidate draws
LEAST_DIFFERENCE = 0.05  # of two candidates: squared difference of coverage to the target's squared coverage
TARGET = pa.struct(
    [
        ("char", pa.string()),
        ("candidates", pa.string()),
        ("truth", pa.int8()),
        ("x", pa.int16()),
        ("y", pa.int16()),
        ("width", pa.int16()),
        ("height", pa.int16()),
        ("line", pa.int16()),
    ]
)
_masks = MaskCache()  # of this process: pure in its keys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """A character and its candidates, of which number `truth` is the character itself. The box's top left is x, y px;
    under (h, w, 3), coverages (10, h, w)."""

    char: str
    candidates: str
    truth: int
    x: int
    y: int
    line: int
    under: Image
    coverages: Image

    def row(self) -> dict[str, object]:
        """The target as a row of TARGET."""
        height, width = self.under.shape[:2]
        plain = {name: getattr(self, name) for name in ("char", "candidates", "truth", "x", "y", "line")}
        return plain | {"width": width, "height": height}


def compose(under: Image, coverage: Image, ink: NDArray[np.uint8]) -> Image:
    """One candidate (h, w) in place, as the module says."""
    weight = (coverage.astype(np.int32) + (coverage >> 7))[..., None]
    return np.asarray((under * (256 - weight) + ink.astype(np.int32) * weight + 128) >> 8, np.uint8)


def _settled(under: Image, coverage: Image, ink: NDArray[np.uint8], image: Image) -> Image | None:
    """`under` with which the true candidate gives the chart's own pixels. Where antialiased edges of neighbours
    overlap, rounding depends on the order they are drawn in, and `under` takes up a difference of 1 or 2; None
    where that does not do."""
    under = under.copy()
    for step in (0, 1, -1, 2, -2):
        moved = np.clip(under.astype(np.int32) + step, 0, 255).astype(np.uint8)
        wrong = compose(under, coverage, ink) != image
        if not wrong.any():
            return under
        mended = wrong & (compose(moved, coverage, ink) == image)
        under[mended] = moved[mended]
    return under if np.array_equal(compose(under, coverage, ink), image) else None


class _Line(NamedTuple):
    """One line as drawn: the block's glyphs, their masks, and which characters look alike in its face."""

    block: Block
    done: Typeset
    masks: Masks
    placed: Placed
    alike: LookAlikes


class _Place(NamedTuple):
    """A glyph of a line, and the number of its character among those that look alike."""

    line: int
    glyph: int
    char: int


class Chart:
    """A drawn chart of which targets are taken.

    ground, image (h, w, 3): the picture before and after its text was drawn, each line a block of the scene.
    """

    def __init__(self, scene: Scene, ground: Image, image: Image, faces: Catalog) -> None:
        self._ground, self._image = ground, image
        self.ink = to_rgb(scene.paints[0].inks[0])
        self._lines = [_laid_out(block, faces) for block in scene.blocks]

    def targets(self, most: int, rng: np.random.Generator, counts: Counter[str]) -> list[Target]:
        """Up to `most` characters, drawn by chance, in reading order; counts says why others were left out."""
        places = [place for i, line in enumerate(self._lines) for place in _standing_alone(i, line)]
        found: dict[_Place, Target] = {}
        for number in rng.permutation(len(places)):
            target = self._target(places[number], rng)
            if isinstance(target, str):
                counts[f"left out/{target}"] += 1
            else:
                found[places[number]] = target
            if len(found) == most:
                break
        return [found[place] for place in sorted(found)]

    def _target(self, place: _Place, rng: np.random.Generator) -> Target | str:
        """The target at a place, or why there is none."""
        line = self._lines[place.line]
        found = _candidates(line, place)
        if found is None:
            return "fewer than nine look-alikes that differ at this size"
        truth = int(rng.integers(NUM_CANDIDATES))
        order = [*range(1, truth + 1), 0, *range(truth + 1, NUM_CANDIDATES)]
        (left, top), coverages = _stacked(line.masks, found[1][order], PAD_PX)
        x, y = int(line.placed[1][place.glyph]) + left, int(line.placed[2][place.glyph]) + top
        height, width = coverages.shape[1:]
        if x < 0 or y < 0 or x + width > self._image.shape[1] or y + height > self._image.shape[0]:
            return "at the edge"
        inside = np.s_[y : y + height, x : x + width]
        under = _settled(self._without(place)[inside], coverages[truth], self.ink, self._image[inside])
        if under is None:
            return "runs into its neighbour"
        characters = [line.alike.characters[char] for char in found[0]]
        return Target(
            char=characters[0],
            candidates="".join(characters[k] for k in order),
            truth=truth,
            x=x,
            y=y,
            line=place.line,
            under=under,
            coverages=coverages,
        )

    def _without(self, place: _Place) -> Image:
        """The chart without one glyph."""
        canvas = self._ground.copy()
        for i, line in enumerate(self._lines):
            rows, x, y = line.placed
            keep = np.arange(len(rows)) != (place.glyph if i == place.line else -1)
            inks = np.broadcast_to(self.ink, (int(keep.sum()), 3))
            blit(canvas, line.masks.atlas, (rows[keep], x[keep], y[keep]), inks, (np.int32(255), ALPHA))
        return canvas


def _laid_out(block: Block, faces: Catalog) -> _Line:
    face, done = faces[block.face], typeset(block, faces)
    masks = _masks[Instance(face=face, size_px=block.size_px, raster=block.raster)]
    return _Line(block, done, masks, masks.at(done.glyph_ids, done.x, done.y), look_alikes(face, block.language))


def _standing_alone(number: int, line: _Line) -> Iterator[_Place]:
    """The glyphs that are one common character each, as it looks by itself: no ligature, no other form."""
    clusters = line.done.clusters.tolist()
    known = line.alike.numbers
    for k, cluster in enumerate(clusters):
        char = known.get(line.block.text[cluster], -1)
        alone = clusters.count(cluster) == 1 and (k + 1 == len(clusters) or clusters[k + 1] == cluster + 1)
        if alone and char >= 0 and line.alike.glyph_ids[char] == line.done.glyph_ids[k]:
            yield _Place(number, k, char)


def _candidates(line: _Line, place: _Place) -> tuple[list[int], Ints] | None:
    """The character and the nine that look most like it and are drawn otherwise at this size, as their numbers and
    the rows of their masks; None where there are not nine."""
    chars = np.array([place.char, *line.alike.near[place.char]])
    x, y = (np.full(len(chars), axis[place.glyph]) for axis in (line.done.x, line.done.y))
    rows = line.masks.at(line.alike.glyph_ids[chars], x, y)[0]
    drawn = _stacked(line.masks, rows, 0)[1].astype(np.float64)
    differs = ((drawn - drawn[0]) ** 2).sum(axis=(1, 2)) >= LEAST_DIFFERENCE * (drawn[0] ** 2).sum()
    differs[0] = True
    chosen = np.flatnonzero(differs)[:NUM_CANDIDATES]
    return (chars[chosen].tolist(), rows[chosen]) if len(chosen) == NUM_CANDIDATES else None


def _stacked(masks: Masks, rows: Ints, pad: int) -> tuple[tuple[int, int], Image]:
    """Masks in one box (n, h, w) around them all, `pad` px wider on each side; its left and top, px from the pen."""
    boxes = masks.boxes[rows]
    corner = boxes[:, 3:5].min(axis=0) - pad
    width, height = (boxes[:, 3:5] + boxes[:, 1:3]).max(axis=0) + pad - corner
    stack = np.zeros((len(rows), height, width), np.uint8)
    for layer, (first, w, h, left, top) in zip(stack, boxes.tolist(), strict=True):
        x, y = left - int(corner[0]), top - int(corner[1])
        layer[y : y + h, x : x + w] = masks.bytes[first : first + w * h].reshape(h, w)
    return (int(corner[0]), int(corner[1])), stack


def sheets(targets: Sequence[Target]) -> tuple[Image, Image]:
    """All targets' pictures in two: `under` as rows of one RGB picture, coverages as rows of ten cells in a grey one.

    Every cell is as large as the largest box; a target's own box is at its top left, the rest is 0.
    """
    height, width = (max((t.under.shape[i] for t in targets), default=1) for i in (0, 1))
    num = max(1, len(targets))
    under = np.zeros((num, height, width, 3), np.uint8)
    coverages = np.zeros((num, height, NUM_CANDIDATES, width), np.uint8)
    for i, target in enumerate(targets):
        h, w = target.under.shape[:2]
        under[i, :h, :w] = target.under
        coverages[i, :h, :, :w] = target.coverages.transpose(1, 0, 2)
    return under.reshape(num * height, width, 3), coverages.reshape(num * height, NUM_CANDIDATES * width)
