"""The layers of the autoencoder are their formulas, forward and back."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from train.layers import RmsSilu, Up


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_norm_is_the_formula_forward_and_back(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    norm = RmsSilu(6).to(dtype)
    norm.gain.data.uniform_(0.5, 1.5)
    x = torch.randn(2, 6, 5, 4, dtype=dtype, requires_grad=True)
    weight = torch.randn(2, 6, 5, 4, dtype=dtype)

    ours = torch.autograd.grad((norm(x) * weight).sum(), (x, norm.gain))
    theirs = torch.autograd.grad((plain(x, norm.gain) * weight).sum(), (x, norm.gain))

    close = {} if dtype != torch.bfloat16 else {"atol": 0.06, "rtol": 0.05}
    torch.testing.assert_close(norm(x), plain(x, norm.gain), **close)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, **close)


def plain(x: Tensor, gain: Tensor) -> Tensor:
    rms = x.square().mean(dim=1, keepdim=True).sqrt()
    return nn.functional.silu(x / rms * gain.view(1, -1, 1, 1))


def test_a_pixel_without_any_signal_is_no_nan() -> None:
    x = torch.zeros(1, 4, 2, 2, requires_grad=True)
    RmsSilu(4)(x).sum().backward()

    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("by_pixel", [False, True])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (5, 3)])
def test_doubling_is_the_nearest_pixel_and_a_convolution(height: int, width: int, by_pixel: bool) -> None:
    torch.manual_seed(0)
    layout = torch.channels_last if by_pixel else torch.contiguous_format
    up = Up(6).double().to(memory_format=layout)  # type: ignore[call-overload]
    x = torch.randn(2, 6, height, width, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    weight = torch.randn(2, 6, 2 * height, 2 * width, dtype=torch.float64)
    variables = (x, *up.parameters())

    ours = up(x)
    theirs = up.conv(functional.interpolate(x, scale_factor=2, mode="nearest"))

    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(
        torch.autograd.grad((ours * weight).sum(), variables),
        torch.autograd.grad((theirs * weight).sum(), variables),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)
