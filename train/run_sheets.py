"""A run's sample sheets as columns: an original, and below it its reconstructions as training went on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.pictures import Picture
from pipelines.shards.codec import decode, encode
from train.log import Line
from train.samples import FOLDER, GAP_PX, NUM_PER_COMPONENT, ZOOM

SHEETS = 4  # shown, evenly apart, the first and the last among them
TILE_PX = 256  # on the page, or the crop's own size where that is more
Pixels = NDArray[np.uint8]


def columns(out: Path, evals: Sequence[Line]) -> list[list[Picture]]:
    """For each image of the sheets its original, and its reconstructions with the images seen by then, each named by
    its component; nothing where there is no sheet."""
    paths = _some(sorted(path for path in (out / FOLDER).glob("*.png") if path.stem.isdecimal()))
    sheets = {int(path.stem): _tiles(decode(path.read_bytes())) for path in paths}
    if not sheets:
        return []
    num_columns = min(map(len, sheets.values()))
    names = _names(evals, num_columns)
    return [
        [
            _picture(next(iter(sheets.values()))[i][0], f"{names[i]}, original"),
            *(_picture(tiles[i][1], f"{seen:,} images seen") for seen, tiles in sheets.items()),
        ]
        for i in range(num_columns)
    ]


def _some(paths: Sequence[Path]) -> Sequence[Path]:
    """SHEETS of the sheets, evenly apart, the first and the last among them."""
    if len(paths) <= SHEETS:
        return paths
    return [paths[round(i * (len(paths) - 1) / (SHEETS - 1))] for i in range(SHEETS)]


def _tiles(sheet: Pixels) -> list[tuple[Pixels, Pixels]]:
    """Original and reconstruction of each column of a sheet, at their own size."""
    side, own = sheet.shape[0] // 2, sheet[::ZOOM, ::ZOOM]
    starts = range(0, sheet.shape[1], side + GAP_PX)
    tiles = [own[:, start // ZOOM : (start + side) // ZOOM] for start in starts]
    return [(tile[: side // ZOOM], tile[side // ZOOM :]) for tile in tiles]


def _names(evals: Sequence[Line], num_columns: int) -> list[str]:
    """The component of each column, as far as the log tells how many crops of each there are."""
    last: Mapping[str, float] = evals[-1] if evals else {}
    counts = {key.partition("/")[2]: int(n) for key, n in last.items() if key.startswith("crops/")}
    names = [name for name, count in counts.items() for _ in range(min(NUM_PER_COMPONENT, count))]
    return names if len(names) == num_columns else [f"image {i + 1}" for i in range(num_columns)]


def _picture(pixels: Pixels, caption: str) -> Picture:
    height_px, width_px = pixels.shape[:2]
    data = encode(np.ascontiguousarray(pixels))
    return Picture(data=data, width_px=width_px, height_px=height_px, caption=caption, zoom=max(1, TILE_PX // width_px))
