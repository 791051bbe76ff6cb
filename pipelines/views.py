"""The photo that a picture is drawn on, as it is decoded for that picture."""

from collections import Counter
from collections.abc import Iterable
from itertools import count

from curate.picture import BadImage
from pipelines.photos import PhotoIndex, PhotoInfo, PhotoOrder, PhotoReader
from render.sample import Cell, View

PHOTO_TRIES = 16
MIN_VIEW = 1.5  # a photo is decoded smaller only while it stays this many times the picture


class Views:
    """The photos of an index in their seeded order, for pictures of the sizes (width, height) px.

    Raises ValueError where a size has no photo that is large enough.
    """

    def __init__(self, index: PhotoIndex, seed: int, sizes_px: Iterable[tuple[int, int]]) -> None:
        self._index, self._reader, self._order = index, PhotoReader(index), PhotoOrder(index, seed)
        self._fits = {size: index.fits(*size) for size in sizes_px}
        for (width, height), fits in self._fits.items():
            if not fits.any():
                raise ValueError(
                    f"no photo of the {len(index):,} accepted is at least {width} x {height} px, as a picture of that "
                    f"size needs: give larger photos, or another --image-size"
                )

    def at(self, position: int, cell: Cell, counts: Counter[str]) -> tuple[PhotoInfo, View]:
        """The photo at a position, or the next one that is large enough and can be read; the others are counted.

        Raises ValueError where PHOTO_TRIES cannot be read.
        """
        fits, tries = self._fits[cell.width_px, cell.height_px], 0
        for attempt in count():
            number = self._order.at(position, attempt)
            if not fits[number]:
                counts[f"reject/photo/too small for {cell.width_px} x {cell.height_px} px"] += 1
                continue
            if tries == PHOTO_TRIES:
                break
            info, tries = self._index.photo(number), tries + 1
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
