"""Rasteriser styles: how a glyph becomes pixels, as values that a scene stores."""

from dataclasses import dataclass

KINDS = ("grey", "light", "full", "strike", "lcd", "reduced")
PHASES = (1, 2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """One way to rasterise.

    kind: "grey" exact-area antialiasing, unhinted | "light" vertical hinting (FreeType's autohinter)
    | "full" the face's own hinting, whole-pixel pens | "strike" the face's embedded bitmaps | "lcd"
    three horizontal subpixels a pixel, as in screenshots | "reduced" drawn `factor` times larger and
    reduced, as in scanned or resized pages: size_px is the size after the reduction.
    phases: subpixel pen positions a pixel, horizontally.
    """

    kind: str = "grey"
    phases: int = 4
    factor: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"raster.kind is {self.kind!r}: choose one of {', '.join(KINDS)}")
        if self.phases not in PHASES:
            raise ValueError(f"raster.phases is {self.phases}: choose one of {PHASES}")
        if not 1 <= self.factor <= 4:
            raise ValueError(f"raster.factor is {self.factor}: choose 1 to 4")
        if self.kind in ("full", "strike") and self.phases != 1:
            raise ValueError(f"raster.phases is {self.phases}: {self.kind!r} glyphs sit on whole pixels, set 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Halo:
    """What is made of a glyph's coverage before it is drawn: nothing, a wider or a softer copy.

    grow_px: radius of an outline around the glyph. blur_px: Gaussian sigma of a shadow. At most 2 each.
    """

    grow_px: float = 0.0
    blur_px: float = 0.0

    def __post_init__(self) -> None:
        for name in ("grow_px", "blur_px"):
            if not 0 <= getattr(self, name) <= 2:
                raise ValueError(f"halo.{name} is {getattr(self, name)}: choose 0 to 2 px")

    @property
    def pad_px(self) -> int:
        """Pixels by which a mask grows on each side."""
        return int(self.grow_px + 0.999) + int(2.5 * self.blur_px + 0.999)
