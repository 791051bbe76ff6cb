"""Reconstructions and their figures, part by part: a part that is there is not made again."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pipelines.shards.codec import encode
from pipelines.shards.folder import Folder
from train.evaluation.picture_files import BadPicture, Pair, Pixels, cut_for, read_picture, resized
from train.peers.autoencoders import Autoencoder

PART_IMAGES = 8
PIXELS_AT_ONCE = 1_100_000  # one image of 1,024 px, or a part's eight of 256
MIN_SIDE_PX = 16  # SSIM needs 11, LPIPS 16
MADE = "reconstructions"  # folder of the PNG files
FEATURES = "FID"
PNG_END = b"IEND\xaeB`\x82"
Meter = Callable[[Pixels, Pixels], float]  # original and reconstruction, (h, w, 3)
Featurizer = Callable[[Pixels], NDArray[np.float32]]  # (n, h, w, 3) to (n, d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of one image. `fault`: why it is left out, or ""."""

    file: str
    reconstruction: str = ""
    width_px: int = 0
    height_px: int = 0
    resized: bool = False
    fault: str = ""
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An original and its reconstruction, of one size; resized: whether the file had another."""

    original: Pixels
    reconstruction: Pixels
    resized: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """Figures by name, and the network of features for FID where that is wanted."""

    meters: dict[str, Meter]
    features: Featurizer | None = None

    @property
    def names(self) -> list[str]:
        return [*self.meters, *([FEATURES] if self.features else [])]


class Samples:
    """Pairs of a folder as pixels; reconstructions are read from `made`, or first made by an autoencoder."""

    def __init__(self, out: Folder, preset: str, *, ready: str = "", autoencoder: Autoencoder | None = None) -> None:
        self._out, self._preset, self._autoencoder = out, preset, autoencoder
        self._made = Path(ready or f"{out.url}/{MADE}")

    @property
    def made(self) -> str:
        """The folder of the reconstructions."""
        return str(self._made)

    def make(self, pairs: Sequence[Pair]) -> None:
        """Make and keep the reconstructions of a part that are missing, about a megapixel at a time."""
        if self._autoencoder is None:
            return
        wanted = [(pair, original) for pair in pairs if (original := self._whole(pair)) is not None]
        for shape, group in groupby(sorted(wanted, key=lambda item: item[1].shape), key=lambda item: item[1].shape):
            chosen, step = list(group), max(1, PIXELS_AT_ONCE // (shape[0] * shape[1]))
            for start in range(0, len(chosen), step):
                self._make(self._autoencoder, chosen[start : start + step])

    def _make(self, autoencoder: Autoencoder, batch: Sequence[tuple[Pair, Pixels]]) -> None:
        """All of a batch where one is missing: which images go together may show in a last digit."""
        if all(self._is_whole(pair) for pair, _ in batch):
            return
        made = autoencoder(np.stack([original for _, original in batch]))
        for (pair, _), pixels in zip(batch, made, strict=True):
            self._out.put(f"{MADE}/{pair.reconstruction}", encode(pixels))

    def _is_whole(self, pair: Pair) -> bool:
        path = self._path(pair)
        try:
            return path.is_file() and path.read_bytes().endswith(PNG_END) and read_picture(path).size > 0
        except BadPicture:
            return False

    def sums(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """The sha256 of each reconstruction that an autoencoder made, by its name; "" where there is none."""
        if self._autoencoder is None:
            return {}
        paths = {pair.reconstruction: self._path(pair) for pair in pairs}
        return {name: sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for name, path in paths.items()}

    def _whole(self, pair: Pair) -> Pixels | None:
        try:
            return self.original(pair)
        except BadPicture:
            return None

    def original(self, pair: Pair) -> Pixels:
        """The original as the preset has it. Raises BadPicture."""
        picture = cut_for(self._preset, read_picture(pair.original))
        if min(picture.shape[:2]) < MIN_SIDE_PX:
            raise BadPicture(f"too small: {picture.shape[1]} x {picture.shape[0]} px, of {MIN_SIDE_PX} needed")
        return picture

    def load(self, pair: Pair) -> Sample:
        """Both pictures. Raises BadPicture saying which of the two is bad."""
        original = self.original(pair)
        if not pair.reconstruction or not self._path(pair).is_file():
            raise BadPicture("reconstruction missing")
        try:
            found = read_picture(self._path(pair))
            if self._preset and found.shape != original.shape:
                found = cut_for(self._preset, found)
        except BadPicture as error:
            raise BadPicture(f"reconstruction {error}") from error
        if found.shape == original.shape:
            return Sample(original=original, reconstruction=found, resized=False)
        height, width = original.shape[:2]
        return Sample(original=original, reconstruction=resized(found, width, height), resized=True)

    def _path(self, pair: Pair) -> Path:
        return self._made / pair.reconstruction


def parts_of(pairs: Sequence[Pair]) -> list[Sequence[Pair]]:
    """Pairs in runs that are made and kept together."""
    return [pairs[start : start + PART_IMAGES] for start in range(0, len(pairs), PART_IMAGES)]


class Measured:
    """Rows of parts in OUT/parts; features for FID beside them."""

    def __init__(self, out: Folder, samples: Samples, instruments: Instruments) -> None:
        self._out, self._samples, self._instruments = out, samples, instruments

    def kept(self, part: int, pairs: Sequence[Pair]) -> list[Row] | None:
        """The rows of a part that an earlier run has left; None where a figure, a feature or a reconstruction is
        missing, garbled or another by now."""
        try:
            content = json.loads(self._out.read(f"parts/{part:06d}.json"))
            rows = [Row(**row) for row in content["rows"]]
            is_same = content["made"] == self._samples.sums(pairs) and [row.file for row in rows] == _files(pairs)
            is_all = set(self._instruments.names) <= set(content["names"])
            if self._instruments.features and is_all:
                self._features(part)
        except (FileNotFoundError, EOFError, ValueError, TypeError, KeyError, BadZipFile):
            return None
        return rows if is_same and is_all else None

    def make(self, part: int, pairs: Sequence[Pair]) -> list[Row]:
        """The rows of a part, measured anew; reconstructions that are whole stay."""
        self._samples.make(pairs)
        found = [self._measure(pair) for pair in pairs]
        rows = [row for row, _ in found]
        if self._instruments.features:
            self._out.put(f"parts/{part:06d}.npz", _packed([features for _, features in found if features is not None]))
        made = self._samples.sums(pairs)
        content = {"names": self._instruments.names, "rows": [asdict(row) for row in rows], "made": made}
        self._out.put(f"parts/{part:06d}.json", json.dumps(content, ensure_ascii=False).encode())
        return rows

    def features(self, num_parts: int) -> Iterator[NDArray[np.float32]]:
        """(2, n, d) of each part: originals, reconstructions."""
        for part in range(num_parts):
            if (found := self._features(part)).size:
                yield found

    def _features(self, part: int) -> NDArray[np.float32]:
        with self._out.open(f"parts/{part:06d}.npz") as file:
            return np.asarray(np.load(file)["features"], np.float32)

    def _measure(self, pair: Pair) -> tuple[Row, NDArray[np.float32] | None]:
        about: dict[str, Any] = {"file": pair.original.name, "reconstruction": pair.reconstruction}
        try:
            sample = self._samples.load(pair)
        except BadPicture as error:
            return Row(**about, fault=str(error)), None
        height, width = sample.original.shape[:2]
        meters = self._instruments.meters
        figures = {name: meter(sample.original, sample.reconstruction) for name, meter in meters.items()}
        row = Row(**about, width_px=width, height_px=height, resized=sample.resized, figures=figures)
        features = self._instruments.features
        return row, features(np.stack([sample.original, sample.reconstruction])) if features else None


def _files(pairs: Sequence[Pair]) -> list[str]:
    return [pair.original.name for pair in pairs]


def _packed(features: list[NDArray[np.float32]]) -> bytes:
    stacked = np.stack(features, axis=1) if features else np.zeros((2, 0, 1), np.float32)
    file = io.BytesIO()
    np.savez(file, features=stacked)
    return file.getvalue()
