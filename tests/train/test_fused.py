"""The kernels of train/fused.py against the plain formula, in Triton's interpreter: no GPU is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = """
import torch
import train.fused
import train.layers
from train.layers import RmsSilu

train.fused.PROGRAMS = 3  # so that each sums several tiles
suits = train.layers._suits


def both(norm, x):
    train.layers._suits = suits  # on a CPU: the plain formula
    plain = norm(x)
    train.layers._suits = lambda x: True
    return plain, norm(x)


def compare(shape, dtype, most):
    torch.manual_seed(0)
    norm = RmsSilu(shape[1])
    norm.gain.data.uniform_(0.5, 1.5)
    x, weight = (torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last) for _ in range(2))
    x[0, :, :1] *= 30
    x.requires_grad_()
    plain, fused = both(norm, x)
    assert "Fused" in type(fused.grad_fn).__name__ and "Fused" not in type(plain.grad_fn).__name__
    assert fused.is_contiguous(memory_format=torch.channels_last)
    gradients = (torch.autograd.grad(y, (x, norm.gain), weight) for y in (plain, fused))
    for theirs, ours in [(plain, fused), *zip(*gradients)]:
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        gap = (ours - theirs).abs().max() / theirs.abs().max()
        assert gap <= most, f"{shape} {dtype}: {gap:.1e}"


compare((2, 6, 5, 7), torch.float32, 1e-6)
compare((1, 96, 12, 8), torch.float32, 1e-6)
compare((3, 300, 9, 3), torch.float32, 1e-6)  # neither pixels nor channels fill a tile
compare((2, 144, 9, 5), torch.bfloat16, 0.02)  # the plain formula rounds in between

zero = torch.zeros(1, 4, 2, 2).contiguous(memory_format=torch.channels_last).requires_grad_()
both(RmsSilu(4), zero)[1].sum().backward()
assert torch.isfinite(zero.grad).all()
bad = torch.ones(1, 4, 2, 2).contiguous(memory_format=torch.channels_last)
bad[0, 1, 0, 0] = torch.nan
for y in both(RmsSilu(4), bad):
    assert torch.equal(y[0].isnan(), torch.tensor([[True, False], [False, False]]).expand(4, 2, 2))
"""


def test_the_kernels_are_the_formula_forward_and_back() -> None:
    pytest.importorskip("triton")

    done = subprocess.run(
        [sys.executable, "-c", COMPARE],
        env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
