"""The photo that a picture is drawn on, as it is decoded for that picture."""

from collections import Counter

from curate.picture import BadImage
from pipelines.photos import PhotoIndex, PhotoInfo, PhotoOrder, PhotoReader
from render.sample import Cell, View

PHOTO_TRIES = 16
MIN_VIEW = 1.5  # a photo is decoded smaller only while it stays this many times the picture


class Views:
    """The photos of an index in their seeded order."""

    def __init__(self, index: PhotoIndex, seed: int) -> None:
        self._index, self._reader, self._order = index, PhotoReader(index), PhotoOrder(index, seed)

    def at(self, position: int, cell: Cell, counts: Counter[str]) -> tuple[PhotoInfo, View]:
        """The photo at a position, or the next one that can be read; those that cannot are counted.

        Raises ValueError where PHOTO_TRIES in a row cannot.
        """
        for attempt in range(PHOTO_TRIES):
            number = self._order.at(position, attempt)
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
