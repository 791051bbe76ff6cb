"""A scene to pixels and labels: draw(scene, photo, faces). No chance inside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fonts.catalog import Catalog
from render.blit import BLEND_CODE, blit, ground_under, shade
from render.colour import LINEAR, least_contrast, luminance, to_rgb, to_rgbs
from render.effects import apply
from render.glyphs import Instance, MaskCache, Masks
from render.ground import prepare
from render.labels import LineGeometry, Lines, geometry, turned, x_height_px
from render.linebreak import has_han
from render.raster import Halo
from render.scene import Block, Paint, Scene
from render.typeset import Typeset, typeset

Image = NDArray[np.uint8]
_masks = MaskCache()  # of this process: pure in its keys


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
            _draw_block(canvas, shaded, (block, paint, done, geo), faces, lines)
    return Rendering(apply(canvas, scene.effects), lines, shaded)


def _inside(geo: LineGeometry, done: Typeset, scene: Scene) -> LineGeometry:
    box = geo.bounds
    out = (box[:, :2] < -0.01).any(axis=1) | (
        box[:, 2:] > (scene.width_px + 0.01, scene.height_px + 0.01)
    ).any(axis=1)
    if out.any():
        i = int(out.argmax())
        raise ClippedError(
            f"line {done.texts[i]!r} at {np.round(box[i], 1).tolist()} px reaches outside the picture"
        )
    return geo


def _draw_block(canvas: Image, shaded: Image | None, parts, faces: Catalog, lines: Lines) -> None:
    block, paint, done, geo = parts
    x, y = turned(np.stack([done.x, done.y], axis=1), block).T
    for layer in paint.layers:
        masks = _masks[_instance(block, faces, layer.halo)]
        ink = np.broadcast_to(to_rgb(layer.colour), (len(x), 3))
        _blit(canvas, masks, done, (x + layer.dx, y + layer.dy), (ink, layer.opacity, "alpha"))
    under = ground_under(canvas, geo.bounds, LINEAR)
    masks = _masks[_instance(block, faces, Halo())]
    chosen = _blit(canvas, masks, done, (x, y), (_inks(paint, done), paint.opacity, paint.blend))
    if shaded is not None:
        shade(shaded, masks.bytes, masks.boxes, *chosen, masks.channels)
    ink = np.bincount(done.line_of, masks.total[chosen[0]], len(done.lines))
    _label(lines, parts, (ink, under), faces)


def _instance(block: Block, faces: Catalog, halo: Halo) -> Instance:
    return Instance(
        face=faces[block.face],
        size_px=block.size_px,
        raster=block.raster,
        angle_deg=block.angle_deg,
        halo=halo,
    )


def _blit(canvas: Image, masks: Masks, done: Typeset, pens, ink):
    colours, opacity, blend = ink
    chosen = masks.at(done.glyph_ids, *pens)
    style = (BLEND_CODE[blend], masks.channels)
    blit(canvas, masks.bytes, masks.boxes, *chosen, colours, np.int32(round(opacity * 255)), style)
    return chosen


def _inks(paint: Paint, done: Typeset) -> NDArray[np.uint8]:
    """The ink of each glyph (n, 3): its line's, faded towards the second along the line where there is one."""
    first = to_rgbs(paint.inks)[done.line_of]
    if not paint.fade_to:
        return first
    last = to_rgbs(paint.fade_to)[done.line_of].astype(np.float64)
    start, end = done.starts[done.line_of], done.ends[done.line_of]
    share = np.clip((done.x - start) / np.maximum(end - start, 1.0), 0, 1)[:, None]
    return np.asarray(first + (last - first) * share + 0.5).astype(np.uint8)


def measured_contrast(paint: Paint, under: NDArray[np.float64]) -> NDArray[np.float64]:
    """WCAG 2 contrast (m,) of each line's ink to the nearest tenth of its ground, opacity and blend counted."""
    dark, light, mean = under[:, 0], under[:, 1], under[:, 2]
    results = []
    for inks in (paint.inks, paint.fade_to) if paint.fade_to else (paint.inks,):
        ink = luminance(to_rgbs(inks))
        ink = {"alpha": ink, "multiply": ink * mean, "screen": ink + mean - ink * mean}[paint.blend]
        results.append(least_contrast(ink * paint.opacity + mean * (1 - paint.opacity), dark, light))
    return np.asarray(np.min(results, axis=0))


def _label(lines: Lines, parts, measured, faces: Catalog) -> None:
    block, paint, done, geo = parts
    ink, under = measured
    m = len(done.lines)
    width, height = (np.hypot(*(geo.quads[:, i] - geo.quads[:, 0]).T) for i in (1, 3))
    lines.text += done.texts
    lines.face += [block.face] * m
    lines.language += [block.language if block.language == "en" or has_han(t) else "en" for t in done.texts]
    lines.role += [block.role] * m
    lines.style += [block.raster.kind] * m
    lines.quad_px.append(geo.quads)
    lines.size_px += [block.size_px] * m
    lines.ink_px.append(geo.ink_px)
    lines.x_height_px += [x_height_px(block, faces)] * m
    lines.contrast.append(measured_contrast(paint, under))
    lines.ink_density.append(ink / np.maximum(width * height, 1.0))
    lines.ground_std.append(under[:, 3])
