"""How large the demo is: the fields of its command line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import tyro

PROG = "demo.py"
DESCRIPTION = """The whole way at small size: render, curate, mix, train, evaluate, acuity. Then OUT/index.html \
shows all of it.

Each step is a command that is printed before it runs. What is done stays done: the same command again goes on from \
where it stopped."""
MAX_WORKERS = 64
RECIPE_CROPS, CROPS_STEP = 4800, 96  # of the recipe tiny; so that each stage is of whole batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Where the demo goes and how large it is; with more of each it takes longer and shows more."""

    out: str = "demo"
    """Folder of everything that is made, a local path; OUT/index.html is the page."""
    num_images: int = 160
    """Pages that are rendered."""
    num_crops: int = 3840
    """Crops of 64 px that the model is trained on, of the recipe tiny's 4,800; a multiple of 96, which divides into
    its stages."""
    num_held_out: int = 16
    """Held-out pages that every autoencoder is evaluated on."""
    workers: int = -1
    """Processes of the steps that use several; -1: one a CPU, 0: none but their own."""
    dry_run: bool = False
    """Print the commands and stop."""

    def __post_init__(self) -> None:
        if "://" in self.out or not self.out:
            raise ValueError(f"out is {self.out!r}: name a local folder")
        for name, least in (("num_images", 40), ("num_held_out", 4)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: use {least} or more, so that each band has some")
        if self.num_crops < CROPS_STEP or self.num_crops % CROPS_STEP:
            raise ValueError(f"num_crops is {self.num_crops}: use a multiple of {CROPS_STEP}")
        if not -1 <= self.workers <= MAX_WORKERS:
            raise ValueError(f"workers is {self.workers}: use -1 (one a CPU) to {MAX_WORKERS}")

    def identity(self) -> dict[str, object]:
        """The fields that decide what is shown."""
        return {"num_images": self.num_images, "num_crops": self.num_crops, "num_held_out": self.num_held_out}


def parse_demo(args: Sequence[str]) -> Demo:
    """The settings of a command line. Raises SystemExit with a message where a value does not fit."""
    try:
        demo = tyro.cli(
            Annotated[Demo, tyro.conf.OmitArgPrefixes], args=args, default=Demo(), prog=PROG, description=DESCRIPTION
        )
    except ValueError as error:
        raise SystemExit(f"{PROG}: {error}") from None
    return replace(demo, out=demo.out.rstrip("/") or "/")
