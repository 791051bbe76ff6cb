"""Encoded pictures as pages show them."""

import base64
import struct
from dataclasses import dataclass
from typing import Self

MEDIA = {b"\x89PNG": "png", b"RIFF": "webp", b"\xff\xd8\xff": "jpeg"}
TONES = ("", "good", "bad")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An encoded PNG, WebP or JPEG, shown `zoom` times its size in whole steps (never smaller than it is).

    `tone` colours its upper edge: "good", "bad" or "" for neither. `fits`: made smaller in a window that is a little
    narrower, as a drawing may be.
    """

    data: bytes
    width_px: int
    height_px: int
    caption: str = ""
    zoom: int = 1
    tone: str = ""
    fits: bool = False

    def __post_init__(self) -> None:
        if self.tone not in TONES:
            raise ValueError(f"tone is {self.tone!r}: use one of {TONES}")
        if self.zoom < 1:
            raise ValueError(f"zoom is {self.zoom}: use a whole number from 1")
        if not any(self.data.startswith(magic) for magic in MEDIA):
            raise ValueError(f"picture begins with {self.data[:4]!r}: encode it as PNG, WebP or JPEG")

    @classmethod
    def of_png(cls, data: bytes, caption: str = "", *, fits: bool = False) -> Self:
        """A PNG, whose header says its size."""
        width_px, height_px = struct.unpack_from(">II", data, 16)
        return cls(data=data, width_px=width_px, height_px=height_px, caption=caption, fits=fits)

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        kind = next(name for magic, name in MEDIA.items() if self.data.startswith(magic))
        return f"data:image/{kind};base64,{base64.b64encode(self.data).decode()}"
