"""probe.py end to end on labelled shards, with small models of random weights and a small random teacher."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pipelines.shards.seeds import rng_for
from tests.train.probing_shards import LAYOUTS, write_labelled
from train.probes.fits import Interval
from train.probes.latents import Protocol, probe_latents
from train.probes.layers import Sampled, compare_layers, sample_features
from train.probes.probing import main, parse_command
from train.probes.samples import Label, Samples, make_label, read_samples
from train.teachers.dinov2 import random_network
from train.teachers.dinov2_config import Dinov2Config
from train.teachers.semantic import features_at
from train.vae import Vae
from train.vae_config import make_config

SCRIPT = Path(__file__).parents[2] / "train/probe.py"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """160 images, one of them broken, whose layout is their brightness."""
    return write_labelled(tmp_path_factory.mktemp("labelled"), 160)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two models of one kind and two of another."""
    folder, names = tmp_path_factory.mktemp("models"), []
    for skip in ("global", "none"):
        for seed in range(2):
            torch.manual_seed(seed)
            vae = Vae(make_config("f8c16", skip=skip, encoder_width=4, decoder_width=4))
            vae.save_pretrained(folder / f"{skip}-{seed}")
            names.append(str(folder / f"{skip}-{seed}"))
    return names


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A DINOv2 of three blocks as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("teacher")
    network = random_network(Dinov2Config(width=16, depth=3, heads=2, image_px=70), seed=0)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "model.safetensors")
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 70}
    (folder / "config.json").write_text(json.dumps({"model_type": "dinov2", **sizes}))
    return str(folder)


def read(shards: str, **changed: Any) -> Samples:
    options = {"source": "source", "num_images": 160, "size_px": 32, "seed": 0} | changed
    return read_samples([shards], ["layout", "language", "number", "band"], **options)


def probe(out: Path, *args: str) -> dict[str, Any]:
    """The results of a command line run in this process."""
    flags = ["--images", "160", "--size-px", "32", "--device", "cpu", "--out", str(out)]
    assert main([*args, *flags]) == 0
    return json.loads((out / "results.json").read_text())


def labelled(num_rows: int, num_sources: int) -> tuple[Samples, Label]:
    """Rows of one class a source, and nothing else."""
    place = rng_for(0, "rows", 0).integers(0, num_sources, num_rows)
    classes = rng_for(0, "classes", 0).integers(0, 2, num_sources)[place]
    samples = Samples(
        pixels=np.zeros((num_rows, 1, 1, 3), np.uint8),
        sources=np.array([f"s{i}" for i in place]),
        columns={"class": classes.astype(str)},
    )
    return samples, make_label(samples, "class", 2)


def noisy(label: Label, deviation: float, seed: int) -> Tensor:
    """Features that tell the class but for noise."""
    return torch.from_numpy(
        label.classes[:, None] + rng_for(seed, "noise", 0).normal(0, deviation, (len(label.rows), 3))
    )


def test_models_are_paired_in_the_order_given_and_splits_where_there_is_one_each() -> None:
    samples, label = labelled(600, 60)
    good = {f"good {seed}": noisy(label, 0.4, seed) for seed in range(3)}
    bad = {f"bad {seed}": noisy(label, 3.0, seed) for seed in range(3)}
    protocol = Protocol(num_splits=4)

    (many,) = probe_latents(samples, [label], good, bad, protocol)
    (one,) = probe_latents(samples, [label], {"good 0": good["good 0"]}, {"bad 0": bad["bad 0"]}, protocol)

    assert many.against is not None
    assert many.difference is not None
    assert one.difference is not None
    assert (many.unit, one.unit) == ("models", "splits")
    assert many.model.accuracies.shape == (3, 4)
    assert many.model.models == ("good 0", "good 1", "good 2")
    pairs = (many.model.accuracies - many.against.accuracies).mean(1)
    assert many.difference.mean == pytest.approx(pairs.mean())
    half = 4.30265 * pairs.std(ddof=1) / 3**0.5  # Student's, two degrees of freedom
    assert many.difference.high - many.difference.mean == pytest.approx(half, rel=1e-4)
    assert many.difference.low > 0.1
    assert one.difference.mean == pytest.approx(pairs[0], abs=1e-12)
    assert one.difference.low < one.difference.mean < one.difference.high


def test_a_group_against_itself_differs_by_nothing() -> None:
    samples, label = labelled(200, 30)
    features = {"a": noisy(label, 1.0, 0), "b": noisy(label, 1.0, 1)}

    (probed,) = probe_latents(samples, [label], features, features, Protocol())

    assert probed.difference == Interval(mean=0.0, low=0.0, high=0.0)


