"""Colours of a scene, chosen from the pixels they will lie on: a contrast floor that every ink keeps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from render.blit import ground_under
from render.colour import LINEAR, darkest_ground, grey_level, ink_limits, lightest_ground, luminance, shades, to_hex
from render.raster import Halo
from render.recipe import Recipe
from render.scene import Crop, Layer, Paint, Shape

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]
_RATIOS = {"ink": 6.0, "accent": 3.5, "faint": 2.0}  # of the lighter to the darker, a shape's and the ground's
LEAST_GAIN = 0.5  # a photo toned further would be a plate
FULL_PX, SMALL_PX, SMALL_FACTOR = 12.0, 5.0, 1.4  # text is as faint as the floor from 12 px on; at 5 px 1.4 times that


@dataclass(frozen=True, slots=True)
class Mood:
    """What the inks of one image have in common: hue and saturation 0..1, how far towards black or white
    (depth 0..1, 1 at the contrast floor), which of the two when both would do, whether all lines must be the same
    of the two (even), and the ways of drawing."""

    hue: float
    saturation: float
    depth: float
    dark: bool
    even: bool
    ink: str
    layer: str


def choose_mood(recipe: Recipe, rng: np.random.Generator) -> Mood:
    """Draw the mood of an image; two in three are nearly neutral, as print is."""
    neutral = rng.random() < 0.65
    saturation = rng.uniform(0, 0.15) if neutral else rng.uniform(0.4, 1.0)
    depth = float(rng.beta(1.0, 3.0))
    dark = bool(rng.random() < 0.3)
    return Mood(
        hue=float(rng.random()),
        saturation=float(saturation),
        depth=depth,
        dark=dark,
        even=bool(rng.random() < 0.8),
        ink=recipe.inks.draw(rng),
        layer=recipe.layers.draw(rng),
    )


def contrast_floors(recipe: Recipe, sizes_px: Floats) -> Floats:
    """The least APCA contrast Lc of text of these sizes (m,): the smaller it is, the more it must stand out."""
    smallness = np.clip((FULL_PX - sizes_px) / (FULL_PX - SMALL_PX), 0.0, 1.0)
    return np.asarray(recipe.contrast_floor * (1.0 + (SMALL_FACTOR - 1.0) * smallness))


def paint_blocks(
    bounds: Sequence[Floats], floors: Floats, canvas: Image, mood: Mood, accents: Sequence[float]
) -> tuple[Paint, ...]:
    """Inks for the lines of each block, within bounds (m, 4) px of the canvas, each at least its floor's contrast away
    from the nearer tenth of the tiles under it; where no ink can be, black or white over an outline of the other.

    floors: (n,) Lc of all lines; accents: by block a turn of the hue, 0..1, where it should stand apart.
    """
    under = ground_under(canvas, np.concatenate(bounds), LINEAR)
    limits = np.stack(ink_limits(under[:, 0], under[:, 1], floors + 1.5), axis=1)  # a margin for rounding to bytes
    ends = np.cumsum([len(lines) for lines in bounds]).tolist()
    blocks = zip([0, *ends], ends, accents, strict=False)
    return tuple(_paint(under[a:b], limits[a:b], _turned(mood, accent)) for a, b, accent in blocks)


def _paint(under: Floats, limits: Floats, mood: Mood) -> Paint:
    """One block. limits (m, 2): luminance of its lines' lightest dark and darkest light ink."""
    can_dark, can_light = limits[:, 0] >= 0, limits[:, 1] <= 1
    if (can_dark | can_light).all():
        return _styled(_inks(limits, (can_dark, can_light), mood), under, mood)
    return _outlined(under, mood)


def _turned(mood: Mood, accent: float) -> Mood:
    if not accent:
        return mood
    return replace(mood, hue=(mood.hue + accent) % 1.0, saturation=max(mood.saturation, 0.7))


def _inks(limits: Floats, can: tuple[NDArray[np.bool_], NDArray[np.bool_]], mood: Mood) -> NDArray[np.uint8]:
    """(m, 3) inks: one shade for all lines that allow it, the opposite one for the rest."""
    can_dark, can_light = can
    prefer_dark = mood.dark if can_dark.mean() == can_light.mean() else can_dark.mean() > can_light.mean()
    dark = can_dark if prefer_dark else ~can_light
    luminances = np.empty(len(dark))
    if dark.any():
        luminances[dark] = limits[dark, 0].min() * mood.depth
    if not dark.all():
        luminances[~dark] = 1 - (1 - limits[~dark, 1].max()) * mood.depth
    return shades(mood.hue, mood.saturation, luminances)


