"""The kernels that layers and losses call, in one place."""

from train.kernels.bias import AddWithBias, BiasRelu
from train.kernels.distance import FusedDistance
from train.kernels.norm import FusedRmsSilu

__all__ = ["AddWithBias", "BiasRelu", "FusedDistance", "FusedRmsSilu"]
