"""Where the text of an image lies, by the labels of its row: for crops that are to show some."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.shards.images import PARQUET_FAULTS
from pipelines.shards.parquet import ParquetFile
from train.curriculum import Size
from train.feeding.corpus import Corpus
from train.feeding.parquet import Shard

LINES, QUAD = "lines", "quad_px"  # a list of structs with corners (4, 2), x before y, in px
Boxes = NDArray[np.float64]  # (k, 4): left, top, right, bottom, in px


def line_boxes(corpus: Corpus, row: int) -> Boxes:
    """The upright boxes (k, 4) of a row's lines; none where its shard has no such labels or cannot be read."""
    group = int(corpus.groups_of(np.array([row]))[0])
    shard, place = corpus.group_places[group].tolist()
    lines = _lines(corpus.shards[shard], place)
    quads = [] if lines is None else lines[row - int(corpus.group_starts[group])].as_py() or []
    corners = np.array([line[QUAD] for line in quads if line and line[QUAD]], np.float64).reshape(-1, 4, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _lines(shard: Shard, group: int) -> Any:
    """The column of a row group; None where there is none."""
    try:
        with shard.folder.open(shard.name) as file:
            parquet = ParquetFile(file)
            schema = parquet.schema_arrow
            if LINES not in schema.names or not _has_quads(schema.field(LINES).type):
                return None
            return parquet.read_row_group(group, columns=[LINES]).column(0)
    except PARQUET_FAULTS:
        return None


def _has_quads(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list and pa.types.is_struct(kind.value_type) and kind.value_type.get_field_index(QUAD) >= 0)


def fullest(boxes: Boxes, image: Size, side_px: int) -> tuple[int, int]:
    """Top and left of the square of side_px in an image (height, width) that shows most characters, as far as lines
    tell: their area over the square of their height. One in the middle of a line, or of the image."""
    room = np.array(image) - side_px
    centres = np.concatenate([[np.array(image) / 2], (boxes[:, [1, 0]] + boxes[:, [3, 2]]) / 2])
    corners = (centres - side_px / 2).round().clip(0, room).astype(int)
    low = np.maximum(corners[:, None], boxes[None, :, [1, 0]])
    high = np.minimum(corners[:, None] + side_px, boxes[None, :, [3, 2]])
    heights = np.maximum(1, (boxes[:, 2:] - boxes[:, :2]).min(axis=1))
    shown = (np.maximum(0, high - low).prod(axis=2) / heights**2).sum(axis=1)
    top, left = corners[int(shown.argmax())].tolist()
    return top, left
