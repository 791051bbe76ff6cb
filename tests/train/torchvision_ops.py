"""Lets libraries that import torchvision (piq, lpips, pytorch-fid, transformers, diffusers) load beside a CPU torch.

torchvision's wheel is built against CUDA, so its own operators do not load, and its import then fails on the two that
it describes to torch. Defining their names is enough: nothing here calls them. Import this module first.
"""

import torch

if torch.version.cuda is None:
    _OPS = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _OPS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
