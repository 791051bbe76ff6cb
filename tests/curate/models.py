"""Tiny models for tests: ONNX graphs whose scores can be told by hand."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper


def save_means(path: Path, side_px: int | str = "side") -> Path:
    """A model of the mean of each channel of its input: (n, 3, side, side) to (n, 3)."""
    fed = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, side_px, side_px])
    given = helper.make_tensor_value_info("means", TensorProto.FLOAT, ["n", 3])
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
    ]
    graph = helper.make_graph(nodes, "means", [fed], [given])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def plain(red: int, green: int, blue: int) -> np.ndarray:
    """A picture of one colour, (20, 30, 3) uint8."""
    return np.full((20, 30, 3), (red, green, blue), np.uint8)
