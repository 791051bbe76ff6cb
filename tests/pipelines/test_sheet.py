"""Contact sheets: rows that differ, at their own size, of no more of a shard than it takes."""

import io
from typing import Any, BinaryIO

from pipelines.shards.codec import decode
from pipelines.shards.files import shard_name, write_shard
from pipelines.shards.folder import Folder
from pipelines.sheet import CAPTION_PX, GAP_PX, NUM_CELLS, contact_sheet, varied
from tests.pipelines.toy_job import ToyJob

SIDE_PX = 48


class CountedFolder(Folder):
    """Counts the bytes that are read of its files."""

    num_read = 0

    def open(self, name: str) -> BinaryIO:
        counted, data = self, super().open(name).read()

        class Counted(io.BytesIO):
            def read(self, size: Any = -1) -> bytes:
                found = super().read(size)
                counted.num_read += len(found)
                return found

        return Counted(data)


def test_a_sheet_reads_only_the_row_groups_that_it_shows(tmp_path):
    folder = CountedFolder(str(tmp_path))
    write_shard(folder, 0, ToyJob(num_images=400, shard_rows=400, side_px=SIDE_PX), {})

    sheet = decode(contact_sheet(folder))

    assert folder.num_read < 0.4 * folder.list()[shard_name(0)]
    assert sheet.shape[0] == NUM_CELLS // 4 * (SIDE_PX + CAPTION_PX + GAP_PX) + GAP_PX


def test_rows_of_a_sheet_take_turns_and_stand_by_band():
    rows = [("5-7", "en", "table"), ("5-7", "en", "list"), ("10-14", "zh", "list"), ("5-7", "zh", "code")]
    keys = [{"band": band, "language": language, "layout": layout} for band, language, layout in rows]

    assert varied(keys, 3) == [0, 3, 2]
    assert varied(keys, 9) == [0, 1, 3, 2]
