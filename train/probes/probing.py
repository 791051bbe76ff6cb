"""The subcommands `probe.py latents | layers`: their settings, and what they write."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import tyro

from pipelines.exits import exit_code
from pipelines.recipe_files import absolute_path
from train.probes.latents import Protocol, features_of, probe_latents
from train.probes.layers import compare_layers, sample_features
from train.probes.report import describe_latents, describe_layers, write_latents, write_layers
from train.probes.samples import Encoder, Label, Pooling, Samples, make_label, read_samples
from train.teachers.semantic import DEFAULT_TEACHER, load_network, short_name
from train.vae import Vae
from train.world import choose_device

PROG = "probe.py"
DESCRIPTION = """What frozen latents hold, on images of shards.

The same command gives the same figures. OUT gets results.json and report.html."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """What is probed on."""

    data: tuple[str, ...] = ()
    """Folders of Parquet shards, rendered or packed, local paths or fsspec URLs."""
    images: int = 1000
    """Images drawn from them, evenly over all."""
    size_px: int = 256
    """Side of the square that each image is cut to: photos are made smaller to fit, pages cut as they are."""
    label: tuple[str, ...] = ("language,layout,band", "language", "layout", "band")
    """What is read: a column of the shards, or several joined by commas, whose combinations then are the classes."""
    source_column: str = "source"
    """The column that says which images belong together (a photo, a page, a book): never on both sides of a split.
    "": every image is its own."""
    min_sources: int = 5
    """Classes of fewer sources are left out."""
    splits: int = 5
    """Random splits into training and test sources."""
    test_share: float = 0.25
    """Share of the images that is tested on."""
    seed: int = 0
    """Of the images drawn and the splits, a whole number from 0."""
    batch_size: int = 16
    """Images encoded at a time."""
    device: str = "auto"
    """Where it runs: auto (a GPU where there is one), cpu, cuda, cuda:1 ..."""
    out: str = "probe"
    """Folder of the results."""

    def __post_init__(self) -> None:
        for name, low in (("images", 2), ("size_px", 16), ("min_sources", 2), ("seed", 0), ("batch_size", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")
        _ = self.protocol  # checks splits and test_share

    @property
    def protocol(self) -> Protocol:
        """How the probes are tried."""
        return Protocol(num_splits=self.splits, test_share=self.test_share, seed=self.seed)

    def absolute(self) -> "Images":
        """The same with paths that hold in any working directory."""
        return replace(self, data=tuple(map(absolute_path, self.data)), out=absolute_path(self.out))

    def read(self) -> Samples:
        """The images with their labels; what was left out is told."""
        if not self.data:
            raise ValueError("no --data: name folders of rendered or packed shards")
        columns = sorted({column for name in self.label for column in name.split(",")})
        samples = read_samples(
            self.data,
            columns,
            source=self.source_column,
            num_images=self.images,
            size_px=self.size_px,
            seed=self.seed,
        )
        for cause, count in samples.faults.most_common(10):
            print(f"left out  {count:,} images: {cause}", file=sys.stderr)
        return samples

    def labels(self, samples: Samples) -> list[Label]:
        """The labels that have at least two classes; the others are told."""
        made = [make_label(samples, name, self.min_sources) for name in self.label]
        for label in made:
            if len(label.names) < 2:
                few = f"{len(label.names)} classes of {self.min_sources} sources or more"
                print(f"left out  label {label.name}: {few} in {len(samples):,} images", file=sys.stderr)
        return [label for label in made if len(label.names) > 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latents:
    """Train a linear probe on the frozen latents of each model, averaged over the image, and test it on other sources.

    With --against, also the difference of two groups of models, such as aligned less not aligned. Give several models
    a group, in pairs that share a training seed, for an interval that holds for trainings and not for splits alone.
    """

    model: tuple[str, ...]
    """Folders of models, as training exports them."""
    images: Images
    against: tuple[str, ...] = ()
    """Folders of the models that the first are compared with."""
    cells: int = 1
    """Latents are averaged over so many by so many cells of the image; 1: over all of it."""

    def run(self, load: Callable[[str], Encoder] = Vae.from_pretrained) -> None:
        """Probe, write and tell."""
        if self.cells < 1:
            raise ValueError(f"cells is {self.cells}: give at least 1")
        for name, folders in (("model", self.model), ("against", self.against)):
            if len(set(folders)) < len(folders) or (name == "model" and not folders):
                raise ValueError(f"{name} is {', '.join(folders) or 'empty'}: name each folder once")
        if self.against and len(self.against) != len(self.model):
            raise ValueError(f"{len(self.model)} models against {len(self.against)}: give as many of both, in pairs")
        samples = self.images.read()
        labels = self.images.labels(samples)
        if not labels:
            raise ValueError(f"no label of {', '.join(self.images.label)} has two classes: name others with --label")
        options = Pooling(side=self.cells, batch_size=self.images.batch_size, device=choose_device(self.images.device))
        model, against = (features_of(folders, samples, load, options) for folders in (self.model, self.against))
        probed = probe_latents(samples, labels, model, against, self.images.protocol)
        print(describe_latents(probed))
        print(f"report    {write_latents(self.images.out, probed, samples, as_plain(self))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Fit the projection W of each of a teacher's blocks to a model's latents, in closed form, and compare the blocks.

    Shown are the cosine that W reaches on unseen images, and how well a label is read from the block's own features.
    """

    model: str
    """Folder of a model, as training exports it."""
    images: Images
    teacher: str = DEFAULT_TEACHER
    """Hugging Face folder of the teacher, or its name on the hub."""
    blocks: tuple[int, ...] = ()
    """Only these blocks, from 1; none: all."""
    positions: int = 8
    """Positions kept of each image."""

    def run(self, load: Callable[[str], Encoder] = Vae.from_pretrained) -> None:
        """Compare, write and tell."""
        network = load_network(self.teacher)
        blocks = self.blocks or tuple(range(1, network.depth + 1))
        if wrong := [block for block in blocks if not 1 <= block <= network.depth]:
            raise ValueError(f"blocks has {wrong[0]}: {self.teacher} has blocks 1 to {network.depth}")
        if self.positions < 1:
            raise ValueError(f"positions is {self.positions}: give at least 1")
        samples = self.images.read()
        label = next(iter(self.images.labels(samples)), None)
        sampled = sample_features(
            load(self.model),
            network,
            samples,
            blocks,
            num_positions=self.positions,
            batch_size=self.images.batch_size,
            device=choose_device(self.images.device),
            seed=self.images.seed,
        )
        layers = compare_layers(sampled, samples, label, self.images.protocol)
        print(describe_layers(layers))
        facts = as_plain(self) | {
            "blocks": blocks,
            "teacher": short_name(self.teacher),
            "label": label.name if label else "",
        }
        print(f"report    {write_layers(self.images.out, layers, samples, facts)}")


def as_plain(command: "Latents | Layers") -> dict[str, Any]:
    """The settings of a command, for its results."""
    values = {one.name: getattr(command, one.name) for one in fields(command) if one.name != "images"}
    return values | {one.name: getattr(command.images, one.name) for one in fields(command.images)}


def parse_command(args: Sequence[str]) -> Latents | Layers:
    """The command of a command line. Raises SystemExit with a message where a flag or a value does not fit."""
    try:
        command: Latents | Layers = tyro.cli(
            Latents | Layers,
            args=list(args),
            prog=PROG,
            description=DESCRIPTION,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
        return replace(command, images=command.images.absolute())
    except ValueError as error:
        raise SystemExit(f"{PROG}: {error}") from None


def main(args: Sequence[str]) -> int:
    """Run a command line; the process's exit code."""
    command = parse_command(args)
    name = f"{PROG} {type(command).__name__.lower()}"
    return exit_code(name, command.run, faults=(RuntimeError,), stopped="stopped")
