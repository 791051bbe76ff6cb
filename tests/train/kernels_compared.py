"""Run with TRITON_INTERPRET=1: the kernels give what torch's own operations give, forward and back."""
# mypy: ignore-errors

import torch

import train.kernels
import train.layers
from train.kernels import between, tiles
from train.layers import ResidualBlock, RmsSilu
from train.teachers.perceptual import _distance, random_lpips

tiles.PROGRAMS, tiles.VALUES_PER_THREAD = 3, 2  # so that each program sums several tiles
suits = train.kernels._suits
ran = set()  # functions whose kernels were used
for name in between.__all__:
    function = getattr(between, name)
    function.apply = lambda *args, name=name, apply=function.apply: (ran.add(name), apply(*args))[1]


def both(make, inputs, dtype, most):
    found = []
    for choose in (suits, lambda x: True):  # on a CPU the first takes none
        train.kernels._suits = choose
        y = make()
        weight = torch.linspace(-1, 1, y.numel()).view(y.shape)
        found.append((y, *torch.autograd.grad((y.float() * weight).sum(), inputs)))
    for theirs, ours in zip(*found, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        gap = (ours - theirs).abs().max() / theirs.abs().max()
        assert gap <= most, f"{[tuple(x.shape) for x in inputs]} {dtype}: {gap:.1e}"
    return found


def random(*shape, dtype=torch.float32):
    return torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last)


def norm(shape, dtype, most):
    norm, x = RmsSilu(shape[1]), random(*shape, dtype=dtype)
    norm.gain.data.uniform_(0.5, 1.5)
    x[0, :, :1] *= 30
    found = both(lambda: norm(x), [x.requires_grad_(), norm.gain], dtype, most)
    assert found[1][0].is_contiguous(memory_format=torch.channels_last)


def block(width_in, width_out, dtype, most):
    block, x = ResidualBlock(width_in, width_out).to(memory_format=torch.channels_last), random(2, width_in, 5, 7)
    for parameter in block.parameters():
        parameter.data.normal_(0, 0.3)
    x = x.to(dtype).requires_grad_()

    def make():
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
            return block(x)

    both(make, [x, *block.parameters()], dtype, most)


def around(shape):
    # x itself is used too, beside the norm of x and a bias
    norm, x, bias = RmsSilu(shape[1]), random(*shape).requires_grad_(), torch.randn(shape[1]).requires_grad_()
    ours = norm.around(between, x, bias)
    plain = x, train.layers._RmsSilu.apply(x + bias.view(1, -1, 1, 1), norm.gain)
    weights = random(*shape), random(*shape)
    inputs = [x, bias, norm.gain]
    for one, other in zip(*(torch.autograd.grad(pair, inputs, weights) for pair in (ours, plain)), strict=True):
        assert (one - other).abs().max() <= 1e-6 * other.abs().max()


torch.manual_seed(0)
around((2, 6, 5, 7))
norm((2, 6, 5, 7), torch.float32, 1e-6)
norm((1, 96, 12, 8), torch.float32, 1e-6)
norm((3, 300, 9, 3), torch.float32, 1e-6)  # neither pixels nor channels fill a tile
norm((2, 144, 9, 5), torch.bfloat16, 0.02)  # the plain formula rounds in between
block(6, 6, torch.float32, 1e-6)
block(40, 24, torch.float32, 1e-6)  # with a convolution around it
block(24, 24, torch.bfloat16, 0.03)

features, others = (random(2, 64, 5, 7).relu() for _ in range(2))
features[:, :, 0, 0] = 0  # of no length
weight = torch.rand(1, 64, 1, 1)
both(lambda: _distance(features, others, weight), [features.requires_grad_()], torch.float32, 1e-6)
by_channel = others.contiguous()
both(lambda: _distance(features, by_channel, weight), [features], torch.float32, 1e-6)
lpips, images, targets = random_lpips(), random(2, 3, 32, 16).requires_grad_(), random(2, 3, 32, 16)
train.kernels._suits = suits
plain = torch.autograd.grad(lpips(images, targets).sum(), images)[0]
train.kernels._suits = lambda x: True
ours = torch.autograd.grad(lpips(images, targets).sum(), images)[0]
assert (ours - plain).abs().max() <= 1e-5 * plain.abs().max()

zero = torch.zeros(1, 4, 2, 2).contiguous(memory_format=torch.channels_last).requires_grad_()
RmsSilu(4)(zero).sum().backward()
assert torch.isfinite(zero.grad).all()
bad = torch.ones(1, 4, 2, 2).contiguous(memory_format=torch.channels_last)
bad[0, 1, 0, 0] = torch.nan
assert torch.equal(RmsSilu(4)(bad)[0].isnan(), torch.tensor([[True, False], [False, False]]).expand(4, 2, 2))
assert ran == set(between.__all__), ran
