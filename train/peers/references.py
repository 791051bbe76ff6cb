"""Reference "models" that need no weights: known losses, so that the scales of our measures mean something."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An autoencoder (see `train.peers.autoencoders`) that treats each image by itself."""

    name: str
    treat: Callable[[Image.Image], Image.Image]

    def __call__(self, images: Pixels) -> Pixels:
        """Images to their reconstructions: uint8 RGB (n, h, w, 3), the same shape back."""
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"images are {images.dtype} {images.shape}: a reference takes uint8 (n, h, w, 3)")
        treated = [np.asarray(self.treat(Image.fromarray(image)), np.uint8) for image in images]
        return np.stack(treated) if treated else images.copy()


def _same(image: Image.Image) -> Image.Image:
    return image


def _bicubic(factor: int) -> Callable[[Image.Image], Image.Image]:
    """Reduced by a factor and enlarged again, by Pillow's bicubic filter, which widens as it reduces."""

    def treat(image: Image.Image) -> Image.Image:
        small = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
        return image.resize(small, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)

    return treat


def _jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    """JPEG there and back, colour at half resolution (4:2:0), as files on the web are."""

    def treat(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        return Image.open(file).convert("RGB")

    return treat


REFERENCES = {
    reference.name: reference
    for reference in (
        Reference(name="identity", treat=_same),
        Reference(name="bicubic-x2", treat=_bicubic(2)),
        Reference(name="bicubic-x4", treat=_bicubic(4)),
        Reference(name="jpeg-q30", treat=_jpeg(30)),
        Reference(name="jpeg-q10", treat=_jpeg(10)),
    )
}


def open_reference(name: str) -> Reference:
    """The reference of a name. Raises ValueError for another."""
    if name not in REFERENCES:
        raise ValueError(f"no reference is called {name!r}: use {', '.join(REFERENCES)}")
    return REFERENCES[name]
