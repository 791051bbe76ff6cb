"""A scene to pixels and labels: draw(scene, photo, faces). No chance inside."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog
from render.blit import BLEND_CODE, blit, ground_under, shade
from render.colour import LINEAR, least_contrast, luminance, to_rgb, to_rgbs
from render.effects import apply
from render.glyphs import Instance, MaskCache
from render.ground import prepare
from render.labels import LineGeometry, Lines, drawn_px, geometry, turned, x_height_px
from render.linebreak import has_han
from render.outlines import outlines_of
from render.raster import Halo
from render.scene import Block, Paint, Scene
from render.typeset import Typeset, typeset

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]
_masks = MaskCache()  # of this process: pure in its keys


class _Part(NamedTuple):
    """One block of a scene about to be drawn."""

    block: Block
    paint: Paint
    done: Typeset
    geo: LineGeometry


class _Measured(NamedTuple):
    """By line: ink (m,) in whole pixels and its height (m,) px, and the ground under it (m, 4) as `ground_under` gives
    it, its deviation without outlines and shadows."""

    ink: Floats
    ink_px: Floats
    under: Floats


class ClippedError(ValueError):
    """A line that would be drawn partly outside the picture."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """image (h, w, 3) uint8 RGB; lines, their labels; mask (h, w) uint8 coverage of all text, or None."""

    image: Image
    lines: Lines
    mask: Image | None = None


def draw(scene: Scene, photo: Image | None, faces: Catalog, *, mask: bool = False) -> Rendering:
    """Draw a scene; the same scene, photo and faces give the same bytes.

    photo: the view named by the scene's crop, (h, w, 3) uint8 RGB. Raises ClippedError and NotDrawnError
    where a label could not be true.
    """
    return draw_text(scene, prepare(scene, photo), faces, mask=mask)


def draw_text(scene: Scene, canvas: Image, faces: Catalog, *, mask: bool = False) -> Rendering:
    """Draw a scene's text onto its prepared ground (changed in place)."""
    lines = Lines()
    shaded = np.zeros(canvas.shape[:2], np.uint8) if mask else None
    for block, paint in zip(scene.blocks, scene.paints, strict=True):
        done = typeset(block, faces)
        if len(done.lines):
            geo = _inside(geometry(block, done, faces), done, scene)
            part = _Part(block, paint, done, geo)
            under = _draw_layers(canvas, part, faces)
            _label(lines, part, _Measured(*_draw_ink(canvas, shaded, part, faces), under), faces)
    return Rendering(apply(canvas, scene.effects), lines, shaded)


def _inside(geo: LineGeometry, done: Typeset, scene: Scene) -> LineGeometry:
    box = geo.bounds
    out = (box[:, :2] < -0.01).any(axis=1) | (box[:, 2:] > (scene.width_px + 0.01, scene.height_px + 0.01)).any(axis=1)
    if out.any():
        i = int(out.argmax())
        raise ClippedError(f"line {done.texts[i]!r} at {np.round(box[i], 1).tolist()} px reaches outside the picture")
    return geo


def _draw_layers(canvas: Image, part: _Part, faces: Catalog) -> Floats:
    """Draw outlines and shadows; what the ground under each line (m, 4) is then like."""
    x, y = _pens(part)
    bare = ground_under(canvas, part.geo.bounds, LINEAR)
    for layer in part.paint.layers:
        masks = _masks[_instance(part.block, faces, layer.halo)]
        ink = np.broadcast_to(to_rgb(layer.colour), (len(x), 3))
        placed = masks.at(part.done.glyph_ids, x + layer.dx, y + layer.dy)
        blit(canvas, masks.atlas, placed, ink, _style(layer.opacity, "alpha"))
    if not part.paint.layers:
        return bare
    under = ground_under(canvas, part.geo.bounds, LINEAR)
    return np.concatenate([under[:, :3], bare[:, 3:]], axis=1)


