"""The kernels of train/fused.py against the plain formula, in Triton's interpreter: no GPU is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = """
import torch
import train.fused
from train.layers import EPSILON, RmsSilu

train.fused.PROGRAMS = 3  # so that each sums several tiles


def compare(shape, dtype, most):
    torch.manual_seed(0)
    norm = RmsSilu(shape[1])
    norm.gain.data.uniform_(0.5, 1.5)
    x, weight = (torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last) for _ in range(2))
    x[0, :, :1] *= 30
    x.requires_grad_()
    plain, fused = norm(x), train.fused.FusedRmsSilu.apply(x, norm.gain, EPSILON)
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
train.fused.FusedRmsSilu.apply(zero, torch.ones(4), EPSILON).sum().backward()
assert torch.isfinite(zero.grad).all()
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
