"""InceptionV3 as FID is measured with: TensorFlow's network of 2015, from the weights file of pytorch-fid.

Names are those of the file. Where it differs from torchvision's network: average pools do not count the border, and
the last block's pool takes the maximum.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu

from train.metrics import Pixels, zero_to_one
from train.weights import read_tensors

WEIGHTS_FILE = "pt_inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{WEIGHTS_FILE}"
INPUT_PX = 299
Kernel = int | tuple[int, int]
Step = tuple[str, int, Kernel]  # name, output channels, kernel
WIDE, HIGH = (1, 7), (7, 1)

average = partial(avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
maximum = partial(max_pool2d, kernel_size=3, stride=1, padding=1)
halve = partial(max_pool2d, kernel_size=3, stride=2)


class Conv(nn.Module):
    """Convolution without a bias, normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel, *, stride: int = 1, padded: bool = True) -> None:
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2, sides[1] // 2) if padded and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.bn(self.conv(x)), inplace=True)


class Block(nn.Module):
    """Branches side by side, their channels in a row. A step whose name ends in "b" stands beside the step before it.
    shrink: the last step of each branch, and the pool, halve the sides."""

    def __init__(
        self, inputs: int, branches: Sequence[Sequence[Step]], *, pooled: int = 0, shrink: bool = False
    ) -> None:
        super().__init__()
        self._branches = [[name for name, *_ in branch] for branch in branches]
        self._pool = halve if shrink else average
        for branch in branches:
            before = last = inputs
            for i, (name, outputs, kernel) in enumerate(branch):
                start = before if name.endswith("b") else last
                stride = 2 if shrink and i == len(branch) - 1 else 1
                self.add_module(name, Conv(start, outputs, kernel, stride=stride))
                before, last = last, outputs
        if pooled:
            self.branch_pool = Conv(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        results: list[Tensor] = []
        for branch in self._branches:
            before = y = x
            for name in branch:
                if name.endswith("b"):
                    results.append(y)
                    y = before
                before, y = y, getattr(self, name)(y)
            results.append(y)
        pooled = self._pool(x)
        results.append(self.branch_pool(pooled) if hasattr(self, "branch_pool") else pooled)
        return torch.cat(results, 1)


def _a(inputs: int, pooled: int) -> Block:
    five: list[Step] = [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)]
    three: list[Step] = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]
    return Block(inputs, [[("branch1x1", 64, 1)], five, three], pooled=pooled)


def _b(inputs: int) -> Block:
    double: list[Step] = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]
    return Block(inputs, [[("branch3x3", 384, 3)], double], shrink=True)


def _c(inputs: int, width: int) -> Block:
    single: list[Step] = [("branch7x7_1", width, 1), ("branch7x7_2", width, WIDE), ("branch7x7_3", 192, HIGH)]
    sides: list[tuple[int, Kernel]] = [(width, 1), (width, HIGH), (width, WIDE), (width, HIGH), (192, WIDE)]
    double: list[Step] = [(f"branch7x7dbl_{i}", outputs, kernel) for i, (outputs, kernel) in enumerate(sides, 1)]
    return Block(inputs, [[("branch1x1", 192, 1)], single, double], pooled=192)


def _d(inputs: int) -> Block:
    three: list[Step] = [("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3)]
    sides: list[Kernel] = [1, WIDE, HIGH, 3]
    seven: list[Step] = [(f"branch7x7x3_{i}", 192, kernel) for i, kernel in enumerate(sides, 1)]
    return Block(inputs, [three, seven], shrink=True)


def _e(inputs: int) -> Block:
    ends = (("a", (1, 3)), ("b", (3, 1)))
    three: list[Step] = [("branch3x3_1", 384, 1), *((f"branch3x3_2{end}", 384, kernel) for end, kernel in ends)]
    double: list[Step] = [("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3)]
    double += [(f"branch3x3dbl_3{end}", 384, kernel) for end, kernel in ends]
    return Block(inputs, [[("branch1x1", 320, 1)], three, double], pooled=192)


class Inception(nn.Module):
    """Images (n, 3, h, w) from 0 to 1, of any size, to features (n, 2048)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3, padded=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _a(192, 32), _a(256, 64), _a(288, 64)
        self.Mixed_6a = _b(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (_c(768, w) for w in (128, 160, 160, 192))
        self.Mixed_7a = _d(768)
        self.Mixed_7b, self.Mixed_7c = _e(1280), _e(2048)
        self.Mixed_7c._pool = maximum

    def forward(self, x: Tensor) -> Tensor:
        x = 2 * interpolate(x, size=(INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False) - 1
        for name, part in self.named_children():
            x = halve(part(x)) if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3") else part(x)
        return x.mean(dim=(2, 3))

    @torch.inference_mode()
    def features(self, images: Pixels) -> Tensor:
        """Features (n, 2048), on the CPU, of uint8 images (n, h, w, 3)."""
        device = self.Conv2d_1a_3x3.conv.weight.device
        y: Tensor = self(zero_to_one(images).to(device))
        return y.cpu()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the weights file, ready for use. Raises ValueError where it holds something else."""
        state = read_tensors(path)
        model = cls()
        try:
            model.load_state_dict({name: value for name, value in state.items() if not name.startswith("fc.")})
        except RuntimeError as error:
            raise ValueError(f"{path} does not hold the weights of {WEIGHTS_FILE}: {error}") from error
        return model.eval()


def find_weights(weights: str = "") -> Path:
    """The weights file: that one, or in torch's cache of downloads (~/.cache/torch/hub/checkpoints).

    Raises FileNotFoundError naming where to get it and the flag.
    """
    path = Path(weights) if weights else Path(torch.hub.get_dir(), "checkpoints", WEIGHTS_FILE)
    if not path.is_file():
        raise FileNotFoundError(
            f"the weights of FID's network, {path}, are not there: get {WEIGHTS_URL} and name the file with "
            "--fid-weights, or leave fid out of --metrics"
        )
    return path
