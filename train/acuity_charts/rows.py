"""Acuity charts as measuring needs them: pixels, lines, and every target's ten candidates in place."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shards.codec import decode
from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.rows import Rows

Pixels = NDArray[np.uint8]
NUM_CANDIDATES = 10
COLUMNS = ("image", "language", "size_px", "ground", "contrast", "ink", "lines", "targets", "under", "coverages")
KIND_COLUMNS = ("language", "size_px", "ground", "contrast")
LINE_MARGIN_PX = 1  # antialiasing reaches a little beyond the box


@dataclass(frozen=True, slots=True)
class Kind:
    """What a chart shows: language, em in px, ground (paper, photo), contrast (dark or light ink)."""

    language: str
    size_px: int
    ground: str
    contrast: str


class Chart:
    """One chart, made of a row of its shard."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._row = row
        self.kind = Kind(row["language"], int(row["size_px"]), row["ground"], row["contrast"])
        self.image: Pixels = decode(row["image"]["bytes"])
        self.texts: list[str] = [line["text"] for line in row["lines"]]
        targets = row["targets"]
        self.truth = np.array([target["truth"] for target in targets], np.int64)
        self.boxes = np.array([[t["x"], t["y"], t["width"], t["height"]] for t in targets], np.int64).reshape(-1, 4)
        self.candidates: list[str] = [target["candidates"] for target in targets]

    def __len__(self) -> int:
        """How many targets there are."""
        return len(self.truth)

    @property
    def cell_px(self) -> tuple[int, int]:
        """Height and width of the largest box."""
        return int(self.boxes[:, 3].max()), int(self.boxes[:, 2].max())

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels of its cell belong to each target's box (n, h, w)."""
        height, width = self.cell_px
        down = np.arange(height)[None, :] < self.boxes[:, 3, None]
        across = np.arange(width)[None, :] < self.boxes[:, 2, None]
        return np.asarray(down[:, :, None] & across[:, None, :])

    @cached_property
    def under(self) -> Pixels:
        """What each target's box holds without it (n, h, w, 3), 0 beyond the box."""
        return decode(self._row["under"]["bytes"]).reshape(len(self), *self.cell_px, 3)

    @cached_property
    def rendered(self) -> Pixels:
        """Every candidate in its target's place (n, 10, h, w, 3), as the charts' card says; 0 beyond the box."""
        height, width = self.cell_px
        sheet = decode(self._row["coverages"]["bytes"])[..., 0]
        cover = sheet.reshape(len(self), height, NUM_CANDIDATES, width).transpose(0, 2, 1, 3).astype(np.int32)
        weight = (cover + (cover >> 7))[..., None]
        ink = np.frombuffer(bytes.fromhex(self._row["ink"][1:]), np.uint8).astype(np.int32)
        return np.asarray((self.under[:, None] * (256 - weight) + ink * weight + 128) >> 8, np.uint8)

    def cells(self, image: NDArray[Any]) -> NDArray[Any]:
        """Each target's cell (n, h, w, 3) of an image of the chart's size; 0 beyond the box."""
        height, width = self.cell_px
        padded = np.pad(image, ((0, height), (0, width), (0, 0)))
        cells = np.stack([padded[y : y + height, x : x + width] for x, y in self.boxes[:, :2].tolist()])
        return np.asarray(cells * self.inside[..., None])

    def line_pictures(self, image: Pixels, most: int) -> list[Pixels]:
        """Up to `most` lines, evenly spread, cut out of an image of the chart's size."""
        quads = [np.asarray(self._row["lines"][i]["quad_px"]) for i in self.chosen_lines(most)]
        corners = [(quad.min(axis=0) - LINE_MARGIN_PX, quad.max(axis=0) + LINE_MARGIN_PX) for quad in quads]
        boxes = [(np.maximum(np.floor(low), 0).astype(int), np.ceil(high).astype(int)) for low, high in corners]
        return [np.ascontiguousarray(image[y0:y1, x0:x1]) for (x0, y0), (x1, y1) in boxes]

    def chosen_lines(self, most: int) -> list[int]:
        """The numbers of the lines that `line_pictures` cuts."""
        count = min(most, len(self.texts))
        return [i * len(self.texts) // count for i in range(count)]


class Charts:
    """The charts of a folder that `pipelines/acuity.py` made, in order.

    Raises ValueError where there is none, one of its shards is not whole, or the folder holds something else.
    """

    def __init__(self, url: str) -> None:
        folder = Folder(url)
        self._rows = Rows(folder)
        if missing := sorted(set(COLUMNS) - set(self._rows.columns)):
            raise ValueError(f"{url} has no columns {', '.join(missing)}: name a folder that pipelines/acuity.py made")
        if torn := sorted(folder.list("data").keys() - set(map(shard_name, self._rows.shards))):
            raise ValueError(f"{url}/{torn[0]} is not whole: give the command again that made the charts")
        infos = read_manifest(folder).values()
        self.identity = sha256("".join(info.sha256 for info in infos).encode()).hexdigest()[:16]
        self.shards: list[list[Any]] = [[info.sha256[:16], info.num_rows] for info in infos]
        self.kinds = tuple(Kind(**row) for table in self._rows.tables(KIND_COLUMNS) for row in table.to_pylist())

    def __len__(self) -> int:
        return len(self._rows)

    def part(self, start: int, stop: int) -> list[Chart]:
        """Some of them, by number."""
        numbers = range(start, min(stop, len(self)))
        return [Chart(row) for row in self._rows.take(numbers, COLUMNS)]
