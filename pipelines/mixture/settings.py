"""Settings of a mix: frozen parts; a recipe file is the base of a command line."""

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import tyro

from pipelines.recipe_files import RECIPES, absolute_path, convert, output_path
from pipelines.runner import BACKENDS
from render.mix import Mix

MIX_RECIPES = RECIPES / "mix"
EVERYTHING = "all"  # a ratio that takes what there is
Shares = Annotated[
    Mix,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="NAME=SHARE,...",
        instance_from_str=lambda args: Mix.parse(",".join(args)),
        is_instance=lambda value: isinstance(value, Mix),
        str_from_instance=lambda mix: [str(mix)],
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What is mixed, and how."""

    inputs: tuple[str, ...] = ()
    """Folders that are mixed: rendered datasets, and packed selections of curations (CURATED/packed/NAME); local
    paths or fsspec URLs."""
    ratios: Shares = Mix.of({"general": 0.4, "text": 0.3, "synthetic": 0.3})
    """Shares of images, exact in each split: by configuration (general, text, synthetic-5-7), or "synthetic" for
    all its bands as they come; "all": everything there is."""
    num_images: int = 0
    """Images of the training split; 0: as many as the ratios allow."""
    test_share: float = 0.05
    """Share of the sources (photos, documents) that is held out for the test split, by a hash of the source's
    bytes, 0 to 0.5; each kind of image has at least one source there. 0: no test split."""
    document: str = r"(.+)#page=\d+"
    """Regular expression for names of images that are pages of one document; its group names the document, which
    is one source. For scans such as book/p_012.png: "(.+)/p_\\d+\\.png"."""
    keep_duplicates: bool = False
    """Take a file as often as the inputs hold it. Without this it is taken once: for the test split where a row of it
    is held out, else as a page of text rather than as a photograph, from the first input that holds it. Rendered
    images are never copies of each other."""
    seed: int = 0
    """Seed of which rows are taken and of their order, a whole number from 0."""
    images_per_shard: int = 250
    """Images a Parquet shard holds."""

    def __post_init__(self) -> None:
        for name, low in (("num_images", 0), ("seed", 0), ("images_per_shard", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {low}")
        if not 0 <= self.test_share <= 0.5:
            raise ValueError(f"test_share is {self.test_share}: give a share from 0 to 0.5")
        try:
            num_groups = re.compile(self.document).groups
        except re.error as error:
            raise ValueError(f"document is {self.document!r}: no regular expression ({error})") from None
        if num_groups != 1:
            raise ValueError(f"document is {self.document!r}: it needs one group, the document's name")

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, inputs=tuple(map(absolute_path, self.inputs)))

    def identity(self) -> dict[str, Any]:
        """What decides the rows besides the inputs."""
        names = ("num_images", "test_share", "document", "keep_duplicates", "seed", "images_per_shard")
        return {"ratios": str(self.ratios)} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How and where it runs; none of it changes a byte of the images."""

    out: str = "mixed"
    """Folder of the dataset, a local path or an fsspec URL such as s3://bucket/name; OUT.plan beside it holds what
    was planned."""
    without: tuple[str, ...] = ()
    """Take these sources out of the finished dataset OUT and say which rows went: names as in the column source
    (patterns with * too), documents, inputs as in the column origin, or sha256 of files. Copies of a source's
    file go with it. Nothing else is given but --out."""
    backend: str = "ray"
    """ray (the cluster at hand, or one started here), processes (this machine, no Ray) or inline."""
    workers: int = -1
    """Shards made at a time; -1: one a CPU, of a Ray cluster also of nodes that join later; 0: in this process."""
    dry_run: bool = False
    """Print how many rows, megapixels and MB each configuration and split would have, or with --without which rows
    would go, and stop; reads columns, and no image but to fingerprint those that have no fingerprint yet."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f"backend is {self.backend!r}: choose {', '.join(BACKENDS)}")
        if self.workers < -1:
            raise ValueError(f"workers is {self.workers}: give at least -1")

    def absolute(self) -> Self:
        """The same with paths that hold in any working directory."""
        return replace(self, out=output_path("out", self.out).rstrip("/"))

    @property
    def plan(self) -> str:
        """The folder of the plan."""
        return f"{self.out}.plan"


def typed(name: str, value: Any, hint: Any) -> Any:
    """A value of a recipe file as the type of its field."""
    if name == "ratios":
        return Mix.read(name, value)
    return convert(name, value, hint)
