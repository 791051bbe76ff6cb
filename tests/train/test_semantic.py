"""What a teacher does to images of any size, and that its weights stay constants."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import tests.train.torchvision_ops  # noqa: F401 - before transformers
from tests.train.transformers_networks import images
from train.teachers.dinov2 import Dinov2
from train.teachers.dinov2_config import Dinov2Config
from train.teachers.semantic import BlockTeacher, features_at, load_teacher, random_teacher, tokens_per_side

MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


SMALL = Dinov2Config(width=32, depth=4, heads=4, image_px=70)


def test_features_are_those_of_the_normalised_resized_image(saved: dict[str, tuple[Path, Any]]) -> None:
    """The trap: fed without ImageNet's mean and deviation. 256 px at f16 become 224 px, 16 x 16 tokens."""
    folder, model = saved["plain"]
    teacher = load_teacher(str(folder))
    rgb = (images(256, 256) + 1) / 2
    small = functional.interpolate(rgb, size=(224, 224), mode="bicubic", antialias=True).clamp(0, 1)

    with torch.no_grad():
        theirs = model((small - MEAN) / STD, output_hidden_states=True).hidden_states[2][:, 1:]
    ours = teacher.features(images(256, 256), (16, 16))

    assert ours.shape == (2, 256, 32)
    assert teacher.name == f"{folder.name}, block 2 of 4"
    scale = theirs.abs().max()
    torch.testing.assert_close(ours / scale, theirs / scale, rtol=0, atol=1e-5)
    assert (ours - features_at(_unnormalised(teacher), images(256, 256), (16, 16), [2])[0]).abs().max() > 0.1 * scale


def _unnormalised(teacher: BlockTeacher) -> Any:
    """The same network fed with [-1, 1]."""

    class Bare:
        mean, std = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
        width, depth, patch_px = teacher.network.width, teacher.network.depth, teacher.network.patch_px

        def __call__(self, pixels: Tensor, blocks: Any) -> list[Tensor]:
            return teacher.network(pixels, blocks)

    return Bare()


def test_tokens_of_f32_are_averaged_two_by_two() -> None:
    teacher = random_teacher(SMALL)
    shown = images(128, 192)

    coarse = teacher.features(shown, (4, 6))
    fine = teacher.features(shown, (8, 12)).view(2, 4, 2, 6, 2, 32)

    assert coarse.shape == (2, 24, 32)
    torch.testing.assert_close(coarse, fine.mean((2, 4)).view(2, 24, 32), rtol=0, atol=1e-5)


def test_features_stand_row_by_row_where_their_pixels_do() -> None:
    """A change in one corner of the image changes most the features of that corner."""
    teacher = random_teacher(Dinov2Config(width=32, depth=2, heads=4, image_px=70))
    plain = torch.zeros(1, 3, 64, 96)
    marked = plain.clone()
    marked[:, :, :16, 80:] = 1  # the last of six columns of the first row

    change = (teacher.features(marked, (4, 6)) - teacher.features(plain, (4, 6))).norm(dim=-1)[0]

    assert int(change.argmax()) == 5
    assert change[5] > 2 * change.sort().values[-2]


@pytest.mark.parametrize(
    ("size", "grid", "tokens"),
    [
        ((256, 256), (16, 16), 1),
        ((512, 384), (32, 24), 1),
        ((512, 512), (16, 16), 2),
        ((64, 64), (4, 4), 1),
        ((128, 64), (16, 8), 1),  # f8: the image is enlarged
        ((250, 331), (16, 21), 1),  # sides that no latent divides
        ((16, 16), (1, 1), 1),
    ],
)
def test_any_size_gives_one_feature_a_latent(size: tuple[int, int], grid: tuple[int, int], tokens: int) -> None:
    """The trap: a fixed 224, which fails at any other size."""
    teacher = random_teacher(SMALL)

    features = teacher.features(images(*size), grid)

    assert tokens_per_side(size, grid) == tokens
    assert features.shape == (2, grid[0] * grid[1], 32)
    assert features.isfinite().all()


def test_features_are_constants_that_a_loss_can_use() -> None:
    teacher, shown = random_teacher(SMALL), images(32, 32).requires_grad_()
    projected = torch.zeros(2, 4, 32, requires_grad=True)

    features = teacher.features(shown, (2, 2))
    ((projected - features) * features).sum().backward()  # inference tensors could not be saved for this

    assert not features.requires_grad
    assert features.dtype == torch.float32
    assert projected.grad is not None
    assert shown.grad is None


def test_features_are_float32_under_autocast() -> None:
    teacher, shown = random_teacher(SMALL), images(64, 64)
    expected = teacher.features(shown, (4, 4))

    with torch.autocast("cpu", torch.bfloat16):
        cast = teacher.features(shown, (4, 4))

    assert cast.dtype == torch.float32
    torch.testing.assert_close(cast, expected, rtol=0, atol=0.1 * float(expected.abs().max()))


def test_the_teacher_is_in_no_state_dict_of_what_holds_it() -> None:
    """The trap: 300 million frozen numbers in every checkpoint, optimiser and DDP bucket."""
    model = nn.Linear(2, 2)
    model.teacher = random_teacher(SMALL)  # type: ignore[assignment]

    assert sorted(model.state_dict()) == ["bias", "weight"]
    assert len([*model.parameters(), *model.buffers()]) == 2


def test_weights_are_frozen_and_blocks_after_the_chosen_one_are_dropped() -> None:
    teacher = random_teacher(SMALL, block=3)
    whole = random_teacher(SMALL, block=4)

    assert isinstance(teacher.network, Dinov2)
    assert len(teacher.network.encoder.layer) == 3
    assert not any(parameter.requires_grad for parameter in teacher.network.parameters())
    third = features_at(whole.network, images(32, 32), (2, 2), [3])[0]
    assert torch.equal(teacher.features(images(32, 32), (2, 2)), third)


def test_the_default_block_is_the_middle_one_and_others_are_refused_by_range() -> None:
    assert random_teacher(SMALL).block == 2
    for block in (0, 5, -1):
        with pytest.raises(ValueError, match=f"block is {block}: .* has blocks 1 to 4"):
            random_teacher(SMALL, block=block)


def test_making_one_leaves_the_global_generator_alone(saved: dict[str, tuple[Path, Any]]) -> None:
    before = torch.random.get_rng_state()

    load_teacher(str(saved["plain"][0]))
    first, again, other = (random_teacher(SMALL, seed=seed) for seed in (1, 1, 2))

    assert torch.equal(torch.random.get_rng_state(), before)
    shown = images(32, 32)
    assert torch.equal(first.features(shown, (2, 2)), again.features(shown, (2, 2)))
    assert not torch.equal(first.features(shown, (2, 2)), other.features(shown, (2, 2)))
