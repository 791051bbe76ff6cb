"""Every chosen value of one image: frozen, JSON-able, enough to draw it again byte for byte.

Lengths are pixels of the final image, origin at its top left, x right, y down; angles are degrees clockwise.
Colours are "#rrggbb".
"""

from dataclasses import dataclass

import msgspec

from render.raster import Halo, Raster

ROLES = ("body", "heading", "caption", "label", "cell", "code", "small")
ALIGNS = ("left", "centre", "right", "justify")
FLOWS = ("through", "each")
GROUNDS = ("photo", "paper", "gradient")
SHAPES = ("rule", "frame", "plate")
TONES = ("ink", "faint", "plate", "accent")
BLENDS = ("alpha", "multiply", "screen")
DEGRADATIONS = ("blur", "noise", "jpeg", "resample")

Frame = tuple[float, float, float, float]  # x, y, width, height


def _check(owner: object, **allowed: tuple[str, ...]) -> None:
    """Raise ValueError where a field of owner holds none of the names that are allowed for it."""
    for field, names in allowed.items():
        if (value := getattr(owner, field)) not in names:
            place = f"{type(owner).__name__.lower()}.{field}"
            raise ValueError(f"{place} is {value!r}: choose one of {', '.join(names)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A rectangle of a photo and what is done to it. The photo is decoded at 1/reduce of its size;
    x, y, width, height are pixels of that view. `gain` and `lift` map a value v to gain * v + lift."""

    photo: str
    sha256: str
    reduce: int
    x: int
    y: int
    width: int
    height: int
    flip: bool = False
    gain: float = 1.0
    lift: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What lies under the text: kind "photo" (crop), "paper" (one colour with grain) or "gradient" (two)."""

    kind: str
    crop: Crop | None = None
    colours: tuple[str, ...] = ()
    angle_deg: float = 0.0
    grain: float = 0.0  # standard deviation, 0..255
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, kind=GROUNDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A rule, frame or plate: kind "rule" (filled, thin), "frame" (outline) or "plate" (filled, text on it).

    `tone` is what a colour is chosen for before it is known: "ink", "faint", "plate" or "accent". Shapes of one
    group, from 1, have one colour.
    """

    kind: str
    x: float
    y: float
    width: float
    height: float
    radius_px: float = 0.0
    line_px: float = 1.0
    tone: str = "ink"
    colour: str = ""
    opacity: float = 1.0
    group: int = 0

    def __post_init__(self) -> None:
        _check(self, kind=SHAPES, tone=TONES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Text in frames, without its colour: paragraphs joined by newlines.

    flow "through": the text runs from frame to frame, as in columns; "each": paragraph k stands in frame k,
    as in a table. leading is the line pitch, indent a paragraph's first-line indent, tracking the extra
    space between characters, all in em.
    """

    text: str
    frames: tuple[Frame, ...]
    face: str
    size_px: float
    language: str
    raster: Raster = Raster()
    role: str = "body"
    flow: str = "through"
    align: str = "left"
    leading: float = 1.3
    indent: float = 0.0
    tracking: float = 0.0
    wrap: bool = True
    vertical: bool = False
    angle_deg: float = 0.0

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("block.frames is empty: give at least one (x, y, width, height)")
        if self.angle_deg and self.raster.kind in ("light", "full", "strike"):
            raise ValueError(
                f"block.angle_deg is {self.angle_deg}: {self.raster.kind!r} glyphs cannot be turned, use grey"
            )
        if not 1 <= self.size_px <= 200:
            raise ValueError(f"block.size_px is {self.size_px}: choose 1 to 200 px")
        _check(self, align=ALIGNS, flow=FLOWS, role=ROLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A softer or wider copy of the text drawn under it: an outline or a shadow."""

    halo: Halo
    colour: str
    opacity: float
    dx: int = 0
    dy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """The colours of one block: one ink a line; a second one where the line fades into it from left to right."""

    inks: tuple[str, ...]
    fade_to: tuple[str, ...] = ()
    opacity: float = 1.0
    blend: str = "alpha"
    layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        _check(self, blend=BLENDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A degradation of the finished image: kind "blur" (amount: sigma px), "noise" (sigma 0..255), "jpeg"
    (quality) or "resample" (scale there and back)."""

    kind: str
    amount: float
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, kind=DEGRADATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One image: ground, then shapes, then blocks with their paints, then effects."""

    width_px: int
    height_px: int
    language: str
    layout: str
    band: str
    ground: Ground
    shapes: tuple[Shape, ...] = ()
    blocks: tuple[Block, ...] = ()
    paints: tuple[Paint, ...] = ()
    effects: tuple[Effect, ...] = ()

    def to_json(self) -> str:
        """The scene as JSON, every field of it."""
        return _encoder.encode(self).decode()

    @staticmethod
    def from_json(text: str) -> "Scene":
        """The scene of its JSON; msgspec.ValidationError names the field that does not fit."""
        return _decoder.decode(text)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Scene)
