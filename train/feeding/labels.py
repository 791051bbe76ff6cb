"""Where the text of an image lies, by the labels of its row: for crops that are to show some."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.shards.parquet import ParquetFile
from train.curriculum import Size
from train.feeding.corpus import Corpus
from train.feeding.parquet import BadGroup, Shard, patiently, telling

LINES, QUAD = "lines", "quad_px"  # a list of structs with corners (4, 2), x before y, in px
Boxes = NDArray[np.float64]  # (k, 4): left, top, right, bottom, in px
NONE = np.zeros((0, 4))


def line_boxes(corpus: Corpus, rows: Sequence[int]) -> dict[int, Boxes]:
    """The upright boxes (k, 4) of some rows' lines, each shard opened once; none of a row without such labels, or whose
    shard is damaged. Raises OSError where a store goes on failing."""
    groups = corpus.groups_of(np.array(rows, np.int64)).tolist()
    found: dict[int, Boxes] = dict.fromkeys(rows, NONE)
    for number in sorted({int(corpus.group_places[group, 0]) for group in groups}):
        mine = {group for group in groups if corpus.group_places[group, 0] == number}
        places = {group: int(corpus.group_places[group, 1]) for group in mine}
        try:
            columns = patiently(partial(_lines, corpus.shards[number], sorted(places.values())))
        except BadGroup:
            continue
        for row, group in zip(rows, groups, strict=True):
            if group in mine and places[group] in columns:
                found[row] = _boxes(columns[places[group]][row - int(corpus.group_starts[group])].as_py())
    return found


def _lines(shard: Shard, groups: Sequence[int]) -> dict[int, Any]:
    """The labels of some row groups; nothing where the shard has none. Raises BadGroup, OSError."""
    with telling(shard, groups[0]), shard.folder.open(shard.name) as file:
        parquet = ParquetFile(file)
        schema = parquet.schema_arrow
        if LINES not in schema.names or not _has_quads(schema.field(LINES).type):
            return {}
        return {group: parquet.read_row_group(group, columns=[LINES]).column(0) for group in groups}


def _has_quads(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list and pa.types.is_struct(kind.value_type) and kind.value_type.get_field_index(QUAD) >= 0)


def _boxes(lines: Any) -> Boxes:
    """Boxes of the lines whose quads are four corners; none where they are something else."""
    try:
        corners = np.array([line[QUAD] for line in lines or () if line and line[QUAD]], np.float64)
    except (TypeError, ValueError):
        return NONE
    if corners.ndim != 3 or corners.shape[1:] != (4, 2) or not np.isfinite(corners).all():
        return NONE
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


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
