"""What is trained on, and how hard, as a function of the images seen: stages of a run, and their values at any moment.

Progress is counted in images, so the batch size never changes a schedule.
"""

import reprlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from itertools import accumulate
from math import cos, isfinite, pi, sqrt
from typing import Any

from pipelines.recipe_files import part

BANDS = ("5-7", "7-10", "10-14", "14-20")  # em of the body text in px
COMPONENTS = ("general", "text", "synthetic", *(f"synthetic-{band}" for band in BANDS))
GRID_PX = 32  # sides of a crop are multiples of it, so that any model halves them evenly
VALUES = ("lr", "lpips_weight", "align_weight", "cos_margin", "dist_margin")
Size = tuple[int, int]  # height and width, px


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a run: its images, and the weights of its losses."""

    name: str
    num_images: int
    """Images seen in it: a multiple of batch_size."""
    batch_size: int
    """Images a step, over all ranks and accumulated micro-batches."""
    micro_batch: int = 0
    """Images that a rank takes through the model at a time, at most the run's micro_batch; 0: so many."""
    resolution_px: int = 256
    """Side of the square crop; crops of other aspects have about its area. A multiple of 32."""
    aspects: tuple[str, ...] = ("1:1",)
    """Aspects of the crops, WIDTH:HEIGHT, in equal shares; all images of a step have one size."""
    mix: dict[str, float] = field(default_factory=lambda: {"general": 1.0})
    """Shares of general, text (real pages), synthetic, or synthetic-5-7, -7-10, -10-14, -14-20 by em in px."""
    optional: tuple[str, ...] = ()
    """Components of the mix that the data may lack; the others then share the images."""
    lr: float = 1e-4
    lpips_weight: float = 1.0
    align_weight: float = 0.0
    """Weight of the alignment with the semantic teacher; 0: without."""
    cos_margin: float = 0.0
    """Cosine distance that the alignment forgives, 0 (strict) to 2."""
    dist_margin: float = 0.0
    """Difference of similarities between two places that the alignment forgives, 0 (strict) to 2."""
    blend_images: int = 0
    """Images over which the values above move from the previous stage's to this one's; 0: at once."""
    native_general: bool = False
    """Crop general images at their own resolution; else they are first resized to just cover the crop."""
    native_text: bool = True
    """Crop text and synthetic images at their own resolution; else they are resized like general ones."""

    def __post_init__(self) -> None:
        for name, low in (("num_images", 1), ("batch_size", 1), ("micro_batch", 0), ("blend_images", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{self._at(name)}: give at least {low}")
        if self.num_images % self.batch_size:
            nearest = max(1, round(self.num_images / self.batch_size)) * self.batch_size
            raise ValueError(f"{self._at('num_images')}: make it a multiple of batch_size, such as {nearest}")
        if self.blend_images > self.num_images:
            raise ValueError(f"{self._at('blend_images')}: give at most the stage's num_images, {self.num_images}")
        if self.resolution_px < GRID_PX or self.resolution_px % GRID_PX:
            raise ValueError(f"{self._at('resolution_px')}: use a multiple of {GRID_PX}")
        self._check_mix()
        for name in VALUES:
            high = 2.0 if name.endswith("margin") else float("inf")
            if not (isfinite(getattr(self, name)) and 0 <= getattr(self, name) <= high):
                raise ValueError(f"{self._at(name)}: give a number from 0" + (" to 2" if high == 2 else ""))
        if not self.aspects:
            raise ValueError(f"{self._at('aspects')}: give at least one, such as 1:1")
        if len(set(self.sizes)) < len(self.aspects):
            raise ValueError(f"{self._at('aspects')}: crops {self.sizes} (height, width) repeat; drop an aspect")

    def _at(self, name: str) -> str:
        return f"stage {self.name!r}: {name} is {getattr(self, name)!r}"

    def _check_mix(self) -> None:
        for name in (*self.mix, *self.optional):
            if name not in COMPONENTS:
                raise ValueError(f"stage {self.name!r}: mix names {name!r}; choose from {', '.join(COMPONENTS)}")
        if not all(isfinite(share) and share >= 0 for share in self.mix.values()) or not sum(self.mix.values()) > 0:
            raise ValueError(f"{self._at('mix')}: give shares of at least 0, one of them above")
        if stray := set(self.optional) - set(self.components):
            raise ValueError(f"{self._at('optional')}: {', '.join(sorted(stray))} has no share in mix; add one")
        if not set(self.components) - set(self.optional):
            raise ValueError(f"{self._at('optional')}: leave at least one component of mix out of it")

    def at_once(self, most: int) -> int:
        """Images that a rank takes through the model at a time, by its own number and a run's; 0: its whole share."""
        return min(filter(None, (self.micro_batch, most)), default=0)

    @property
    def components(self) -> tuple[str, ...]:
        """The components with a share above 0, in the order of COMPONENTS."""
        return tuple(name for name in COMPONENTS if self.mix.get(name, 0) > 0)

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The crop of each aspect."""
        return tuple(bucket(self.resolution_px, aspect) for aspect in self.aspects)

    @property
    def mix_text(self) -> str:
        """The mix for people: general 0.5, text 0.5."""
        return ", ".join(f"{name} {share:g}" for name, share in self.mix.items())

    @property
    def num_steps(self) -> int:
        return self.num_images // self.batch_size


def bucket(resolution_px: int, aspect: str) -> Size:
    """The crop (height, width) in px of an aspect WIDTH:HEIGHT with about the area of the square of
    `resolution_px`, its sides multiples of 32. Raises ValueError for what is no aspect from 1:8 to 8:1."""
    try:
        width, height = (float(side) for side in aspect.split(":"))
        ratio = width / height
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 1 / 8 <= ratio <= 8:
        raise ValueError(f"aspect {aspect!r}: write WIDTH:HEIGHT such as 4:3, from 1:8 to 8:1")
    long_px = max(1, round(resolution_px * sqrt(max(ratio, 1 / ratio)) / GRID_PX)) * GRID_PX
    short_px = max(1, round(resolution_px**2 / long_px / GRID_PX)) * GRID_PX
    return (short_px, long_px) if ratio >= 1 else (long_px, short_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What holds at one moment of a run."""

    stage_index: int
    stage_images: int  # seen in this stage before
    lr: float
    lpips_weight: float
    align_weight: float
    cos_margin: float
    dist_margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """The stages in order. The learning rate rises over the first `warmup_images` of the run, and falls along a
    cosine to `lr_end_fraction` of itself in the last stage."""

    stages: tuple[Stage, ...]
    warmup_images: int = 0
    lr_end_fraction: float = 1.0

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("stages is empty: give at least one")
        names = [stage.name for stage in self.stages]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"stages {', '.join(sorted(twice))}: a name occurs twice; give each its own")
        if self.stages[0].blend_images:
            raise ValueError(f"stage {names[0]!r}: blend_images is {self.stages[0].blend_images}; the first needs 0")
        if not 0 <= self.warmup_images <= self.total_images:
            raise ValueError(f"warmup_images is {self.warmup_images}: give 0 to the run's {self.total_images} images")
        if not 0 <= self.lr_end_fraction <= 1:
            raise ValueError(f"lr_end_fraction is {self.lr_end_fraction}: give a number from 0 to 1")

    @property
    def starts(self) -> tuple[int, ...]:
        """Images seen before each stage."""
        return tuple(accumulate((stage.num_images for stage in self.stages[:-1]), initial=0))

    @property
    def total_images(self) -> int:
        return sum(stage.num_images for stage in self.stages)

    def at(self, num_images: int) -> Now:
        """What holds for the step that begins after `num_images`; at the end, what held last. Raises ValueError for a
        number below 0."""
        if num_images < 0:
            raise ValueError(f"num_images is {num_images}: give at least 0")
        index = bisect_right(self.starts, num_images) - 1
        stage, seen = self.stages[index], num_images - self.starts[index]
        share = min(1.0, seen / stage.blend_images) if stage.blend_images else 1.0
        before = self.stages[max(0, index - 1)]
        values = {name: _blend(getattr(before, name), getattr(stage, name), share) for name in VALUES}
        values["lr"] *= self._warmth(num_images + stage.batch_size) * self._ending(index, seen)
        return Now(stage_index=index, stage_images=seen, **values)

    def _warmth(self, num_images: int) -> float:
        """The first step counts its own images: a learning rate of 0 would waste it."""
        return min(1.0, num_images / self.warmup_images) if self.warmup_images else 1.0

    def _ending(self, index: int, seen: int) -> float:
        if index < len(self.stages) - 1:
            return 1.0
        progress = min(1.0, seen / self.stages[index].num_images)
        return self.lr_end_fraction + (1 - self.lr_end_fraction) * (1 + cos(pi * progress)) / 2


def _blend(before: float, after: float, share: float) -> float:
    return before + share * (after - before) if share < 1 else after


def read_stages(values: Sequence[Mapping[str, Any]]) -> tuple[Stage, ...]:
    """Stages as a recipe file states them; `mix` may also be text such as "general=0.5,text=0.5".

    Raises ValueError naming the stage, the field, its value and what to give.
    """
    if not (isinstance(values, list | tuple) and all(isinstance(one, Mapping) for one in values)):
        raise ValueError(f"stages is {reprlib.repr(values)}: write a list, a stage's `field: value` lines each")
    return tuple(_read_stage(number, dict(one)) for number, one in enumerate(values))


def _read_stage(number: int, values: dict[str, Any]) -> Stage:
    name = values.get("name", number)
    known = [one.name for one in fields(Stage)]
    for field_name in values:
        if field_name not in known:
            near = get_close_matches(str(field_name), known, 1)
            raise ValueError(f"stage {name!r}: no field {field_name}" + (f"; did you mean {near[0]}?" if near else ""))
    if lacking := {"name", "num_images", "batch_size"} - values.keys():
        raise ValueError(f"stage {name!r}: {', '.join(sorted(lacking))} missing; every stage states them")
    try:
        mix = values.get("mix")
        return part(Stage, values | ({"mix": parse_mix(mix)} if isinstance(mix, str) else {}))
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith("stage ") else f"stage {name!r}: {error}") from None


def parse_mix(text: str) -> dict[str, float]:
    """Shares written as "general=0.5,text=0.5", or a name alone for a share of 1. Raises ValueError for what is no
    number; names and sums are checked by `Stage`."""
    shares = {}
    for one in text.replace(",", " ").split():
        name, _, share = one.partition("=")
        try:
            shares[name] = float(share or 1)
        except ValueError:
            raise ValueError(f"mix: {one!r} is no share; write NAME=NUMBER, as in general=0.5,text=0.5") from None
    return shares
