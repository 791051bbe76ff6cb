"""A local model's numbers become a column; what does not fit is named with its remedy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.heads import Head
from curate.picture import Picture
from tests.curate.models import plain, save_means
from tests.curate.pictures import encoded

pytest.importorskip("onnxruntime")
save_file = pytest.importorskip("safetensors.numpy").save_file

PLAIN = {"mean": [0, 0, 0], "std": [1, 1, 1], "size_px": 8}


def configure(model: Path, **settings: Any) -> Path:
    model.with_suffix(".json").write_text(json.dumps(PLAIN | settings))
    return model


def scores(head: Head, *colours: tuple[int, int, int]) -> list[float]:
    batch = head([Picture(encoded(plain(*colour), "PNG")) for colour in colours])

    assert batch.schema == head.schema
    return batch.column(0).to_pylist()


def test_a_model_scores_each_picture_in_order(tmp_path: Path):
    head = Head(configure(save_means(tmp_path / "means.onnx"), output=1), "greenness")

    assert head.schema.names == ["greenness"]
    assert scores(head, (0, 255, 0), (255, 51, 0), (9, 0, 9)) == pytest.approx([1.0, 0.2, 0.0])
    assert len(scores(head, *[(0, 255, 0)] * 40)) == 40


def test_pictures_are_normalised_as_the_settings_say(tmp_path: Path):
    head = Head(configure(save_means(tmp_path / "means.onnx"), mean=[0.5, 0, 0], std=[0.25, 1, 1]))

    assert scores(head, (255, 0, 0)) == pytest.approx([2.0])


def test_without_settings_the_usual_ones_hold(tmp_path: Path):
    head = Head(save_means(tmp_path / "means.onnx", 224))

    assert head.schema.names == ["means"]
    assert scores(head, (255, 0, 0)) == pytest.approx([(1 - 0.485) / 0.229], rel=1e-3)


@pytest.mark.parametrize(("activation", "expected"), [("sigmoid", 0.7311), ("softmax", 0.5761)])
def test_activations(tmp_path: Path, activation: str, expected: float):
    head = Head(configure(save_means(tmp_path / "means.onnx"), activation=activation))

    assert scores(head, (255, 0, 0)) == pytest.approx([expected], abs=1e-4)


def test_a_small_head_reads_the_output_of_a_backbone(tmp_path: Path):
    save_means(tmp_path / "means.onnx")
    layers = {
        "0.weight": np.float32([[1, 0, 0], [-1, 0, 0]]),
        "0.bias": np.float32([0, 0.5]),
        "2.weight": np.float32([[10, 1]]),
    }
    save_file(layers, tmp_path / "head.safetensors")
    head = Head(configure(tmp_path / "head.safetensors", backbone="means.onnx"), "redness")

    assert scores(head, (255, 0, 0), (0, 0, 0)) == pytest.approx([10.0, 0.5])


def test_the_version_follows_the_model(tmp_path: Path):
    path = save_means(tmp_path / "means.onnx")
    first = Head(path).version
    save_means(path, 224)

    assert first != Head(path).version
    assert "onnxruntime" in first


def wrong_suffix(folder: Path) -> Path:
    return folder / "model.pt"


def missing(folder: Path) -> Path:
    return folder / "model.onnx"


def not_onnx(folder: Path) -> Path:
    (folder / "model.onnx").write_bytes(b"no model")
    return folder / "model.onnx"


def unknown_setting(folder: Path) -> Path:
    return configure(save_means(folder / "model.onnx"), size=8)


def bad_std(folder: Path) -> Path:
    return configure(save_means(folder / "model.onnx"), std=[1, 0, 1])


def bad_output(folder: Path) -> Path:
    return configure(save_means(folder / "model.onnx"), output=-1)


def no_settings(folder: Path) -> Path:
    save_means(folder / "model.onnx").with_suffix(".json").write_text("[224]")
    return folder / "model.onnx"


def not_safetensors(folder: Path) -> Path:
    (folder / "head.safetensors").write_bytes(b"no tensors")
    return configure(folder / "head.safetensors", backbone="model.onnx")


def no_backbone(folder: Path) -> Path:
    save_file({"weight": np.ones((1, 3), np.float32)}, folder / "head.safetensors")
    return configure(folder / "head.safetensors")


def no_linear_layer(folder: Path) -> Path:
    save_file({"0.weight": np.ones((1, 3, 3, 3), np.float32)}, folder / "head.safetensors")
    return configure(folder / "head.safetensors", backbone="model.onnx")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (wrong_suffix, r"model.pt: use a file that ends in .onnx or .safetensors"),
        (missing, r"model.onnx: there is no such file"),
        (not_onnx, r"model.onnx is no ONNX model"),
        (unknown_setting, r"model.json: size is no setting: use about, activation"),
        (bad_std, r"model.json: std is \(1, 0, 1\): use three numbers above 0"),
        (bad_output, r"model.json: output is -1: use a whole number from 0"),
        (no_settings, r"model.json: it holds a list: write settings by name"),
        (not_safetensors, r"head.safetensors is no safetensors file"),
        (no_backbone, r"head.safetensors needs a backbone: name an ONNX file in .*head.json"),
        (no_linear_layer, r"0.weight of shape \[1, 3, 3, 3\] is no linear layer"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, make, message: str):
    path = make(tmp_path)

    with pytest.raises(ValueError, match=message):
        Head(path)


def test_sizes_that_do_not_fit_are_named(tmp_path: Path):
    save_means(tmp_path / "means.onnx", 8)
    save_file({"weight": np.ones((1, 5), np.float32)}, tmp_path / "head.safetensors")

    with pytest.raises(ValueError, match=r"set size_px in .*means.json"):
        scores(Head(tmp_path / "means.onnx"), (0, 0, 0))
    with pytest.raises(ValueError, match="takes 5 numbers, its backbone gives 3"):
        scores(Head(configure(tmp_path / "head.safetensors", backbone="means.onnx")), (0, 0, 0))
    with pytest.raises(ValueError, match="output is 3, of 3: use a lower one"):
        scores(Head(configure(tmp_path / "means.onnx", output=3)), (0, 0, 0))
