"""Run with a compute capability such as 90: every kernel compiles for such a GPU, which need not be there."""
# mypy: ignore-errors

import itertools
import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from train.kernels import bias, distance, norm

MAPS = {"x_ptr", "other_ptr", "y_ptr", "grad_ptr", "around_ptr", "out_ptr"}
kernels = [norm._forward, norm._backward, bias._add, bias._sum, bias._relu, distance._forward, distance._backward]

BY_PIXEL = [(distance._forward, "y_ptr"), (distance._backward, "grad_ptr")]  # one number a pixel


def kind(kernel, name, number):
    if name.endswith("_ptr"):
        is_map = name in MAPS and (kernel, name) not in BY_PIXEL
        return "*" + (number if is_map else "fp32")
    return "i32" if name == "num_rows" else "fp32"


def flags(kernel):
    names = [name for name in ("biased", "joined") if name in kernel.arg_names]
    return [dict(zip(names, chosen, strict=True)) for chosen in itertools.product((True, False), repeat=len(names))]


for kernel, number in itertools.product(kernels, ("bf16", "fp32")):
    for chosen in flags(kernel):
        constants = {"channels": 144, "block_channels": 256, "block_rows": 4} | chosen
        signature = {n: "constexpr" if n in constants else kind(kernel, n, number) for n in kernel.arg_names}
        source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
        made = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32), options={"num_warps": 2})
        assert len(made.asm["cubin"]) > 1000, kernel
