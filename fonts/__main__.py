"""`python -m fonts list | check | fetch | specimen`: see, judge, add and picture the faces we write with."""

import logging
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fonts.catalog import Catalog, load_catalog
from fonts.checks import CHECKS
from fonts.fetch import Package, fetch, known_packages
from fonts.sources import fetched_folder
from fonts.specimen import write_specimen

Fonts = Annotated[tuple[str, ...], tyro.conf.arg(help="default, system, fetched, or folders and files of fonts")]


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """Print a table of the faces: id, category, weight, languages, licence, strikes, file."""

    fonts: Fonts = ("default",)

    def run(self) -> int:
        print_table(load_catalog(self.fonts))
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Print every rejected face and why, or the checks themselves. Exit code 1 when a face is rejected."""

    fonts: Fonts = ("default",)
    reasons: bool = False
    """Only print the checks: what each one rejects, why, and where that comes from."""

    def run(self) -> int:
        if self.reasons:
            print_checks()
            return 0
        catalog = load_catalog(self.fonts)
        for item in catalog.rejected:
            print(f"{item.path} #{item.index}\n    {item.reason}")
        print(f"{len(catalog.faces)} faces to use, {len(catalog.rejected)} rejected")
        return 1 if catalog.rejected else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Fetch more faces from Debian and npm packages. Exit code 1 when one fails; the others are kept."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Packages; all when none is named."""
    to: Path | None = None
    """Folder to put them into; the cache, which --fonts fetched reads, when not given."""
    show: bool = False
    """Only print what can be fetched."""

    def run(self) -> int:
        known = known_packages()
        unknown = [name for name in self.names if name not in known]
        if unknown:
            raise ValueError(f"names: {' '.join(unknown)} unknown; there are {' '.join(known)}")
        packages = [known[name] for name in self.names or known]
        if self.show:
            for package in packages:
                print(f"{package.name:16} {package.megabytes:4} MB  {package.licence:24}  {package.about}")
            return 0
        num_arrived = sum(_fetch_one(package, self.to or fetched_folder()) for package in packages)
        return 0 if num_arrived == len(packages) else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """Write a PNG of every face at 5, 6, 8, 10, 12, 16 and 20 px, drawn natively at each size."""

    fonts: Fonts = ("default",)
    out: Path = Path("specimen.png")
    """PNG file to write; one that is there is replaced."""

    def run(self) -> int:
        write_specimen(load_catalog(self.fonts).faces, self.out)
        print(self.out)
        return 0


def _fetch_one(package: Package, folder: Path) -> bool:
    """True where it arrived; else the cause is printed."""
    try:
        print(fetch(package, folder))
    except (ValueError, OSError) as error:
        print(f"{package.name}: {error}", file=sys.stderr)
        return False
    return True


def print_table(catalog: Catalog) -> None:
    """One line a face, and what is left out."""
    width = max(len(face.id) for face in catalog.faces)
    for face in catalog.faces:
        strikes = " ".join(str(ppem) for ppem in face.strikes) or "-"
        slant = "italic" if face.italic else "-"
        print(
            f"{face.id:{width}}  {face.category:5}  {face.weight:3}  {slant:6}  "
            f"{','.join(face.languages):13}  {face.licence:14}  {strikes:5}  {face.path}"
        )
    print(f"{len(catalog.faces)} faces; {len(catalog.rejected)} rejected (python -m fonts check)")


def print_checks() -> None:
    """The reasons for which a face is rejected."""
    for item in CHECKS:
        print(f"{item.id}\n{textwrap.indent(item.rationale, '    ')}\n    Source: {item.source}")


def main(args: Sequence[str] | None = None) -> int:
    """Run the subcommand; 2 where its values are wrong, or a file cannot be written."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    command = tyro.cli(List | Check | Fetch | Specimen, prog="python -m fonts", description=__doc__, args=args)
    try:
        return command.run()
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
