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
name, *shape = SHAPE.split()
shape, dtype = tuple(map(int, shape)), getattr(torch, name)
torch.manual_seed(0)
norm = RmsSilu(shape[1])
norm.gain.data.uniform_(0.5, 1.5)
x, weight = (torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last) for _ in range(2))
x[0, :, :1] *= 30
x.requires_grad_()
theirs, ours = norm(x), train.fused.FusedRmsSilu.apply(x, norm.gain, EPSILON)
assert ours.dtype == dtype and ours.is_contiguous(memory_format=torch.channels_last)
pairs = [(theirs, ours)]
pairs += zip(*(torch.autograd.grad(y, (x, norm.gain), weight) for y in (theirs, ours)))
for theirs, ours in pairs:
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    gap = (ours - theirs).abs().max() / theirs.abs().max()
    assert gap <= LIMIT, f"{gap:.1e}"

zero = torch.zeros(1, 4, 2, 2).contiguous(memory_format=torch.channels_last).requires_grad_()
train.fused.FusedRmsSilu.apply(zero, torch.ones(4), EPSILON).sum().backward()
assert torch.isfinite(zero.grad).all()
"""


@pytest.mark.parametrize(
    ("shape", "limit"),
    [
        ("float32 2 6 5 7", 1e-6),
        ("float32 1 96 12 8", 1e-6),
        ("float32 3 300 9 3", 1e-6),  # neither pixels nor channels fill a tile
        ("bfloat16 2 144 9 5", 0.02),  # the plain formula rounds in between
    ],
)
def test_the_kernels_are_the_formula_forward_and_back(shape: str, limit: float) -> None:
    pytest.importorskip("triton")

    done = subprocess.run(
        [sys.executable, "-c", COMPARE.replace("SHAPE", repr(shape)).replace("LIMIT", str(limit))],
        env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
