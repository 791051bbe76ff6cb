"""Photos to index in tests, and the rows of an index."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.curate.pictures import blocks, encoded

GOOD = {f"good/{i}.png": encoded(blocks(i), "PNG") for i in range(3)}


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    rows = [row for path in sorted((folder / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {row["name"]: row for row in rows}
