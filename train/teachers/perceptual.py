"""LPIPS, version 0.1, on VGG16: the distance of two images as a network sees it (Zhang et al., 2018).

Its weights are constants: the objects here are no `nn.Module`, so that no optimiser, checkpoint, DDP or FSDP of the
model that holds them meets them. Gradients reach the images.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from train.kernels import kernels_for
from train.losses import without_autocast
from train.weights import MissingWeights, check_digest, check_shapes, read_tensors

# Convolutions 3x3 of VGG16 by stage, as torchvision numbers them: (name, channels in, channels out). What is compared
# is the output of each stage's last ReLU; 2x2 max pooling lies between the stages.
STAGES = (
    (("0", 3, 64), ("2", 64, 64)),
    (("5", 64, 128), ("7", 128, 128)),
    (("10", 128, 256), ("12", 256, 256), ("14", 256, 256)),
    (("17", 256, 512), ("19", 512, 512), ("21", 512, 512)),
    (("24", 512, 512), ("26", 512, 512), ("28", 512, 512)),
)
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of RGB in [-1, 1]; version 0.0 lacked them
EPS = 1e-10
MIN_SIDE_PX = 16  # four poolings

TRUNK_FILE = "vgg16-397923af.pth"
TRUNK_SHA256 = "397923af"  # begins so
TRUNK_URL = f"https://download.pytorch.org/models/{TRUNK_FILE}"
LINEAR_MD5 = "d507d734"  # begins so; v0.0 has the same shapes and other numbers
WITHOUT = "--lpips-weight 0"

_CONVOLUTIONS = {name: (inputs, outputs) for stage in STAGES for name, inputs, outputs in stage}
_TRUNK_SHAPES = {f"features.{n}.weight": (outputs, inputs, 3, 3) for n, (inputs, outputs) in _CONVOLUTIONS.items()} | {
    f"features.{n}.bias": (outputs,) for n, (_, outputs) in _CONVOLUTIONS.items()
}
_LINEAR_SHAPES = {f"lin{i}.model.1.weight": (1, stage[-1][2], 1, 1) for i, stage in enumerate(STAGES)}


class Lpips:
    """The distance of images, 0 where they are the same: `lpips(reconstruction, images)`.

    `trunk` holds the convolutions of VGG16 by torchvision's names, `linear` the weight of each channel of the five
    stages by the names of the `lpips` package.
    """

    name = "LPIPS v0.1 VGG16"

    def __init__(self, trunk: Mapping[str, Tensor], linear: Mapping[str, Tensor]) -> None:
        check_shapes("trunk", trunk, _TRUNK_SHAPES)
        check_shapes("linear", linear, _LINEAR_SHAPES)
        self._trunk = {name: _constant(trunk[name]) for name in _TRUNK_SHAPES}
        self._linear = {name: _constant(linear[name]) for name in _LINEAR_SHAPES}
        self._shift, self._scale = (torch.tensor(value).view(1, 3, 1, 1) for value in (SHIFT, SCALE))

    @classmethod
    def load(cls, trunk: str = "", linear: str = "") -> Self:
        """LPIPS of local files, nothing downloaded.

        `trunk`: VGG16 as torchvision publishes it; "": vgg16-397923af.pth in torch hub's cache ($TORCH_HOME).
        `linear`: the weights of the stages; "": those in the installed `lpips` package, which is not imported.
        Raises MissingWeights where a file is not there, ValueError where it is damaged or another.
        """
        return cls(read_tensors(find_trunk(trunk)), read_tensors(find_linear(linear)))

    def digest(self) -> str:
        """A hash of its weights, whatever files they came from."""
        whole = hashlib.sha256()
        for value in (*self._trunk.values(), *self._linear.values()):
            whole.update(value.cpu().numpy().tobytes())
        return whole.hexdigest()[:16]

    def to(self, device: torch.device | str) -> Self:
        """The same object with its weights on a device."""
        self._trunk = {name: value.to(device) for name, value in self._trunk.items()}
        self._linear = {name: value.to(device) for name, value in self._linear.items()}
        self._shift, self._scale = self._shift.to(device), self._scale.to(device)
        return self

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Distances (n,) in float32 of `images` (n, 3, h, w) from `targets`, both RGB in [-1, 1], sides from 16 px.

        Each stage adds the mean over positions of the weighted squared difference of its features, which have unit
        length over channels. Convolutions follow the caller's autocast; lengths and differences are float32.
        """
        if images.shape != targets.shape or images.dim() != 4 or images.shape[1] != 3:
            raise ValueError(f"images are {tuple(images.shape)} and targets {tuple(targets.shape)}: both (n, 3, h, w)")
        if min(images.shape[2:]) < MIN_SIDE_PX:
            raise ValueError(f"images are {tuple(images.shape[2:])} px: LPIPS needs sides of at least {MIN_SIDE_PX} px")
        pairs = zip(self._stages(images), self._stages(targets), self._linear.values(), strict=True)
        with without_autocast(images.device):
            return torch.stack([_distance(*pair) for pair in pairs]).sum(0)

    def _stages(self, images: Tensor) -> list[Tensor]:
        """The features (n, c, h / 2**i, w / 2**i) of the five stages."""
        x, stages = (images - self._shift) / self._scale, []
        for i, stage in enumerate(STAGES):
            x = functional.max_pool2d(x, 2) if i else x
            for name, _, _ in stage:
                x = _rectified(x, *(self._trunk[f"features.{name}.{part}"] for part in ("weight", "bias")))
            stages.append(x)
        return stages


