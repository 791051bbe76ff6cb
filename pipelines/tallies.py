"""Distributions over a dataset's labels, gathered row group by row group."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from render.writers.words import standard_characters

NUM_LEVEL_1 = 3755  # characters of GB2312 level 1; it precedes level 2
NAMED = ("face", "language", "role", "style")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A numeric column of the lines and the bins it is counted in; the outer ones take what lies beyond."""

    title: str
    column: str
    low: float
    high: float
    num_bins: int

    @property
    def edges(self) -> NDArray[np.float64]:
        """Bin edges (num_bins + 1,)."""
        return np.linspace(self.low, self.high, self.num_bins + 1)


MEASURES = (
    Measure(title="Em size, px", column="size_px", low=4, high=24, num_bins=40),
    Measure(title="Ink height, px", column="ink_px", low=0, high=28, num_bins=56),
    Measure(title="Height of x or of a Han face, px", column="x_height_px", low=0, high=20, num_bins=40),
    Measure(title="Contrast, APCA Lc", column="contrast", low=0, high=108, num_bins=36),
    Measure(title="Ink density, share of the box", column="ink_density", low=0, high=0.6, num_bins=30),
    Measure(title="Ground deviation, luma 0 to 255", column="ground_std", low=0, high=100, num_bins=25),
)
CHARS_EDGES = np.arange(2.0, 17.5, 0.5)  # binary logarithms
CHARS_TICKS = {float(power): f"{2**power:,}" for power in range(2, 18, 4)}


class Tally:
    """Counts of lines by bin and language, of names, and of images by their number of characters."""

    columns = ("language", "text", "lines")

    def __init__(self) -> None:
        self.bins: dict[str, dict[str, NDArray[np.int64]]] = {m.column: {} for m in MEASURES}
        self.names: dict[str, Counter[str]] = defaultdict(Counter)
        self.chars: dict[str, NDArray[np.int64]] = {}

    def add(self, table: pa.Table) -> None:
        """Add a row group with at least `columns`."""
        lines = pc.list_flatten(table.column("lines"))
        for name in NAMED:
            for item in pc.value_counts(pc.struct_field(lines, name)).to_pylist():
                self.names[name][item["values"]] += item["counts"]
        languages = _values(pc.struct_field(lines, "language"))
        for measure in MEASURES:
            values = _values(pc.struct_field(lines, measure.column))
            _count(self.bins[measure.column], languages, values, measure.edges)
        lengths = np.log2(np.maximum(_values(pc.utf8_length(table.column("text"))), 1))
        _count(self.chars, _values(table.column("language")), lengths, CHARS_EDGES)


def _values(column: pa.ChunkedArray) -> NDArray[np.generic]:
    return np.asarray(column.to_numpy())


def _count(
    bins: dict[str, NDArray[np.int64]],
    keys: NDArray[np.generic],
    values: NDArray[np.generic],
    edges: NDArray[np.generic],
) -> None:
    """Add values to the bins of their keys; what lies outside falls into the outer bins."""
    inside = np.clip(values, edges[0], edges[-1])
    for key in np.unique(keys.astype(str)):
        counts = np.histogram(inside[keys == key], edges)[0]
        bins[str(key)] = bins.get(str(key), np.zeros(len(edges) - 1, np.int64)) + counts


def quantiles(counts: NDArray[np.int64], edges: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    """Values below which these shares of a histogram lie, interpolated within bins."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    return [float(np.interp(share * ends[-1], ends, edges)) for share in shares]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCoverage:
    """How much of a level of GB2312 is there."""

    level: int
    num_characters: int
    missing: str

    @property
    def share(self) -> float:
        """0 to 1."""
        return 1 - len(self.missing) / self.num_characters


def gb2312_coverage(characters: Counter[str]) -> tuple[LevelCoverage, LevelCoverage]:
    """Levels 1 and 2 against the characters that occur."""
    standard = standard_characters("zh")
    levels = standard[:NUM_LEVEL_1], standard[NUM_LEVEL_1:]
    first, second = (
        LevelCoverage(
            level=level,
            num_characters=len(chars),
            missing="".join(char for char in chars if not characters[char]),
        )
        for level, chars in enumerate(levels, 1)
    )
    return first, second
