"""The commands that publish a dataset: `publish.py upload | export`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from pipelines.exits import exit_code
from pipelines.publication.uploading import Published, files_of, upload
from pipelines.publication.webdataset import export_tars
from pipelines.recipe_files import absolute_path

PROG = "publish.py"
Dir = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Upload a dataset to the Hugging Face Hub; the same command goes on after a stop, and takes away the shards,
    sidecars and previews that an earlier upload sent and the dataset no longer has. What tells of places on this
    machine alone (recipe.yaml, sources.json, photos/) is not sent.

    The token is that of `hf auth login`, or HF_TOKEN; it is never an argument and never printed. HF_ENDPOINT names
    another Hub.
    """

    dir: Dir
    """Folder of the dataset, a local path."""
    repo: str
    """Its name on the Hub, USER/NAME."""
    public: bool = False
    """Make a new repository public; without it a new one is private, and one that is there stays as it is."""
    dry_run: bool = False
    """List what would be uploaded, and its size, and stop; asks the Hub nothing."""

    def run(self) -> int:
        """Upload and say where it is."""
        found = files_of(absolute_path(self.dir))
        if self.dry_run:
            print(describe(found, self.repo))
            return 0
        print(f"uploaded  {upload(found, self.repo, private=not self.public)}")
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Write a dataset as WebDataset tars: of each row KEY.png (or .jpg, .webp) with its own bytes, and KEY.json.

    The same dataset gives the same bytes; each tar appears whole; manifest.json, written last, has their sha256.
    The same command goes on after a stop. `datasets` reads tars of several configurations by streaming, or with
    features given: it takes those of the first rows to be those of all.
    """

    dir: Dir
    """Folder of a dataset (mixed, rendered or packed), a local path or an fsspec URL."""
    to: str
    """Folder of the tars, a local path or an fsspec URL."""
    images_per_tar: int = 1000
    """Images a tar holds (about 0.5 GB at 512 px)."""
    ending: str = ""
    """One ending for all images whatever their format, such as png, which `datasets` needs where formats are mixed
    (readers go by the bytes); without it each has its own."""
    split: str = ""
    """Only this split of a mix; without it all."""
    config: str = ""
    """Only this configuration of a mix, or all of this kind (synthetic: its bands); without it all."""

    def run(self) -> int:
        """Export and say what was written."""
        if self.images_per_tar < 1:
            raise ValueError(f"images_per_tar is {self.images_per_tar}: give at least 1")
        if not re.fullmatch("[A-Za-z0-9]*", self.ending):
            raise ValueError(f"ending is {self.ending!r}: give letters and digits, such as png")
        part = f"{self.split or '*'}/{self.config or '*'}"
        done = export_tars(absolute_path(self.dir), absolute_path(self.to), part, self.images_per_tar, self.ending)
        print(f"{done['images']:,} images in {len(done['tars']):,} tars  {absolute_path(self.to)}/manifest.json")
        return 0


def main(args: Sequence[str]) -> int:
    """Run a command; the process's exit code."""
    command: Upload | Export = tyro.cli(
        Upload | Export, args=list(args), prog=PROG, description="Publish a dataset that was mixed, rendered or packed."
    )
    return exit_code(f"{PROG} {type(command).__name__.lower()}", command.run, faults=(ImportError,))


def describe(found: Published, repo: str) -> str:
    """What an upload would send, for the terminal."""
    lines = [f"{size:>14,}  {name}" for name, size in found.files.items()]
    total = sum(found.files.values())
    return "\n".join([*lines, f"would upload {len(lines):,} files, {total / 1e6:,.1f} MB, to {repo}"])
