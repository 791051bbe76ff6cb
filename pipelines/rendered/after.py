"""What is done with a rendered dataset: `render.py inspect | verify | export`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pipelines.exits import exit_code
from pipelines.rendered.export import FORMATS, export
from pipelines.rendered.inspection import inspect
from pipelines.rendered.verification import Findings, verify

COMMANDS = ("inspect", "verify", "export")
MAX_NAMED = 50
Dir = tyro.conf.Positional[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspect:
    """Write DIR/report.html, a page that needs nothing else.

    It shows totals, a contact sheet a band, distributions of the labels, characters, rejects and faults,
    and how well an OCR engine reads lines of each size, where one is installed.
    """

    dir: Annotated[Dir, tyro.conf.arg(metavar="DIR")]
    """Folder of the dataset, a local path or an fsspec URL."""
    images: int = 4
    """Pictures shown of each size band (about 0.5 MB each at 512 px)."""
    ocr_images: int = 100
    """Images of which four lines each are read back (about 0.3 s an image); 0: none."""

    def run(self) -> int:
        """Write the report and say where it is."""
        _at_least(self, "images", 1)
        _at_least(self, "ocr_images", 0)
        print(f"report  {inspect(self.dir, self.images, self.ocr_images)}")
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Check a dataset; name what is wrong and exit with 1.

    Checked are that every shard is there, its bytes, sha256 and rows against its sidecar, ids for order, gaps and
    duplicates, and a sample drawn again from its scenes: pixels and labels must be the same, and each
    line's box must hold ink.
    """

    dir: Annotated[Dir, tyro.conf.arg(metavar="DIR")]
    """Folder of the dataset, a local path or an fsspec URL."""
    redraw: int = 50
    """Images drawn again, spread evenly over the dataset; 0: none."""
    fonts: tuple[str, ...] = ()
    """Where its faces lie now ("default", "system", "fetched", folders, files), if not where they did."""
    photo_index: str = ""
    """Folder of its photo index, if not where it was."""

    def run(self) -> int:
        """Verify and print the findings; 1 where something is wrong."""
        _at_least(self, "redraw", 0)
        findings = verify(self.dir, self.redraw, fonts=self.fonts, photo_index=self.photo_index)
        print(describe(findings))
        return 1 if findings.wrong else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Write a dataset for other trainers.

    paddle-det: the images and Label.txt. paddle-rec: a picture of each line, rec_gt.txt and dict.txt.
    lines: a picture of each line, and metadata.jsonl with all labels. Lines that are turned are made level,
    upright ones cut without resampling. The same command goes on after a stop.
    """

    dir: Annotated[Dir, tyro.conf.arg(metavar="DIR")]
    """Folder of the dataset, a local path or an fsspec URL."""
    to: str
    """A new local folder; it appears when all is written."""
    format: Literal["paddle-det", "paddle-rec", "lines"]
    """What is written."""
    limit: int = 0
    """Only the first so many images; 0: all."""

    def run(self) -> int:
        """Export and say what was written."""
        _at_least(self, "limit", 0)
        num_images = export(self.dir, self.to, self.format, self.limit)
        print(f"{num_images:,} images exported  {Path(self.to, FORMATS[self.format].label_file)}")
        return 0


def main(args: Sequence[str]) -> int:
    """Run `inspect`, `verify` or `export` with its arguments; the process's exit code."""
    command: Inspect | Verify | Export = tyro.cli(
        Inspect | Verify | Export,
        args=list(args),
        prog="render.py",
        description="What is done with a rendered dataset.",
    )
    return exit_code(f"render.py {args[0]}", command.run, stopped="stopped")


def _at_least(command: object, name: str, low: int) -> None:
    value = getattr(command, name)
    if value < low:
        raise ValueError(f"--{name.replace('_', '-')} is {value}: give at least {low}")


def describe(findings: Findings) -> str:
    """Findings for the terminal."""
    lines = [f"shards   {findings.num_shards:,} whole, {findings.num_rows:,} images"]
    lines.append(f"redrawn  {findings.num_redrawn:,} images")
    if findings.photos_not_had:
        lines.append(f"photos   {len(findings.photos_not_had)} images not redrawn, their photos cannot be had:")
        lines += _named(findings.photos_not_had)
    if findings.other_versions:
        lines.append("versions of libraries differ from those it was rendered with; pixels may too:")
        lines += _named(findings.other_versions)
    lines.append(f"wrong    {len(findings.wrong)} things" if findings.wrong else "wrong    nothing")
    return "\n".join(lines + _named(findings.wrong))


def _named(items: Sequence[str]) -> list[str]:
    more = [f"  and {len(items) - MAX_NAMED} more"] if len(items) > MAX_NAMED else []
    return [f"  {item}" for item in items[:MAX_NAMED]] + more
