"""Images that are evaluated and never trained on: the same crops at every evaluation, some of every kind and size."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from train.curriculum import COMPONENTS, GRID_PX
from train.feeding.corpus import Corpus
from train.feeding.crops import BadImage, Cut, crop
from train.feeding.labels import fullest, line_boxes

ROWS_PER_HELD_OUT = 10  # where a kind lies in single shards, one in so many of its rows is held out at most
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """Crops (n, 3, side, side) of bytes, with the component and the name of each; the images that gave none; and all
    that were asked for."""

    images: torch.Tensor
    components: tuple[str, ...]
    names: tuple[str, ...]
    left_out: tuple[str, ...]  # name and cause
    asked: tuple[str, ...]  # names

    def of(self, component: str) -> list[int]:
        """The numbers of a component's images."""
        return [i for i, name in enumerate(self.components) if name == component]


def hold_out(corpus: Corpus, num_rows: int) -> tuple[Rows, Rows]:
    """Rows that training does without, and up to `num_rows` of each kind and band among them to evaluate.

    The last shard of each folder that has two; of each kind and band that no such shard holds a tenth, at least one and
    at most `num_rows`, evenly apart.
    """
    away = corpus.last_shards()
    others = np.flatnonzero(~np.isin(corpus.codes, np.unique(corpus.codes[away])))
    few = others[:0]
    for code in np.unique(corpus.codes[others]):
        rows = others[corpus.codes[others] == code]
        few = np.union1d(few, corpus.spread(max(1, min(num_rows, len(rows) // ROWS_PER_HELD_OUT)), rows))
    return np.union1d(away, few), np.union1d(corpus.spread(num_rows, away), few)


def read_held_out(corpus: Corpus, rows: Rows, *, side_px: int, factor: int) -> HeldOut:
    """A square of each image, side_px or, where most of a component are smaller, less for all.

    Text is cut at its own resolution, where the row's lines say that most characters are, else in the middle; general
    images are first reduced to just cover the square, and cut in the middle. Images that are smaller
    than the crop are left out; those that cannot be read too, and named. Raises ValueError where nothing is left.
    """
    side, large = _side(corpus, rows, side_px, max(GRID_PX, factor))
    rows = rows[large]
    images, components, names, left_out = [], [], [], []
    rows = rows[np.argsort(corpus.codes[rows], kind="stable")]  # by component, as COMPONENTS has them
    asked = tuple(corpus.name_of(row).rpartition("/")[2] for row in rows.tolist())
    places = _places(corpus, rows, side)
    for row, name, data in zip(rows.tolist(), asked, corpus.read(rows.tolist()), strict=True):
        component = COMPONENTS[corpus.codes[row]]
        down, right = places.get(row, (0.5, 0.5))
        cut = Cut(size=(side, side), native=component != "general", down=down, right=right, mirrored=False)
        try:
            pixels = crop(data, cut)
        except BadImage as fault:
            left_out.append(f"{corpus.name_of(row)}: {fault}")
            continue
        images.append(torch.from_numpy(pixels.transpose(2, 0, 1).copy()))
        components.append(component)
        names.append(name)
    if not images:
        raise ValueError(f"of {len(rows)} rows to evaluate none gives a crop of {side} px: name others with --held-out")
    return HeldOut(
        images=torch.stack(images),
        components=tuple(components),
        names=tuple(names),
        left_out=tuple(left_out),
        asked=asked,
    )


def _places(corpus: Corpus, rows: Rows, side: int) -> dict[int, tuple[float, float]]:
    """Where to cut pages whose sizes and lines are known, as shares of the room there is from the top and from the
    left."""
    known = np.minimum(corpus.height_px[rows], corpus.width_px[rows]) >= side
    pages = rows[known & (corpus.codes[rows] != COMPONENTS.index("general"))].tolist()
    places = {}
    for row, boxes in line_boxes(corpus, pages).items():
        if len(boxes):
            height_px, width_px = int(corpus.height_px[row]), int(corpus.width_px[row])
            top, left = fullest(boxes, (height_px, width_px), side)
            places[row] = (top + 0.5) / (height_px - side + 1), (left + 0.5) / (width_px - side + 1)
    return places


def _side(corpus: Corpus, rows: Rows, side_px: int, step: int) -> tuple[int, NDArray[np.bool_]]:
    """The side of a square that half of each component's images hold, at most side_px and a multiple of step; and which
    rows hold it, as far as their sizes are known."""
    short = np.minimum(corpus.width_px[rows], corpus.height_px[rows]).astype(np.int64)
    short[short == 0] = side_px
    halves = [np.sort(short[corpus.codes[rows] == code])[::-1] for code in np.unique(corpus.codes[rows])]
    most = min([side_px, *(int(sides[(len(sides) - 1) // 2]) for sides in halves)])
    side = max(step, most // step * step)
    return side, short >= min(side, most)
