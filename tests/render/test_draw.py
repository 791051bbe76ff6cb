"""Drawing: what a label says is in the picture, whole and where it says, and a scene draws the same bytes again."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fonts.catalog import Catalog
from render.draw import ClippedError, draw, draw_text
from render.effects import EFFECTS
from render.ground import draw_shape
from render.labels import character_quads, geometry
from render.mix import Mix
from render.palette import contrast_floors
from render.raster import Halo, Raster
from render.recipe import BANDS, Recipe
from render.scene import Block, Effect, Ground, Layer, Paint, Scene, Shape
from render.typeset import metrics_of, typeset
from tests.render.scenes import SMALL, made_photo, scenes

PAPER = Ground(kind="paper", colours=("#ffffff",))


def page_of(block: Block, faces: Catalog, side_px: int = 200) -> Scene:
    paint = Paint(inks=("#000000",) * len(typeset(block, faces).lines))
    return Scene(
        width_px=side_px,
        height_px=side_px,
        language=block.language,
        layout="line",
        band="10-14",
        ground=PAPER,
        blocks=(block,),
        paints=(paint,),
    )


def inside(quad: np.ndarray, mask: np.ndarray, slack_px: float = 0.75) -> np.ndarray:
    """Which pixels of a mask have their centre in a quad, or within slack_px of it."""
    y, x = np.nonzero(mask)
    points = np.stack([x + 0.5, y + 0.5], axis=1)
    signs = []
    for a, b in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        side = (b - a) / max(np.hypot(*(b - a)), 1e-9)
        signs.append(side[0] * (points[:, 1] - a[1]) - side[1] * (points[:, 0] - a[0]))
    return np.min(signs, axis=0) >= -slack_px


def test_json_draws_the_same_bytes(faces: Catalog) -> None:
    image = made_photo()
    for scene, canvas in scenes(faces, SMALL, image, 39):
        first = draw_text(scene, canvas, faces)
        again = draw(Scene.from_json(scene.to_json()), image, faces)

        assert np.array_equal(first.image, again.image), scene.layout
        assert first.lines.text == again.lines.text


def test_all_ink_lies_in_the_lines_quads(faces: Catalog) -> None:
    """The text mask holds nothing outside the union of the quads, and every quad has ink."""
    for scene, canvas in scenes(faces, replace(SMALL, layers=Mix.parse("none")), made_photo(), 39, seed=1):
        done = draw_text(replace(scene, effects=()), canvas, faces, mask=True)
        quads = np.concatenate(done.lines.quad_px)
        covered = np.zeros(int((done.mask > 40).sum()), bool)
        for text, quad in zip(done.lines.text, quads, strict=True):
            within = inside(quad, done.mask > 40)
            covered |= within

            assert within.any() or not text.strip(), (scene.layout, text)

        assert covered.mean() > 0.999, scene.layout


def test_every_character_of_a_label_has_ink_in_its_own_quad(faces: Catalog) -> None:
    for scene, _ in scenes(faces, replace(SMALL, bands=Mix.parse("10-14 14-20")), made_photo(), 24, seed=2):
        for block, paint in zip(scene.blocks, scene.paints, strict=True):
            alone = replace(scene, ground=PAPER, shapes=(), blocks=(block,), paints=(paint,), effects=())
            done = draw(alone, None, faces, mask=True)
            placed = typeset(block, faces)
            numbers, quads = character_quads(block, placed, geometry(block, placed, faces))
            chars = "".join(placed.texts)

            assert len(chars) == len(numbers)
            for char, quad in zip(chars, quads, strict=True):
                assert char.isspace() or inside(quad, done.mask > 0).any(), (scene.layout, block.face, char)


def test_sizes_stay_in_the_band_and_under_20(faces: Catalog) -> None:
    for scene, _ in scenes(faces, SMALL, made_photo(), 52, seed=3):
        low, high = BANDS[scene.band]
        sizes = [block.size_px for block in scene.blocks]

        assert all(low <= size <= 20 for size in sizes), (scene.layout, sizes)
        assert scene.layout in ("slide", "poster", "line") or any(low <= s <= high for s in sizes)


def test_the_em_is_exact_whatever_the_style(faces: Catalog) -> None:
    """国 of 16 px is as high in every style as its outline is: to a pixel, hinting included."""
    face = faces["NotoSansCJKsc-Regular"]
    heights = {}
    for raster in (Raster(), Raster(kind="light"), Raster(kind="lcd"), Raster(kind="reduced", factor=3)):
        block = Block(text="国", frames=((40, 40, 60, 30),), face=face.id, size_px=16, language="zh", raster=raster)
        mask = draw(page_of(block, faces), None, faces, mask=True).mask
        heights[raster.kind] = np.ptp(np.nonzero(mask > 100)[0]) + 1

    assert max(heights.values()) - min(heights.values()) <= 1
    assert heights["grey"] == pytest.approx(16 * 0.93, abs=1)


def test_a_text_too_long_is_cut_and_so_is_its_label(faces: Catalog) -> None:
    text = "seven words that do not fit here at all"
    block = Block(text=text, frames=((10, 10, 90, 14),), face="DejaVuSans", size_px=12, language="en", wrap=False)
    lines = draw(page_of(block, faces), None, faces).lines

    assert len(lines.text) == 1
    assert text.startswith(lines.text[0])
    assert len(lines.text[0]) < len(text)


def test_text_outside_the_picture_is_refused(faces: Catalog) -> None:
    block = Block(text="Word", frames=((180, 10, 60, 20),), face="DejaVuSans", size_px=12, language="en")
    with pytest.raises(ClippedError, match="Word"):
        draw(page_of(block, faces), None, faces)


def test_contrast_is_measured_and_kept(faces: Catalog) -> None:
    recipe = replace(SMALL, inks=Mix.parse("alpha"))
    lines = [draw_text(*made, faces).lines for made in scenes(faces, recipe, made_photo(), 39, seed=4)]
    measured = np.concatenate([contrast for one in lines for contrast in one.contrast])
    floors = contrast_floors(recipe, np.concatenate([one.size_px for one in lines]))

    assert (measured >= floors).mean() > 0.99
    assert floors.min() == recipe.contrast_floor < floors.max()


def test_the_height_of_x_is_that_of_the_lines_own_language(faces: Catalog) -> None:
    face = faces["NotoSansCJKsc-Regular"]
    text, frame = "国家\nwords", (10, 10, 150, 60)
    block = Block(text=text, frames=(frame,), face=face.id, size_px=16, language="zh")
    lines = draw(page_of(block, faces), None, faces).lines
    metrics = metrics_of(face)

    assert lines.language == ["zh", "en"]
    assert lines.x_height_px == pytest.approx([16 * metrics.han_height, 16 * metrics.x_height])
    assert metrics.x_height < 0.7 < metrics.han_height


def test_the_deviation_of_the_ground_is_without_outlines(faces: Catalog) -> None:
    block = Block(text="Word", frames=((10, 10, 90, 20),), face="DejaVuSans", size_px=12, language="en")
    scene = page_of(block, faces)
    outline = Layer(colour="#000000", opacity=1.0, halo=Halo(grow_px=1.0))
    paint = replace(scene.paints[0], inks=("#ffffff",), layers=(outline,))
    made = draw(replace(scene, paints=(paint,)), None, faces)

    assert made.image.min() < 50  # the outline
    assert np.concatenate(made.lines.ground_std).tolist() == [0.0]


def test_black_on_white_has_the_contrast_that_apca_states(faces: Catalog) -> None:
    block = Block(text="Word", frames=((10, 10, 90, 20),), face="DejaVuSans", size_px=12, language="en")

    assert np.concatenate(draw(page_of(block, faces), None, faces).lines.contrast) == pytest.approx(106.04, abs=0.01)


GOLDEN = Path(__file__).parents[1] / "golden" / "scenes.json"


def test_golden_pixels(faces: Catalog, update_golden: bool) -> None:
    """The pixels of a few scenes by sha256; `pytest --update-golden` after a change that is meant, then look."""
    recipe = Recipe(image_size=("256",), grounds=Mix.parse("photo"))
    found = {}
    for i, (scene, canvas) in enumerate(scenes(faces, recipe, made_photo(), 26, seed=5)):
        image = draw_text(scene, canvas, faces).image
        found[f"{i} {scene.layout} {scene.language}"] = hashlib.sha256(image.tobytes()).hexdigest()[:16]
    if update_golden:
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")

    assert found == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("at_px", [9.5, 10.0, 10.3, 10.5, 11.5, 12.51])
def test_a_rule_is_as_thick_wherever_it_lies(at_px: float) -> None:
    for num_px in (1, 2, 3):
        canvas = np.zeros((30, 30, 3), np.uint8)
        draw_shape(canvas, Shape(kind="rule", x=at_px, y=0, width=num_px, height=30, colour="#ffffff"))
        draw_shape(canvas, Shape(kind="rule", x=0, y=at_px, width=30, height=num_px, colour="#ffffff"))

        assert np.count_nonzero(canvas[0, :, 0]) == np.count_nonzero(canvas[:, 0, 0]) == num_px


def test_a_shape_larger_than_memory_costs_what_is_seen_of_it() -> None:
    page = np.zeros((40, 60, 3), np.uint8)
    draw_shape(page, Shape(kind="plate", x=30, y=-9e5, width=1e6, height=1e6, colour="#ffffff", radius_px=8))

    assert page[:, 30:].min() == 255
    assert page[:, :30].max() == 0


@pytest.mark.parametrize("kind", ["rule", "frame", "plate"])
@pytest.mark.parametrize("radius_px", [0.0, 6.0])
def test_a_shape_partly_outside_is_cut_off_and_not_drawn_smaller(kind: str, radius_px: float) -> None:
    for x, y in ((-10, -5), (30, 25), (-10, 25), (-90, 5)):
        page, large = np.zeros((40, 50, 3), np.uint8), np.zeros((240, 250, 3), np.uint8)
        shape = Shape(kind=kind, x=x, y=y, width=30, height=20, radius_px=radius_px, line_px=2, colour="#ffffff")
        draw_shape(page, shape)
        draw_shape(large, replace(shape, x=x + 100, y=y + 100))

        assert np.array_equal(page, large[100:140, 100:150])


def test_resampling_leaves_opencv_as_it_was():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    before = cv2.ipp.useIPP()

    EFFECTS["resample"](image, Effect(kind="resample", amount=1.3))

    assert cv2.ipp.useIPP() == before
