"""Contact sheets: pictures of a dataset side by side at their own size, each with its caption."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.shards.codec import decode, encode
from pipelines.shards.files import shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.parquet import ParquetFile
from pipelines.shards.record import Record
from pipelines.shards.rows import rows_of_shard

Image = NDArray[np.uint8]
CELL_PX, CAPTION_PX, GAP_PX = 512, 18, 8
NUM_CELLS = 12
MAX_FACE = 22  # characters of a face's name that a cell has room for
KEYS = ("band", "language", "layout")  # by which rows are chosen


def lay_out(pictures: Sequence[tuple[Image, str]], columns: int = 4) -> Image:
    """Pictures (cut to 512 px, never resized: small text must stay as it is) with captions, in rows."""
    cells = [_cell(image, caption) for image, caption in pictures]
    wide, high = max(c.shape[1] for c in cells), max(c.shape[0] for c in cells)
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    sheet = np.full((rows * (high + GAP_PX) + GAP_PX, columns * (wide + GAP_PX) + GAP_PX, 3), 245, np.uint8)
    for i, cell in enumerate(cells):
        y, x = GAP_PX + i // columns * (high + GAP_PX), GAP_PX + i % columns * (wide + GAP_PX)
        sheet[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return sheet


def _cell(image: Image, caption: str) -> Image:
    part = image[:CELL_PX, :CELL_PX]
    cell = np.full((part.shape[0] + CAPTION_PX, part.shape[1], 3), 245, np.uint8)
    cell[CAPTION_PX:] = part
    cv2.putText(cell, caption, (0, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return cell


def caption_of(row: dict[str, Any]) -> str:
    """A row's band, language, layout, body size and face, as much as a cell holds."""
    lines = row["lines"]
    body: dict[str, Any] = lines[len(lines) // 2] if lines else {"face": "", "size_px": 0.0}
    return f"{row['band']} px  {row['language']}  {row['layout']}  {body['size_px']:.1f}  {shortened(body['face'])}"


def shortened(face: str) -> str:
    """A face's name, its middle left out where a cell has no room for all of it: the weight stands at its end."""
    return face if len(face) <= MAX_FACE else f"{face[: MAX_FACE - 9]}..{face[-7:]}"


def preview_of(records: Sequence[Record]) -> bytes:
    """A PNG contact sheet of records."""
    pictures = []
    for record in records:
        lines = [{"face": line.face, "size_px": line.size_px} for line in record.lines]
        row = {"band": record.band, "language": record.language, "layout": record.layout, "lines": lines}
        pictures.append((decode(record.image), caption_of(row)))
    return encode(lay_out(pictures))


def contact_sheet(folder: Folder) -> bytes:
    """A PNG contact sheet of the first shard: bands and languages in turn, as evenly as the shard allows."""
    with folder.open(shard_name(0)) as file:
        keys = ParquetFile(file).read(columns=KEYS).to_pylist()
    chosen = varied(keys, NUM_CELLS)
    rows = dict(zip(sorted(chosen), rows_of_shard(folder, 0, chosen, (*KEYS, "image", "lines")), strict=True))
    return encode(lay_out([(decode(rows[i]["image"]["bytes"]), caption_of(rows[i])) for i in chosen]))


def varied(keys: Sequence[dict[str, str]], count: int) -> list[int]:
    """Up to `count` rows: each next one has the band and language, then the layout, seen least so far."""
    seen: dict[Any, int] = {}
    left, chosen = list(range(len(keys))), list[int]()
    while left and len(chosen) < count:
        best = min(left, key=lambda i: (seen.get(_pair(keys[i]), 0), seen.get(keys[i]["layout"], 0), i))
        left.remove(best)
        chosen.append(best)
        for key in (_pair(keys[best]), keys[best]["layout"]):
            seen[key] = seen.get(key, 0) + 1
    return sorted(chosen, key=lambda i: (float(keys[i]["band"].split("-")[0]), keys[i]["language"]))


def _pair(key: dict[str, str]) -> tuple[str, str]:
    return key["band"], key["language"]
