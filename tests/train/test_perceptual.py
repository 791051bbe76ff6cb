"""LPIPS against the `lpips` package with the same random VGG16 on both sides, and where its weights come from."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import tests.train.torchvision_ops  # noqa: F401 - before lpips
from train.teachers.perceptual import TRUNK_FILE, Lpips, find_linear, random_lpips
from train.weights import MissingWeights, read_tensors


@pytest.fixture(scope="module")
def trunk() -> dict[str, Tensor]:
    """A random VGG16 by torchvision's names, without its classifier."""
    return dict(random_lpips(seed=3)._trunk)


@pytest.fixture(scope="module")
def lpips(trunk: dict[str, Tensor]) -> Lpips:
    """Ours: that VGG16 and the true linear weights."""
    return Lpips(trunk, read_tensors(find_linear()))


@pytest.fixture(scope="module")
def theirs(trunk: dict[str, Tensor]) -> nn.Module:
    """The package's LPIPS with that VGG16; it numbers the convolutions alike, within slices."""
    from lpips import LPIPS

    with pytest.warns(UserWarning, match="pretrained|weights"):
        network = LPIPS(net="vgg", version="0.1", pnet_rand=True, verbose=False)
    for name, parameter in network.net.named_parameters():
        parameter.data.copy_(trunk["features." + name.partition(".")[2]])
    return network


