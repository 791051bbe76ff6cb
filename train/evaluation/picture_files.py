"""Image files as the official evaluator takes them: which, how they are read, and cut for a preset."""

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Pixels = NDArray[np.uint8]
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
MAX_PIXELS = 128_000_000
MAX_BYTES = 256_000_000
PRESETS = {"general-256": 256, "general-1k": 1024}  # side of the square in px
# What Pillow's readers raise on files that are not what they say they are.
FAULTS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError)


class BadPicture(ValueError):  # noqa: N818 - it is the picture that is bad
    """A file that gives no picture, or none of use. The message is one line; up to its first colon it is a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An original and the name of its reconstruction, a file name."""

    original: Path
    reconstruction: str


def list_pictures(folder: Path) -> list[Path]:
    """The image files of a folder, not of those below it, by name. Raises ValueError where there is none."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name one of images")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise ValueError(f"{folder} holds no file that ends in {', '.join(SUFFIXES)}")
    return found


def to_make(originals: list[Path]) -> list[Pair]:
    """A PNG for each original, named as it is; where two share a stem, the whole name stays within."""
    stems = Counter(path.stem for path in originals)
    return [
        Pair(original=path, reconstruction=f"{path.stem if stems[path.stem] == 1 else path.name}.png")
        for path in originals
    ]


def to_match(originals: list[Path], reconstructions: list[Path]) -> list[Pair]:
    """For each original the reconstruction of the same name, or else the only one of the same stem that no other
    original is named as, or none ("")."""
    names = {path.name for path in reconstructions}
    taken = {path.name for path in originals}
    by_stem: dict[str, list[str]] = {}
    for path in reconstructions:
        if path.name not in taken:
            by_stem.setdefault(path.stem, []).append(path.name)
    pairs = []
    for path in originals:
        alike = by_stem.get(path.stem, [])
        found = path.name if path.name in names else alike[0] if len(alike) == 1 else ""
        pairs.append(Pair(original=path, reconstruction=found))
    return pairs


def read_picture(path: Path) -> Pixels:
    """The pixels, uint8 RGB (h, w, 3), as `PIL.Image.open(path).convert("RGB")`. Raises BadPicture.

    Sizes are checked before anything is decoded: 256 MB of file, 128 megapixels.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise BadPicture(f"too many bytes: {size:,}, of {MAX_BYTES:,} allowed")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of sizes that are bounded below
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BadPicture(f"too many pixels: {image.width} x {image.height}, of {MAX_PIXELS:,} allowed")
                return np.array(image.convert("RGB"))
    except BadPicture:
        raise
    except Image.DecompressionBombError as error:
        raise BadPicture(f"too many pixels: {error}") from error
    except UnidentifiedImageError:
        raise BadPicture("not an image") from None
    except FAULTS as error:
        raise BadPicture(f"damaged: {error}".splitlines()[0]) from error


def cut_for(preset: str, picture: Pixels) -> Pixels:
    """The picture as a preset has it: its short side reduced to the preset's (bicubic), the centre cut out square.

    Raises BadPicture for one that would have to be enlarged: it would be smoother than any photo.
    """
    if not preset:
        return picture
    side_px = PRESETS[preset]
    height, width = picture.shape[:2]
    if min(height, width) < side_px:
        raise BadPicture(f"too small for {preset}: {width} x {height} px")
    if (short := min(height, width)) > side_px:
        picture = resized(picture, round(width * side_px / short), round(height * side_px / short))
        height, width = picture.shape[:2]
    top, left = (height - side_px) // 2, (width - side_px) // 2
    return np.ascontiguousarray(picture[top : top + side_px, left : left + side_px])


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    """The picture at another size, by Pillow's bicubic filter."""
    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