def _draw_ink(canvas: Image, shaded: Image | None, part: _Part, faces: Catalog) -> tuple[Floats, Floats]:
    """Draw the text itself, and into the mask where there is one; each line's ink (m,) in whole pixels and its height
    (m,) px."""
    paint, done = part.paint, part.done
    masks = _masks[_instance(part.block, faces, Halo())]
    placed = masks.at(done.glyph_ids, *_pens(part))
    blit(canvas, masks.atlas, placed, _inks(paint, done), _style(paint.opacity, paint.blend))
    if shaded is not None:
        shade(shaded, masks.atlas, placed)
    ink, ink_px = np.bincount(done.line_of, masks.total[placed[0]], len(done.lines)), part.geo.ink_px
    if part.block.raster.kind == "strike":
        ink_px = drawn_px(placed, masks.boxes, done.line_of, len(done.lines), 0 if part.block.vertical else 1)
    return np.asarray(ink, np.float64), ink_px


def _pens(part: _Part) -> tuple[Floats, Floats]:
    x, y = turned(np.stack([part.done.x, part.done.y], axis=1), part.block).T
    return x, y


def _style(opacity: float, blend: str) -> tuple[np.int32, int]:
    return np.int32(round(opacity * 255)), BLEND_CODE[blend]


def _instance(block: Block, faces: Catalog, halo: Halo) -> Instance:
    return Instance(
        face=faces[block.face],
        size_px=block.size_px,
        raster=block.raster,
        angle_deg=block.angle_deg,
        halo=halo,
    )


def _inks(paint: Paint, done: Typeset) -> NDArray[np.uint8]:
    """The ink of each glyph (n, 3): its line's, faded towards the second along the line where there is one."""
    first = to_rgbs(paint.inks)[done.line_of]
    if not paint.fade_to:
        return first
    last = to_rgbs(paint.fade_to)[done.line_of].astype(np.float64)
    start, end = done.starts[done.line_of], done.ends[done.line_of]
    share = np.clip((done.x - start) / np.maximum(end - start, 1.0), 0, 1)[:, None]
    return np.asarray(first + (last - first) * share + 0.5).astype(np.uint8)


def measured_contrast(paint: Paint, under: Floats) -> Floats:
    """APCA contrast Lc (m,) of each line's ink to the nearest tenth of its ground, opacity and blend counted."""
    dark, light, mean = under[:, 0], under[:, 1], under[:, 2]
    results = []
    for inks in (paint.inks, paint.fade_to) if paint.fade_to else (paint.inks,):
        ink = luminance(to_rgbs(inks))
        ink = {"alpha": ink, "multiply": ink * mean, "screen": ink + mean - ink * mean}[paint.blend]
        results.append(least_contrast(ink * paint.opacity + mean * (1 - paint.opacity), dark, light))
    return np.asarray(np.min(results, axis=0))


def _x_height_px(block: Block, faces: Catalog, language: str) -> float:
    face = faces[block.face]
    if block.raster.kind != "strike":
        return x_height_px(block, face, language)
    masks, glyph = _masks[_instance(block, faces, Halo())], outlines_of(face).ft.get_char_index("x国"[language != "en"])
    [mask], *_ = masks.at(np.array([glyph], np.int32), np.zeros(1), np.zeros(1))
    return float(masks.boxes[mask, 2])


def _label(lines: Lines, part: _Part, measured: _Measured, faces: Catalog) -> None:
    block, paint, done, geo = part
    ink, ink_px, under = measured
    languages = [block.language if block.language == "en" or has_han(t) else "en" for t in done.texts]
    x_heights = {language: _x_height_px(block, faces, language) for language in set(languages)}
    m = len(done.lines)
    width, height = (np.hypot(*(geo.quads[:, i] - geo.quads[:, 0]).T) for i in (1, 3))
    lines.text += done.texts
    lines.face += [block.face] * m
    lines.language += languages
    lines.role += [block.role] * m
    lines.style += [block.raster.kind] * m
    lines.quad_px.append(geo.quads)
    lines.size_px += [block.size_px] * m
    lines.ink_px.append(ink_px)
    lines.x_height_px += [x_heights[language] for language in languages]
    lines.contrast.append(measured_contrast(paint, under))
    lines.ink_density.append(ink / np.maximum(width * height, 1.0))
    lines.ground_std.append(under[:, 3])
