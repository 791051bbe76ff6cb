"""Where the ablation's images come from: photographs and documents, each file on one side, trained on or held out."""

import hashlib
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from curate.picture import BadImage
from pipelines.corpora.pdfs import PageOptions, PageReader
from pipelines.shards.codec import decode, encode
from pipelines.shards.seeds import rng_for

TRAIN, HELD_OUT = SIDES = ("train", "held-out")
HELD_OUT_SHARE = 0.25  # of the files: `--split held-out` of the pipelines, a twentieth, would be three photographs
PHOTO_PX = 768  # longest side of a photograph that is trained on; what it shows is sharp at this size
TILE_PX = 256
TRAIN_DPI, HELD_OUT_DPI, SCREEN_DPI = (72, 96, 120, 144), (144,), (96,)  # 10 pt letters: an em of 10 to 20, 20, 13 px
MIN_CHARACTERS = 600  # of a page's text layer
MIN_INK = 0.04  # share of a tile's pixels that differ from its paper
SEED = 1
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Files by side; `digests` of all files of a side."""

    photos: dict[str, tuple[Path, ...]]
    documents: dict[str, tuple[Path, ...]]

    @classmethod
    def of(cls, data: Path) -> "Sources":
        """The photographs and PDFs below DATA/natural and DATA/documents, sides by a hash of their bytes."""
        photos = [p for p in sorted((data / "natural").rglob("*")) if p.suffix.lower() in (".png", ".jpg")]
        documents = sorted((data / "documents").rglob("*.pdf"))
        return cls(photos=_by_side(photos), documents=_by_side(documents))

    def digests(self, side: str) -> set[str]:
        """The sha256 of every file of a side."""
        return {digest(path) for path in (*self.photos[side], *self.documents[side])}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _by_side(paths: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    held = {path: int(digest(path)[:8], 16) < HELD_OUT_SHARE * 2**32 for path in paths}
    return {side: tuple(path for path in paths if held[path] == (side == HELD_OUT)) for side in SIDES}


def copy_photos(paths: Sequence[Path], folder: Path) -> None:
    """The files as they are, for the pipelines to draw on."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)


def reduced(path: Path, longest_px: int = PHOTO_PX) -> Image.Image:
    """A photograph whose longer side is at most so long."""
    image = Image.fromarray(decode(path.read_bytes()))
    image.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    return image


def write_uncurated(paths: Sequence[Path], folder: Path) -> list[str]:
    """The photographs reduced, every third of them blurred or recompressed; the names of those."""
    folder.mkdir(parents=True, exist_ok=True)
    order = rng_for(SEED, "damage", 0).permutation(len(paths))
    spoiled = []
    for number, path in enumerate(paths):
        file, ending = io.BytesIO(), "png"
        image, place = reduced(path), int(order[number])
        if place % 3 == 0:
            image, ending = _damaged(image, place // 3, file)
            spoiled.append(path.name)
        if ending == "png":
            image.save(file, "PNG", compress_level=1)
        (folder / f"{path.stem}.{ending}").write_bytes(file.getvalue())
    return sorted(spoiled)


def _damaged(image: Image.Image, number: int, file: io.BytesIO) -> tuple[Image.Image, str]:
    """Blurred by a sigma of 1.5 to 3 px, or, in turn, saved in `file` as JPEG of quality 8 to 20."""
    rng = rng_for(SEED, "damage", 1 + number)
    if number % 2 == 0:
        return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.5, 3)))), "png"
    image.save(file, "JPEG", quality=int(rng.integers(8, 21)))
    return image, "jpg"


def photo_tiles(paths: Sequence[Path]) -> Iterator[tuple[str, Pixels]]:
    """The middle of each photograph, reduced, TILE_PX a side; those that are too small left out."""
    for path in paths:
        pixels = np.asarray(reduced(path))
        top, left = ((side - TILE_PX) // 2 for side in pixels.shape[:2])
        if min(top, left) >= 0:
            yield path.name, np.ascontiguousarray(pixels[top : top + TILE_PX, left : left + TILE_PX])


def page_tiles(
    paths: Sequence[Path], dpis: Sequence[int], pages_each: int, tiles_each: int
) -> Iterator[tuple[str, Pixels]]:
    """The squares of TILE_PX with the most ink, some of each page, pages evenly spread over each document, drawn at
    one resolution after the other."""
    readers = [PageReader(lambda name: io.BytesIO(Path(name).read_bytes()), PageOptions(dpi=dpi)) for dpi in dpis]
    for path in paths:
        for number, page in enumerate(_text_pages(readers[0], path, pages_each)):
            reader = readers[number % len(readers)]
            for place, tile in enumerate(_tiles(decode(reader.read(str(path), page)))[:tiles_each]):
                yield f"{path.stem}-{page + 1}-{place}", tile


def _text_pages(reader: PageReader, path: Path, count: int) -> list[int]:
    """Up to `count` pages whose text layer holds text, evenly spread."""
    from pypdfium2 import PdfDocument

    try:
        with PdfDocument(str(path)) as document:
            num_pages = len(document)
        tried = sorted({i * num_pages // (3 * count) for i in range(3 * count)})
        full = [page for page in tried if len("".join(reader.text(str(path), page).split())) >= MIN_CHARACTERS]
    except BadImage:
        return []
    return [full[i * len(full) // count] for i in range(count)] if len(full) > count else full


def _tiles(page: Pixels) -> list[Pixels]:
    """The squares that a grid cuts out of a page and that hold ink, those with the most first."""
    rows, columns = (side // TILE_PX for side in page.shape[:2])
    squares = [
        page[y * TILE_PX : (y + 1) * TILE_PX, x * TILE_PX : (x + 1) * TILE_PX]
        for y in range(rows)
        for x in range(columns)
    ]
    shares = np.array([ink_share(square) for square in squares])
    order = np.argsort(-shares, kind="stable")
    return [np.ascontiguousarray(squares[i]) for i in order if shares[i] >= MIN_INK]


def ink_share(tile: Pixels) -> float:
    """The share of pixels unlike the paper, which is the median."""
    grey = cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY).astype(np.int16)
    return float((np.abs(grey - np.median(grey)) > 60).mean())


def write_shards(rows: Sequence[dict[str, object]], folder: Path, num_shards: int = 4) -> None:
    """Rows with `image` (bytes) and columns as Parquet files in row groups of 50."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num_shards):
        table = pa.Table.from_pylist([row | {"image": {"bytes": row["image"]}} for row in rows[number::num_shards]])
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=50, compression="none")


def row_of(image: bytes, pixels_wide: int = TILE_PX, pixels_high: int = TILE_PX) -> dict[str, object]:
    return {"image": image, "width_px": pixels_wide, "height_px": pixels_high}


def encoded(tiles: Sequence[tuple[str, Pixels]]) -> list[dict[str, object]]:
    """Tiles as rows of shards."""
    return [row_of(encode(tile)) for _, tile in tiles]
