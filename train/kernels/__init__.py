"""What training does between convolutions, in Triton: each pass over the activations made once.

For CUDA and activations stored by pixel; where they do not run (`kernels_for` gives None), layers use torch's own
operations, which pass over the activations several times as often.
"""

import os
import shutil
import warnings
from functools import cache
from types import ModuleType

import torch
from torch import Tensor


def kernels_for(x: Tensor) -> ModuleType | None:
    """`train.kernels.between` where it takes x: on CUDA, by pixel, no more exact than float32, not being compiled."""
    if torch.compiler.is_compiling() or not _suits(x):
        return None
    return _between()


def _suits(x: Tensor) -> bool:
    by_pixel = x.is_contiguous(memory_format=torch.channels_last)
    return x.is_cuda and by_pixel and x.dtype != torch.float64 and _can_launch(x.device)


@cache
def _can_launch(device: torch.device) -> bool:
    """What Triton needs: a C compiler, for its first launch, and compute capability 7."""
    if torch.cuda.get_device_capability(device) < (7, 0):
        return False
    if not any(map(shutil.which, filter(None, (os.environ.get("CC"), "cc", "gcc", "clang")))):
        warnings.warn("no C compiler (gcc) for Triton: training is a third slower without", stacklevel=2)
        return False
    return True


@cache
def _between() -> ModuleType | None:
    """None where this torch comes without Triton."""
    try:
        from train.kernels import between
    except ImportError:
        return None
    return between
