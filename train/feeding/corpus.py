"""The index of all rows of some shard folders: what is drawn from, at some ten bytes a row; images stay where they are.

Rows are numbered over all folders, in the order of folders, shards and rows; so are row groups.
"""

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.shards.folder import Folder
from train.curriculum import COMPONENTS, Size
from train.feeding.parquet import KINDS, BadGroup, Part, Shard, open_images, read_part, shards_of

READ_AT_ONCE = 8  # shards; a remote store is slow to answer
ANY_BAND = COMPONENTS.index("synthetic")
NONE = 255  # the code of a row that belongs to no component
ROWS_END = 2**32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corpus:
    """What is known of n rows in g row groups of some shards."""

    shards: tuple[Shard, ...]
    codes: NDArray[np.uint8]  # (n,) the component by its place in COMPONENTS; "synthetic": no band is known
    mirrored: NDArray[np.bool_]  # (n,) whether its mirror image is as good: a photo without text
    width_px: NDArray[np.uint16]  # (n,) 0 where only the image tells
    height_px: NDArray[np.uint16]  # (n,)
    weight: NDArray[np.float32]  # (n,) how often to draw it; 1 is average
    group_starts: NDArray[np.int64]  # (g + 1,) rows
    group_bytes: NDArray[np.int64]  # (g,) of images
    group_places: NDArray[np.int32]  # (g, 2) shard, and group in it
    identity: str  # the same for the same rows, wherever the folders lie

    @classmethod
    def of(cls, folders: Sequence[str]) -> Self:
        """The rows of shard folders, local or at fsspec URLs: rendered sets, packed sets, Parquet files of Hugging
        Face with an image column. FOLDER=general (or text, synthetic) says what all rows of a folder are.

        Raises ValueError for a shard that is cut short or unlike its sidecar, and for rows of no known kind.
        """
        urls = [Folder(split_kind(name)[0]).url for name in folders]
        if not folders or len(set(urls)) < len(folders):
            raise ValueError(f"data is {list(folders)}: name at least one folder of shards, and each once")
        parts: list[Part] = []
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            for name in folders:
                url, kind = split_kind(name)
                parts += pool.map(partial(read_part, kind=kind), shards_of(Folder(url)))
        corpus = cls(**_joined(parts))
        if len(corpus) >= ROWS_END:
            raise ValueError(f"data holds {len(corpus)} rows: over the {ROWS_END - 1} that are indexed; name less")
        return corpus

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def num_groups(self) -> int:
        return len(self.group_bytes)

    def groups_of(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """The row group of each row."""
        return np.searchsorted(self.group_starts, rows, side="right") - 1

    def matches(self, component: str) -> NDArray[np.bool_]:
        """(n,) Which rows belong to a component; "synthetic" is every band."""
        code = COMPONENTS.index(component)
        if code == ANY_BAND:
            return np.asarray((self.codes >= ANY_BAND) & (self.codes != NONE))
        return np.asarray(self.codes == code)

    def fits(self, size: Size) -> NDArray[np.bool_]:
        """(n,) Which rows hold a crop without being enlarged, as far as their sizes are known."""
        height_px, width_px = size
        unknown = self.width_px == 0
        return np.asarray(unknown | ((self.width_px >= width_px) & (self.height_px >= height_px)))

    def counts(self) -> dict[str, int]:
        """Rows of each component there is."""
        counts = {name: int(self.matches(name).sum()) for name in COMPONENTS}
        return {name: count for name, count in counts.items() if count}

    def components(self) -> list[str]:
        """The kinds and bands of its rows; "synthetic" alone where no band is known."""
        return [COMPONENTS[code] for code in np.unique(self.codes[self.codes != NONE])]

    def last_shards(self) -> NDArray[np.int64]:
        """The rows of the last shard of each folder that has two or more: what may be held out."""
        urls = [shard.folder.url for shard in self.shards]
        counts = Counter(urls)
        last = {url: number for number, url in enumerate(urls) if counts[url] > 1}
        groups = np.flatnonzero(np.isin(self.group_places[:, 0], list(last.values())))
        ranges = [np.arange(self.group_starts[group], self.group_starts[group + 1]) for group in groups]
        return np.concatenate([np.zeros(0, np.int64), *ranges])

    def spread(self, num_rows: int, among: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Up to `num_rows` rows of each kind and band, evenly apart among some rows."""
        codes = self.codes[among]
        chosen = [np.zeros(0, np.int64)]
        for code in np.unique(codes[codes != NONE]):
            rows = among[codes == code]
            count = min(num_rows, len(rows))
            chosen.append(rows[np.arange(count) * len(rows) // count])
        return np.sort(np.concatenate(chosen))

    def without(self, rows: NDArray[np.integer[Any]]) -> Self:
        """The same corpus, its numbers too, of which some rows are never drawn."""
        codes = self.codes.copy()
        codes[rows] = NONE
        mark = sha256(self.identity.encode() + np.unique(rows).astype("<i8").tobytes())
        return replace(self, codes=codes, identity=mark.hexdigest())

    def read_group(self, group: int) -> pa.Array:
        """The encoded images of a row group, a binary array; null where a row has none. Raises BadGroup, OSError."""
        shard, place = self.group_places[group].tolist()
        return open_images(self.shards[shard], place)

    def read(self, rows: Sequence[int]) -> list[bytes]:
        """Some encoded images, b"" where a row has none or its row group is damaged; each group is read once."""
        groups = self.groups_of(np.array(rows, np.int64))
        found: dict[int, bytes] = {}
        for group in np.unique(groups):
            first = int(self.group_starts[group])
            mine = [row for row, at in zip(rows, groups, strict=True) if at == group]
            try:
                images = self.read_group(int(group))
                found |= {row: images[row - first].as_py() or b"" for row in mine}
            except BadGroup:
                found |= dict.fromkeys(mine, b"")
        return [found[row] for row in rows]

    def name_of(self, row: int) -> str:
        """Where a row lies, for people: SHARD#ROW."""
        group = int(self.groups_of(np.array([row]))[0])
        shard = int(self.group_places[group, 0])
        first = int(np.searchsorted(self.group_places[:, 0], shard))
        return f"{self.shards[shard].path}#{row - int(self.group_starts[first])}"


def split_kind(name: str) -> tuple[str, str]:
    """A folder and the kind given behind it: "DIR=general" is ("DIR", "general"), "DIR" is ("DIR", "")."""
    folder, _, kind = name.rpartition("=")
    return (folder, kind) if folder and kind in KINDS else (name, "")


def _joined(parts: Sequence[Part]) -> dict[str, Any]:
    """The fields of a corpus."""
    codes = [_codes(part.kinds, part.bands) for part in parts]
    counts = np.concatenate([part.group_rows for part in parts])
    places = [
        np.stack([np.full(len(part.group_rows), number), np.arange(len(part.group_rows))], axis=1)
        for number, part in enumerate(parts)
    ]
    mark = [[part.shard.name, part.shard.num_bytes, part.shard.sha256, part.mark] for part in parts]
    return {
        "shards": tuple(part.shard for part in parts),
        "codes": np.concatenate(codes),
        "group_starts": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "group_places": np.concatenate(places).astype(np.int32),
        "identity": sha256(json.dumps(mark).encode()).hexdigest(),
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("mirrored", "width_px", "height_px", "weight", "group_bytes")
        },
    }


def _codes(kinds: NDArray[np.int8], bands: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Places in COMPONENTS of places in KINDS and BANDS, -1 where no band is known."""
    return np.where(kinds == KINDS.index("synthetic"), ANY_BAND + 1 + bands, kinds).astype(np.uint8)
