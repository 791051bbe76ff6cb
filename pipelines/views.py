"""The photo that a picture is drawn on, as it is decoded for that picture."""

from collections import Counter
from collections.abc import Iterable

from curate.picture import BadImage
from pipelines.photo_order import FittingOrder
from pipelines.photos import PhotoIndex, PhotoInfo, PhotoReader
from render.sample import Cell, View

PHOTO_TRIES = 16
MIN_VIEW = 1.5  # a photo is decoded smaller only while it stays this many times the picture


class Views:
    """The photos of an index in their seeded order, for pictures of the sizes (width, height) px.

    Raises ValueError where a size has no photo that is large enough.
    """

    def __init__(self, index: PhotoIndex, seed: int, sizes_px: Iterable[tuple[int, int]]) -> None:
        self._index, self._reader, self._order = index, PhotoReader(index), FittingOrder(index, seed)
        for size in sizes_px:
            self._order.at(0, size)

    def at(self, position: int, cell: Cell, counts: Counter[str]) -> tuple[PhotoInfo, View]:
        """The photo at a position, or another that is large enough and can be read; the first is counted.

        Raises ValueError where PHOTO_TRIES in a row cannot be read.
        """
        size = cell.width_px, cell.height_px
        for attempt in range(PHOTO_TRIES):
            number, replaces = self._order.at(position, size, attempt)
            if replaces and not attempt:
                counts[f"reject/photo/too small for {size[0]} x {size[1]} px"] += 1
            info = self._index.photo(number)
            reduce = view_reduction(info.width_px, info.height_px, cell)
            try:
                image = self._reader.read(number, reduce)
            except BadImage as error:
                counts[f"fault/photo {info.name}: {error}"] += 1
                continue
            return info, View(
                name=info.name, sha256=info.sha256, reduce=reduce, image=image, has_text=bool(info.text_lines)
            )
        raise ValueError(f"{PHOTO_TRIES} photos in a row cannot be read, the last {info.name}: index the photos again")


def view_reduction(width_px: int, height_px: int, cell: Cell) -> int:
    """By how much (1, 2, 4 or 8) a photo may be decoded smaller and still leave choice for the crop."""
    for reduce in (8, 4, 2):
        if min(width_px // reduce / cell.width_px, height_px // reduce / cell.height_px) >= MIN_VIEW:
            return reduce
    return 1