def _rectified(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution and its ReLU."""
    if kernels := kernels_for(x):
        x = functional.conv2d(x, weight, padding=1).contiguous(memory_format=torch.channels_last)
        y: Tensor = kernels.BiasRelu.apply(x, bias)
        return y
    return functional.relu(functional.conv2d(x, weight, bias, padding=1), inplace=True)


def _distance(features: Tensor, others: Tensor, weight: Tensor) -> Tensor:
    """Distances (n,) of two maps (n, c, h, w), `weight` (1, c, 1, 1)."""
    if (kernels := kernels_for(features)) and not others.requires_grad:
        positions: Tensor = kernels.FusedDistance.apply(features, others, weight.flatten(), EPS)
        return positions.mean((1, 2))
    difference = (_normalised(features) - _normalised(others)).square()
    return (difference * weight).sum(1).mean((1, 2))


def _normalised(features: Tensor) -> Tensor:
    """Features (n, c, h, w) of unit length over channels; those of length 0 stay 0."""
    features = features.float()
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (length + EPS)


def _constant(tensor: Tensor) -> Tensor:
    return tensor.detach().to(torch.float32, copy=True)


def find_trunk(trunk: str = "") -> Path:
    """The file of VGG16, checked against the sha256 in its name where it carries one.

    Raises MissingWeights where it is not there, ValueError where it is another.
    """
    path = Path(trunk) if trunk else Path(torch.hub.get_dir()) / "checkpoints" / TRUNK_FILE
    if not path.is_file():
        get = f"{TRUNK_URL} (528 MB), into {path.parent} or any folder, then name the file with --lpips-trunk"
        raise MissingWeights(f"The VGG16 trunk of LPIPS, {path}, is not there", get=get, without=WITHOUT)
    if path.name == TRUNK_FILE:
        check_digest(path, "sha256", TRUNK_SHA256)
    return path


def find_linear(linear: str = "") -> Path:
    """The file of the five stages' weights; one of torch's kind must be version 0.1's, by its md5.

    Raises MissingWeights where it is not there, ValueError where it is another.
    """
    path = Path(linear) if linear else _packaged_linear()
    if path is None or not path.is_file():
        what = f"The linear weights of LPIPS, {path or 'weights/v0.1/vgg.pth of the package lpips'}, are not there"
        raise MissingWeights(what, get="pip install lpips (it carries them)", without=WITHOUT)
    if path.suffix != ".safetensors":
        check_digest(path, "md5", LINEAR_MD5)
    return path


def _packaged_linear() -> Path | None:
    """Where the `lpips` package keeps them; importing it would import torchvision."""
    spec = importlib.util.find_spec("lpips")
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0], "weights", "v0.1", "vgg.pth") if folders else None


def random_lpips(seed: int = 0) -> Lpips:
    """LPIPS of random weights in the true shapes: for tests and for measuring speed, never for training."""
    generator = torch.Generator().manual_seed(seed)
    trunk, linear = (
        {name: torch.randn(shape, generator=generator) * _spread(shape) for name, shape in shapes.items()}
        for shapes in (_TRUNK_SHAPES, _LINEAR_SHAPES)
    )
    lpips = Lpips(trunk, {name: value.abs() for name, value in linear.items()})
    lpips.name = f"{lpips.name} with random weights"
    return lpips


def _spread(shape: tuple[int, ...]) -> float:
    """The deviation at which a ReLU network keeps the size of its features (He et al., 2015)."""
    return (2.0 / max(1, shape[1] * shape[2] * shape[3])) ** 0.5 if len(shape) == 4 else 0.01
