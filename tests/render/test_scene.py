"""Scenes hold what can be drawn: another name is refused, by itself and out of JSON."""

from collections.abc import Callable

import msgspec
import pytest

from render.scene import Block, Effect, Ground, Paint, Scene, Shape

BOX = {"x": 0, "y": 0, "width": 5, "height": 5}


def block(**fields: str) -> Block:
    return Block(text="x", frames=((0, 0, 50, 20),), face="DejaVuSans", size_px=10, language="en", **fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ground(kind="foto"), "ground.kind is 'foto': choose one of photo, paper, gradient"),
        (lambda: Shape(kind="line", **BOX), "shape.kind is 'line': choose one of rule, frame, plate"),
        (lambda: Shape(kind="rule", tone="red", **BOX), "shape.tone is 'red': choose one of ink, faint, plate, accent"),
        (lambda: Paint(inks=("#000000",), blend="add"), "paint.blend is 'add': choose one of alpha, multiply, screen"),
        (lambda: Effect(kind="fog", amount=1), "effect.kind is 'fog': choose one of blur, noise, jpeg, resample"),
        (lambda: block(role="title"), "block.role is 'title': choose one of body, heading, "),
        (lambda: block(align="center"), "block.align is 'center': choose one of left, centre, right, justify"),
        (lambda: block(flow="over"), "block.flow is 'over': choose one of through, each"),
    ],
)
def test_another_name_is_refused_with_those_there_are(make: Callable[[], object], message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_scene_comes_back_from_its_json_and_one_of_another_kind_does_not():
    ground, shapes = Ground(kind="paper", colours=("#ffffff",)), (Shape(kind="rule", **BOX),)
    scene = Scene(
        width_px=64,
        height_px=64,
        language="en",
        layout="line",
        band="5-7",
        ground=ground,
        shapes=shapes,
        blocks=(block(),),
    )

    assert Scene.from_json(scene.to_json()) == scene
    with pytest.raises(msgspec.ValidationError, match=r"ground.kind is 'plain'.*at `\$.ground`"):
        Scene.from_json(scene.to_json().replace('"paper"', '"plain"'))