def _styled(inks: NDArray[np.uint8], under: Floats, mood: Mood) -> Paint:
    ink, layer = mood.ink, mood.layer
    dark = luminance(inks) < under[:, 2]
    if (ink == "multiply" and not dark.all()) or (ink == "screen" and dark.any()):
        ink = "alpha"
    hexes = tuple(to_hex(rgb) for rgb in inks)
    fade = tuple(to_hex(rgb) for rgb in _towards(inks, dark)) if ink == "fade" else ()
    layers = () if layer == "none" else (_layer(layer, bool(dark.mean() > 0.5)),)
    return Paint(inks=hexes, fade_to=fade, blend=ink if ink in ("multiply", "screen") else "alpha", layers=layers)


def _towards(inks: NDArray[np.uint8], dark: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Inks half as far from black (where dark) or white: a fade never loses contrast."""
    end = np.where(dark[:, None], 0, 255)
    return np.asarray(inks + (end - inks) * 0.6).astype(np.uint8)


def _layer(kind: str, dark: bool) -> Layer:
    colour = "#ffffff" if dark else "#000000"
    if kind == "outline":
        return Layer(halo=Halo(grow_px=0.8, blur_px=0.4), colour=colour, opacity=0.6)
    return Layer(halo=Halo(blur_px=0.8), colour=colour, opacity=0.55, dx=1, dy=1)


def tone(crop: Crop, under: Floats, floors: Floats, mood: Mood, toned: float, rng: np.random.Generator) -> Crop:
    """The crop dimmed for light inks or lightened for dark ones, as little as keeps its contrast floor (m,) on every
    line; unchanged where an ink exists for each line as it is (but for the share `toned` of photos)."""
    floors = floors + 4
    darkest, lightest = ink_limits(under[:, 0], under[:, 1], floors)
    extra = float(rng.uniform(0.75, 0.95)) if rng.random() < toned else 1.0
    can_dark, can_light = darkest >= 0, lightest <= 1
    fits = can_dark.all() or can_light.all() if mood.even else (can_dark | can_light).all()
    if fits and extra == 1.0:
        return crop
    dim = min(1.0, float((grey_level(lightest_ground(floors)) / np.maximum(grey_level(under[:, 1]), 1e-6)).min()))
    low, needed = grey_level(under[:, 0]), grey_level(darkest_ground(floors))
    lighten = min(1.0, float(((1 - needed) / np.maximum(1 - low, 1e-6)).min()))
    lighter = mood.dark if min(lighten, dim) >= LEAST_GAIN else lighten > dim  # both kinds of ink, where they can be
    gain = round(max(LEAST_GAIN, min(lighten if lighter else dim, extra)), 3)
    return replace(crop, gain=gain, lift=round(255 * (1 - gain), 1) if lighter else 0.0)


def _outlined(under: Floats, mood: Mood) -> Paint:
    """Pure black or white, whichever the ground is farther from, over an outline of the other."""
    dark = bool(np.median(under[:, 2]) > 0.18)  # luminance at which black and white stand out equally
    ink, edge = ("#000000", "#ffffff") if dark else ("#ffffff", "#000000")
    layer = Layer(halo=Halo(grow_px=1.2, blur_px=0.7), colour=edge, opacity=0.85)
    return Paint(inks=(ink,) * len(under), layers=(layer,))


def colour_shapes(shapes: Sequence[Shape], canvas: Image, mood: Mood) -> tuple[Shape, ...]:
    """The shapes with a colour for their tones: "ink" and "accent" stand out from the ground under them, "faint"
    does a little, a "plate" is pale or dark and nearly opaque."""
    boxes = np.array([(s.x, s.y, s.x + s.width, s.y + s.height) for s in shapes], np.float64).reshape(-1, 4)
    means, groups = ground_under(canvas, boxes, LINEAR)[:, 2], np.array([shape.group for shape in shapes])
    for group in set(groups[groups > 0].tolist()):
        means[groups == group] = means[groups == group].mean()
    return tuple(_coloured(shape, mean, mood) for shape, mean in zip(shapes, means.tolist(), strict=True))


def _coloured(shape: Shape, mean: float, mood: Mood) -> Shape:
    if shape.tone == "plate":
        target, opacity = (0.85 if mood.dark else 0.02), 0.92
    else:
        target, opacity = _apart(mean, _RATIOS[shape.tone]), shape.opacity
    saturation = 0.75 if shape.tone == "accent" else mood.saturation / 2
    colour = shades(mood.hue, saturation, np.array([target]))[0]
    return replace(shape, colour=to_hex(colour), opacity=opacity)


def _apart(mean: float, ratio: float) -> float:
    """A luminance `ratio` away from mean, on the side where there is more room."""
    dark, light = (mean + 0.05) / ratio - 0.05, (mean + 0.05) * ratio - 0.05
    return max(dark, 0.0) if mean > 0.18 else min(light, 1.0)
