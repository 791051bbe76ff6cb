from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from pipelines.shards.record import LINE
from pipelines.tallies import MEASURES, Tally, gb2312_coverage, quantiles


def line(language: str, size_px: float, face: str) -> dict[str, object]:
    values: dict[str, object] = {f.name: 1.0 if f.type == pa.float32() else "x" for f in LINE}
    return values | {"quad_px": [[0.0, 0.0]] * 4} | {"language": language, "size_px": size_px, "face": face}


def table(rows: list[tuple[str, str, list[dict[str, object]]]]) -> pa.Table:
    languages, texts, lines = zip(*rows, strict=True)
    return pa.table({"language": languages, "text": texts, "lines": pa.array(lines, pa.list_(LINE))})


def test_counts_lines_by_bin_and_language():
    tally = Tally()
    tally.add(table([("en", "abcdefgh", [line("en", 5.2, "A"), line("en", 99.0, "B")]), ("zh", "中文", [])]))
    tally.add(table([("zh", "中文中文", [line("zh", 5.3, "A"), line("en", 4.0, "A")])]))
    size = next(m for m in MEASURES if m.column == "size_px")
    at = int(np.digitize(5.2, size.edges)) - 1

    assert {name: int(bins.sum()) for name, bins in tally.bins["size_px"].items()} == {"en": 3, "zh": 1}
    assert tally.bins["size_px"]["en"][[0, at, -1]].tolist() == [1, 1, 1]
    assert tally.bins["size_px"]["zh"][at] == 1
    assert tally.names["face"] == {"A": 3, "B": 1}
    assert {name: int(bins.sum()) for name, bins in tally.chars.items()} == {"en": 1, "zh": 2}


def test_counts_row_groups_without_lines():
    tally = Tally()
    tally.add(table([("en", "", [])]))

    assert tally.names["face"] == {}
    assert tally.bins["contrast"] == {}


def test_reads_quantiles_off_a_histogram():
    values = np.random.default_rng(1).normal(10, 2, 20_000)
    counts, edges = np.histogram(values, 60)

    assert quantiles(counts, edges, (0.05, 0.5, 0.95)) == pytest.approx(
        np.quantile(values, (0.05, 0.5, 0.95)).tolist(), abs=0.1
    )


def test_tells_what_is_missing_of_gb2312():
    first, second = gb2312_coverage(Counter("啊阿座鸭亍亍丌"))

    assert (first.num_characters, second.num_characters) == (3755, 3008)
    assert (len(first.missing), len(second.missing)) == (3755 - 4, 3008 - 2)
    assert first.share == pytest.approx(4 / 3755)
    assert first.missing[0] == "埃"
