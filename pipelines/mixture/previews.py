"""Small pictures of each configuration for the card: whole images, and a part of each at its own pixels."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.picture import BadImage, decode
from pipelines.mixture.statistics import Part, part_folder
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.rows import spread

Image = NDArray[np.uint8]
CELL_PX, GAP_PX, CAPTION_PX = 160, 6, 18
NUM_CELLS, PAPER = 4, 225


def write_previews(url: str, parts: list[Part]) -> list[str]:
    """Write previews/CONFIG.png of the training parts and remove others; the names written."""
    root = Folder(url)
    chosen = {f"previews/{part.config}.png": part for part in parts if part.split == "train"}
    for name in root.list("previews").keys() - chosen.keys():
        root.delete(name)
    for name, part in chosen.items():
        root.put(name, preview(part_folder(url, part.split, part.config)))
    return list(chosen)


def preview(folder: Folder) -> bytes:
    """A PNG: above whole images made smaller, below each a part of it with text, or with most detail,
    not resized."""
    rows = _rows(folder)
    sheet = np.full((2 * (CELL_PX + GAP_PX) + CAPTION_PX, NUM_CELLS * (CELL_PX + GAP_PX) - GAP_PX, 3), PAPER, np.uint8)
    place = 0
    for row in rows:
        try:
            rgb = decode(row["image"]["bytes"])
        except BadImage:
            continue
        x = place * (CELL_PX + GAP_PX)
        _paste(sheet, _smaller(rgb), x, 0)
        _paste(sheet, _text(rgb, row["lines"]) if row["lines"] else _detail(rgb), x, CELL_PX + GAP_PX)
        caption = f"{row['width_px']}x{row['height_px']} {row['language']} {row['layout']}"
        at = (x + 2, sheet.shape[0] - 6)
        cv2.putText(sheet, caption, at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (40, 40, 40), 1, cv2.LINE_AA)
        place += 1
    written, data = cv2.imencode(".png", sheet[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert written, "OpenCV writes every small picture as PNG"
    return data.tobytes()


def _rows(folder: Folder) -> list[dict[str, Any]]:
    columns = ["image", "width_px", "height_px", "language", "layout", "lines"]
    with folder.open(shard_name(next(iter(read_manifest(folder))))) as file:
        table = ParquetFile(file).read_row_group(0, columns=columns)
    return [table.slice(number, 1).to_pylist()[0] for number in spread(len(table), NUM_CELLS)]


def _paste(sheet: Image, part: Image, x: int, y: int) -> None:
    height, width = part.shape[:2]
    left, top = x + (CELL_PX - width) // 2, y + (CELL_PX - height) // 2
    sheet[top : top + height, left : left + width] = part


def _smaller(rgb: Image) -> Image:
    scale = min(1.0, CELL_PX / max(rgb.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in rgb.shape[1::-1])
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _text(rgb: Image, lines: Sequence[dict[str, Any]]) -> Image:
    """A square of CELL_PX around the middle one of the lines."""
    middle = np.array(lines[len(lines) // 2]["quad_px"]).mean(0)
    height, width = rgb.shape[:2]
    x, y = (
        int(np.clip(at - CELL_PX / 2, 0, max(0, side - CELL_PX)))
        for at, side in zip(middle, (width, height), strict=True)
    )
    return rgb[y : y + CELL_PX, x : x + CELL_PX]


def _detail(rgb: Image) -> Image:
    """The square of CELL_PX, or less where the image is smaller, that holds the strongest edges."""
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1).astype(np.float32)
    slopes = cv2.boxFilter(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), -1, (CELL_PX, CELL_PX))
    half = CELL_PX // 2
    inside = slopes[half : max(half + 1, rgb.shape[0] - half), half : max(half + 1, rgb.shape[1] - half)]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape) if inside.size else (0, 0)
    return rgb[int(y) : int(y) + CELL_PX, int(x) : int(x) + CELL_PX]
