"""The DINOv2 reader against transformers: any spelling, any file, and what is none."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.train.transformers_networks import pixels
from train.teachers.semantic import load_network, load_teacher
from train.weights import MissingWeights


@pytest.mark.parametrize("name", ["plain", "gated"])
@pytest.mark.parametrize("size", [(70, 70), (224, 224), (28, 98), (14, 14)])
def test_hidden_states_equal_those_of_transformers(
    saved: dict[str, tuple[Path, Any]], name: str, size: tuple[int, int]
) -> None:
    folder, model = saved[name]
    network = load_network(str(folder))

    with torch.no_grad():
        ours = network(pixels(*size), [0, 1, 2, 3, 4])
        theirs = model(pixels(*size), output_hidden_states=True).hidden_states

    assert len(theirs) == 5
    for block, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        scale = other.abs().max()
        torch.testing.assert_close(
            mine / scale, other[:, 1:] / scale, rtol=0, atol=1e-5, msg=lambda m, b=block: f"{b}: {m}"
        )


def test_sizes_in_turn_give_what_each_gives_alone(saved: dict[str, tuple[Path, Any]]) -> None:
    """Positions are remembered by size, some of them; 28 x 98 and 98 x 28 have as many patches."""
    folder = str(saved["plain"][0])
    sizes = [(28, 98), (98, 28), *((14 * k, 14) for k in range(2, 12)), (28, 98)]
    network = load_network(folder)

    for size in sizes:
        expected = load_network(folder)(pixels(*size), [1])[0]
        assert torch.equal(network(pixels(*size), [1])[0], expected), size


@pytest.mark.parametrize("name", ["plain", "gated"])
def test_names_on_disk_of_transformers_and_with_prefix_are_one_network(
    saved: dict[str, tuple[Path, Any]], name: str, tmp_path: Path
) -> None:
    folder, model = saved[name]
    on_disk = load_file(folder / "model.safetensors")
    assert "encoder.layer.0.attention.attention.query.weight" in on_disk
    spellings = {
        "prefixed": {f"dinov2.{key}": value for key, value in on_disk.items()} | {"classifier.bias": torch.zeros(3)},
        "modules": {key: value.contiguous() for key, value in model.state_dict().items()},
    }
    assert "encoder.layer.0.attention.q_proj.weight" in spellings["modules"]
    expected = load_network(str(folder))(pixels(28, 28), [4])[0]

    for spelling, tensors in spellings.items():
        other = tmp_path / spelling
        shutil.copytree(folder, other, ignore=shutil.ignore_patterns("*.safetensors"))
        save_file(tensors, other / "model.safetensors")
        assert torch.equal(load_network(str(other))(pixels(28, 28), [4])[0], expected), spelling


def test_reads_a_torch_file_where_there_is_no_safetensors(saved: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    folder, _ = saved["plain"]
    shutil.copy(folder / "config.json", tmp_path)
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "pytorch_model.bin")

    mine, other = (load_network(str(place))(pixels(28, 28), [4])[0] for place in (tmp_path, folder))

    assert torch.equal(mine, other)


def test_missing_weights_name_place_source_and_flag(tmp_path: Path, saved: dict[str, tuple[Path, Any]]) -> None:
    remedy = r"hf download facebook/dinov2-large .*--align-weight 0"
    empty = tmp_path / "empty"
    empty.mkdir()
    bare = tmp_path / "bare"
    shutil.copytree(saved["plain"][0], bare, ignore=shutil.ignore_patterns("*.safetensors"))

    with pytest.raises(MissingWeights, match=rf"{re.escape(str(tmp_path))}/none is no folder.*{remedy}"):
        load_teacher(str(tmp_path / "none"))
    with pytest.raises(MissingWeights, match=rf"holds no config\.json.*{remedy}"):
        load_teacher(str(empty))
    with pytest.raises(MissingWeights, match=rf"holds neither model\.safetensors nor pytorch_model\.bin.*{remedy}"):
        load_teacher(str(bare))


def test_offline_the_hub_is_named_with_the_flag_that_trains_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    for name in ("facebook/dinov2-large", "someone/unknown"):
        with pytest.raises(MissingWeights, match=rf"{name} is no local folder.*hf download {name}.*--align-weight 0"):
            load_teacher(name)


def test_what_is_no_dinov2_is_refused_by_name(tmp_path: Path, saved: dict[str, tuple[Path, Any]]) -> None:
    folder, _ = saved["plain"]
    values, tensors = json.loads((folder / "config.json").read_bytes()), load_file(folder / "model.safetensors")
    short = {name: value for name, value in tensors.items() if "layer.3.mlp.fc2.bias" not in name}
    cases = [
        ({**values, "model_type": "vit"}, tensors, "model_type 'vit': known are dinov2"),
        ({**values, "hidden_act": "relu"}, tensors, "only gelu"),
        ({**values, "patch_size": [14, 16]}, tensors, "only squares"),
        (
            {**values, "num_hidden_layers": 3},
            tensors,
            r"tensors that config\.json does not explain: \['encoder\.layer\.3",
        ),
        (values, short, r"lacks the tensor encoder\.layer\.3\.mlp\.fc2\.bias"),
        ({**values, "hidden_size": 64}, tensors, "has shape"),
        ({name: value for name, value in values.items() if name != "hidden_size"}, tensors, "has no 'hidden_size'"),
    ]

    for config, weights, message in cases:
        (tmp_path / "config.json").write_text(json.dumps(config))
        save_file(weights, tmp_path / "model.safetensors")
        with pytest.raises(ValueError, match=message):
            load_teacher(str(tmp_path))