def pictures(height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(2, 3, height, width, generator=generator) * 2 - 1
    return images, (images + 0.2 * torch.randn(images.shape, generator=generator)).clamp(-1, 1)


@pytest.mark.parametrize("size", [(64, 64), (33, 50), (16, 16)])
def test_equals_the_package_with_its_gradient(lpips: Lpips, theirs: nn.Module, size: tuple[int, int]) -> None:
    images, targets = pictures(*size)
    mine, other = images.clone().requires_grad_(), images.clone().requires_grad_()

    ours, expected = lpips(mine, targets), theirs(other, targets).view(-1)
    ours.sum().backward()
    expected.sum().backward()

    assert ours.shape == (2,)
    assert expected.detach().min() > 0.01
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    assert mine.grad is not None
    assert other.grad is not None
    scale = other.grad.abs().max()
    torch.testing.assert_close(mine.grad / scale, other.grad / scale, rtol=0, atol=1e-5)


def test_gradient_reaches_the_images_and_not_the_weights(lpips: Lpips) -> None:
    """The trap: a distance computed under no_grad trains nothing, and nobody is told."""
    images, targets = pictures(32, 32)
    images.requires_grad_()

    lpips(images, targets).mean().backward()

    assert images.grad is not None
    assert images.grad.abs().max() > 0
    assert not any(weight.requires_grad for weight in [*lpips._trunk.values(), *lpips._linear.values()])


def test_a_step_against_the_gradient_brings_images_closer(lpips: Lpips) -> None:
    images, targets = pictures(32, 32)
    images.requires_grad_()
    before = lpips(images, targets).sum()
    (gradient,) = torch.autograd.grad(before, images)

    after = lpips(images.detach() - 0.01 * gradient / gradient.abs().max(), targets).sum()

    assert after < before.detach()


def test_zero_for_the_same_image_and_more_for_a_worse_one(lpips: Lpips) -> None:
    images, targets = pictures(32, 32)
    worse = (targets + 3 * (images - targets)).clamp(-1, 1)

    assert lpips(images, images).abs().max() < 1e-7
    assert (lpips(worse, targets) > lpips(images, targets)).all()


def test_positions_without_features_have_finite_gradients(trunk: dict[str, Tensor], lpips: Lpips) -> None:
    """With every ReLU of the first stage off, features there have no length to divide by."""
    dark = {name: value - 100 if name == "features.2.bias" else value for name, value in trunk.items()}
    images, targets = pictures(32, 32)
    images.requires_grad_()

    distances = Lpips(dark, lpips._linear)(images, targets)
    distances.sum().backward()

    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert distances.isfinite().all()


def test_weights_are_in_no_state_dict_of_what_holds_them(lpips: Lpips) -> None:
    """The trap: a frozen network inside checkpoints, optimisers and DDP."""
    model = nn.Linear(2, 2)
    model.lpips = lpips  # type: ignore[assignment]

    assert sorted(model.state_dict()) == ["bias", "weight"]
    assert len([*model.parameters(), *model.buffers()]) == 2


def test_distances_are_float32_under_autocast(lpips: Lpips) -> None:
    images, targets = pictures(32, 32)
    expected = lpips(images, targets)

    with torch.autocast("cpu", torch.bfloat16):
        cast = lpips(images, targets)

    assert cast.dtype == torch.float32
    torch.testing.assert_close(cast, expected, rtol=0.05, atol=0)


def test_wrong_images_are_refused(lpips: Lpips) -> None:
    images, _ = pictures(32, 32)

    with pytest.raises(ValueError, match=r"images are \(2, 3, 32, 32\) and targets \(2, 3, 32, 16\)"):
        lpips(images, images[..., :16])
    with pytest.raises(ValueError, match="at least 16 px"):
        lpips(images[..., :15], images[..., :15])


def test_loads_from_files(trunk: dict[str, Tensor], lpips: Lpips, tmp_path: Path) -> None:
    """A trunk as torchvision saves it, with a classifier, and as safetensors."""
    torch.save(trunk | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg16.pth")
    save_file(trunk, tmp_path / "vgg16.safetensors")
    images, targets = pictures(16, 16)

    for name in ("vgg16.pth", "vgg16.safetensors"):
        assert torch.equal(Lpips.load(str(tmp_path / name))(images, targets), lpips(images, targets))


def test_missing_trunk_names_file_source_and_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    expected = tmp_path / "hub" / "checkpoints" / TRUNK_FILE

    with pytest.raises(MissingWeights, match=re.escape(str(expected))) as missing:
        Lpips.load()
    assert "https://download.pytorch.org/models/vgg16-397923af.pth" in str(missing.value)
    assert "--lpips-weight 0" in str(missing.value)

    expected.parent.mkdir(parents=True)
    expected.write_bytes(b"half a download")
    with pytest.raises(ValueError, match=r"has sha256 .* not 397923af"):
        Lpips.load()


def test_missing_or_other_linear_weights_are_named(tmp_path: Path) -> None:
    other = find_linear().parents[1] / "v0.0" / "vgg.pth"  # of the same shapes, made with a fault

    with pytest.raises(MissingWeights, match=r"nowhere\.pth, are not there.*pip install lpips.*--lpips-weight 0"):
        find_linear(str(tmp_path / "nowhere.pth"))
    with pytest.raises(ValueError, match="has md5 0f3eb8ca…, not d507d734…"):
        find_linear(str(other))


def test_a_file_that_is_no_vgg16_is_refused(trunk: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    (tmp_path / "torn.safetensors").write_bytes(b"\x10")

    with pytest.raises(ValueError, match=r"trunk lacks the tensor features\.\d+\.(weight|bias)"):
        Lpips.load(str(tmp_path / "other.pth"))
    with pytest.raises(ValueError, match=r"module\.pth is no whole file of tensors"):
        Lpips.load(str(tmp_path / "module.pth"))
    with pytest.raises(ValueError, match=r"torn\.safetensors is no whole file of tensors"):
        Lpips.load(str(tmp_path / "torn.safetensors"))
    with pytest.raises(ValueError, match=r"features\.0\.weight has shape \(1,\)"):
        Lpips(trunk | {"features.0.weight": torch.zeros(1)}, {})


def test_making_one_leaves_the_global_generator_alone(trunk: dict[str, Tensor], lpips: Lpips) -> None:
    before = torch.random.get_rng_state()

    Lpips(trunk, lpips._linear)
    first, again = random_lpips(1), random_lpips(1)

    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first._trunk["features.28.weight"], again._trunk["features.28.weight"])
    assert "random weights" in first.name