def test_latents_tell_what_can_be_seen_and_not_what_is_shuffled(
    shards: str, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shuffled = write_labelled(tmp_path / "shuffled", 160, shuffled=True)
    args = ["latents", "--model", *models[:2], "--label", "layout", "language", "band"]

    seen = probe(tmp_path / "seen", *args, "--against", *models[2:], "--data", shards)
    told = capsys.readouterr()
    unseen = probe(tmp_path / "unseen", *args, "--data", shuffled)

    layout, language = seen["latents"]
    assert layout["label"] == "layout"
    assert layout["classes"] == sorted(LAYOUTS)
    assert layout["model"]["mean"] > 0.9
    assert layout["chance"] < 0.5
    assert set(layout["model"]["accuracies"]) == set(models[:2])
    assert layout["difference"]["mean"] == pytest.approx(layout["model"]["mean"] - layout["against"]["mean"])
    assert layout["intervals_over"] == "models"
    assert language["model"]["mean"] < 0.7
    assert unseen["latents"][0]["model"]["mean"] < 0.55
    assert unseen["latents"][0]["difference"] is None
    assert "left out  label band: 0 classes" in told.err
    assert "left out  1 images: no image that can be read" in told.err
    assert "layout" in told.out
    page = (tmp_path / "seen/report.html").read_text()
    assert "Accuracy by label" in page
    assert models[0] in page


def test_the_same_command_gives_the_same_results(shards: str, models: list[str], tmp_path: Path) -> None:
    args = ["latents", "--model", models[0], "--data", shards, "--label", "layout"]

    first = probe(tmp_path / "out", *args)
    page = (tmp_path / "out/report.html").read_bytes()

    assert probe(tmp_path / "out", *args) == first
    assert (tmp_path / "out/report.html").read_bytes() == page


class Linear:
    """An encoder whose latents are a linear map of a teacher's block, so that W can be perfect there."""

    def __init__(self, network: Any, block: int) -> None:
        self.network, self.block = network, block
        self.mix = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))

    def to(self, device: torch.device) -> "Linear":
        return self

    def encode(self, x: Tensor) -> Any:
        grid = (x.shape[2] // 16, x.shape[3] // 16)
        latents = (features_at(self.network, x, grid, [self.block])[0] @ self.mix).transpose(1, 2)
        return _Encoded(latents.reshape(len(x), 16, *grid))


class _Encoded:
    def __init__(self, latents: Tensor) -> None:
        self.latent_dist, self._latents = self, latents

    def mode(self) -> Tensor:
        return self._latents


def test_layers_find_the_block_that_latents_were_made_of(shards: str) -> None:
    network = random_network(Dinov2Config(width=16, depth=3, heads=2, image_px=70), seed=0)
    samples = read(shards)
    sampled = sample_features(
        Linear(network, 2), network, samples, [1, 2, 3], num_positions=3, batch_size=16, device=CPU, seed=0
    )

    layers = compare_layers(sampled, samples, make_label(samples, "layout", 3), Protocol(num_splits=2))

    assert [layer.block for layer in layers] == [1, 2, 3]
    assert sampled.latents.shape == (159, 3, 16)
    assert layers[1].cosine > 0.98  # W is linear, features of unit length are not quite
    assert layers[1].distance < 0.02
    assert max(layers, key=lambda layer: layer.cosine).block == 2
    assert all(layer.accuracy is not None and layer.accuracy.mean > 0.8 for layer in layers)


def test_layers_of_latents_that_say_nothing_reach_no_more_than_a_constant() -> None:
    """Held out: with more channels than rows W would fit the noise, and the cosine of its own rows be near 1."""
    rng = rng_for(0, "nothing", 0)
    latents = torch.from_numpy(rng.normal(size=(60, 2, 100))).float()
    features = {1: torch.from_numpy(rng.normal(np.eye(8)[0] * 3, 1, (60, 2, 8))).float()}
    samples, _ = labelled(60, 20)

    sampled = Sampled(latents=latents, features=features, averages={1: latents[:, 0]})

    (layer,) = compare_layers(sampled, samples, None, Protocol())

    assert layer.constant > 0.6
    assert layer.cosine < 0.3
    assert layer.accuracy is None


def test_layers_from_the_command_line(shards: str, models: list[str], teacher: str, tmp_path: Path) -> None:
    """As a user runs it: a script, from a folder of its own, where train/ would hide other modules."""
    flags = f"layers --model {models[0]} --teacher {teacher} --data {shards} --images 120 --size-px 32 --label layout"
    command = [sys.executable, str(SCRIPT), *flags.split(), "--blocks", "1", "3", "--positions", "4", "--out", "found"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "highest cosine: block" in done.stdout
    found = json.loads((tmp_path / "found/results.json").read_text())
    assert [layer["block"] for layer in found["layers"]] == [1, 3]
    assert all(0 < layer["cosine"] <= 1 for layer in found["layers"])
    assert found["settings"]["teacher"] == Path(teacher).name
    page = (tmp_path / "found/report.html").read_text()
    assert "Cosine by block" in page
    assert "Accuracy by block" in page


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("latents --model MODEL", "no --data: name folders"),
        ("latents --model MODEL MODEL --data DATA", "model is .*: name each folder once"),
        ("latents --model MODEL --against MODEL OTHER --data DATA", "1 models against 2"),
        ("latents --model MODEL --data DATA --label band", "no label of band has two classes"),
        ("latents --model nowhere --data DATA --label layout", "nowhere/config.json is missing"),
        ("layers --model MODEL --teacher TEACHER --data DATA --blocks 4", "blocks has 4: .* has blocks 1 to 3"),
        ("layers --model MODEL --teacher /nowhere --data DATA", "/nowhere is no folder.*--align-weight 0"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    shards: str, models: list[str], teacher: str, flags: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"MODEL": models[0], "OTHER": models[1], "DATA": shards, "TEACHER": teacher}
    args = [values.get(flag, flag) for flag in flags.split()]

    assert main([*args, "--size-px", "32"]) == 1

    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--splits 0", "splits is 0: give at least 1"),
        ("--test-share 1.5", "test_share is 1.5: give more than 0"),
        ("--min-sources 1", "min_sources is 1: give at least 2"),
    ],
)
def test_values_out_of_range_are_refused_as_they_are_given(
    flags: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_command(["latents", "--model", "m", "--data", "d", *flags.split()])

    assert message in capsys.readouterr().err
