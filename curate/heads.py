"""Learned scores from a local file: an ONNX model, or a small safetensors head on the output of an ONNX model."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.picture import Picture, Pixels
from curate.scorers import column

Floats = NDArray[np.float32]

ACTIVATIONS = ("none", "sigmoid", "softmax")
LAYER = re.compile(r"(?:(?:.*\.)?(\d+)\.)?(weight|bias)")
INSTALL = 'pip install "smallprint[heads]"'
BATCH = 16
HASH_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings:
    """How a model is fed and read: the JSON file beside it (`model.onnx`: `model.json`)."""

    size_px: int = 224
    """Side of the square that the whole picture is resized to."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Subtracted from R, G and B in 0 to 1."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """What they are then divided by."""
    output: int = 0
    """Which of the model's numbers is the score."""
    activation: str = "none"
    """What they pass through: none, sigmoid or softmax."""
    backbone: str = ""
    """For a safetensors head: the ONNX file, beside it, whose output it reads."""
    about: str = "score of a learned head"
    """Meaning; unit; range; direction: kept with the column."""

    def __post_init__(self) -> None:
        if not (isinstance(self.size_px, int) and self.size_px > 0):
            raise ValueError(f"size_px is {self.size_px!r}: use a whole number of px above 0")
        for name in ("mean", "std"):
            value = getattr(self, name)
            if len(value) != 3 or not all(isinstance(part, int | float) for part in value):
                raise ValueError(f"{name} is {value!r}: use three numbers, for R, G and B")
        if min(self.std) <= 0:
            raise ValueError(f"std is {self.std!r}: use three numbers above 0")
        if not (isinstance(self.output, int) and self.output >= 0):
            raise ValueError(f"output is {self.output!r}: use a whole number from 0")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}: use {', '.join(ACTIVATIONS)}")


class Head:
    """One column `name` of a local model's scores, on the CPU, on one thread.

    path: an ONNX model of (n, 3, h, w) float32 RGB to (n, k) numbers; or a safetensors file of linear layers
    ("0.weight", "0.bias", "2.weight" ..., a ReLU between two) on the output of the ONNX model that its settings
    name. Raises ValueError naming the file and the remedy.
    """

    def __init__(self, path: str | Path, name: str = "") -> None:
        self._path = Path(path)
        _must_exist(self._path)
        self._settings = _read_settings(self._path)
        self._layers = _read_layers(self._path) if self._path.suffix == ".safetensors" else []
        model = self._path.parent / self._settings.backbone if self._layers else self._path
        if self._layers and not self._settings.backbone:
            raise ValueError(f"{self._path} needs a backbone: name an ONNX file in {self._path.with_suffix('.json')}")
        _must_exist(model)
        self._session = _open_model(model)
        self.schema = pa.schema([column(name or self._path.stem, pa.float32(), self._settings.about)])
        self.version = "; ".join(_digest(file) for file in dict.fromkeys((self._path, model))) + _runtime()

    def __call__(self, pictures: Sequence[Picture]) -> pa.RecordBatch:
        scores: list[float] = []
        for start in range(0, len(pictures), BATCH):
            scores += self._score([picture.rgb for picture in pictures[start : start + BATCH]])
        return pa.RecordBatch.from_arrays([pa.array(scores, pa.float32())], schema=self.schema)

    def _score(self, pictures: Sequence[Pixels]) -> list[float]:
        fed = np.stack([_prepare(rgb, self._settings) for rgb in pictures])
        values = self._run(fed)
        for place, (weight, bias) in enumerate(self._layers):
            values = np.maximum(values, 0) if place else values
            if values.shape[1] != weight.shape[1]:
                raise ValueError(f"{self._path} takes {weight.shape[1]} numbers, its backbone gives {values.shape[1]}")
            values = values @ weight.T + bias
        if not self._settings.output < values.shape[1]:
            raise ValueError(f"{self._path}: output is {self._settings.output}, of {values.shape[1]}: use a lower one")
        return _activate(values, self._settings.activation)[:, self._settings.output].tolist()  # type: ignore[no-any-return]

    def _run(self, fed: Floats) -> Floats:
        name = self._session.get_inputs()[0].name
        try:
            values = self._session.run(None, {name: fed})[0]
        except Exception as error:
            shape = self._session.get_inputs()[0].shape
            remedy = f"set size_px in {self._path.with_suffix('.json')}, and export it with a batch of any size"
            raise ValueError(f"{self._path} takes {shape}, not {list(fed.shape)}: {remedy}") from error
        return np.asarray(values, np.float32).reshape(len(fed), -1)


def _must_exist(path: Path) -> None:
    if path.suffix not in (".onnx", ".safetensors"):
        raise ValueError(f"head {path}: use a file that ends in .onnx or .safetensors")
    if not path.is_file():
        raise ValueError(f"head {path}: there is no such file; give its full path")


def _read_settings(path: Path) -> HeadSettings:
    file = path.with_suffix(".json")
    if not file.is_file():
        return HeadSettings()
    try:
        values = json.loads(file.read_text())
        if not isinstance(values, dict):
            raise ValueError(f'it holds a {type(values).__name__}: write settings by name, as in {{"size_px": 224}}')
        known = {spec.name for spec in fields(HeadSettings)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"{unknown[0]} is no setting: use {', '.join(sorted(known))}")
        given: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in values.items()}
        return HeadSettings(**given)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: {error}") from error


def _read_layers(path: Path) -> list[tuple[Floats, Floats]]:
    """Weight (out, in) and bias (out,) of each layer, in order."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ModuleNotFoundError as error:
        raise ValueError(f"{path} needs safetensors: {INSTALL}") from error
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from error
    layers: dict[int, dict[str, Floats]] = {}
    for name, tensor in tensors.items():
        match = LAYER.fullmatch(name)
        if not match or tensor.ndim != (2 if match[2] == "weight" else 1):
            remedy = "only linear layers are read, named 0.weight, 0.bias, 2.weight, ..."
            raise ValueError(f"{path}: {name} of shape {list(tensor.shape)} is no linear layer; {remedy}")
        layers.setdefault(int(match[1] or 0), {})[match[2]] = tensor.astype(np.float32)
    parts = [layers[place] for place in sorted(layers)]
    if not parts or not all("weight" in part for part in parts):
        raise ValueError(f"{path} holds no weight: save the head's state as 0.weight, 0.bias, ...")
    return [(part["weight"], part.get("bias", np.zeros(len(part["weight"]), np.float32))) for part in parts]


def _open_model(path: Path) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ValueError(f"a head needs onnxruntime: {INSTALL}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"{path} is no ONNX model that onnxruntime opens: {error}") from error


def _prepare(rgb: Pixels, settings: HeadSettings) -> Floats:
    """(3, size, size) float32."""
    small = cv2.resize(rgb, (settings.size_px, settings.size_px), interpolation=cv2.INTER_AREA)
    mean, std = (np.array(value, np.float32) for value in (settings.mean, settings.std))
    values = (small.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)


def _activate(values: Floats, activation: str) -> Floats:
    if activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-values)), np.float32)
    if activation == "softmax":
        powers = np.exp(values - values.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)
    return values


def _digest(path: Path) -> str:
    return f"{path.name} {sha256(path.read_bytes()).hexdigest()[:HASH_DIGITS]}"


def _runtime() -> str:
    return f"; onnxruntime {version('onnxruntime')}"
