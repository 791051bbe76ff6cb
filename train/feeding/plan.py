"""Which images the steps of a stage see: chosen ahead of reading, from corpus, stage, seed and positions alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shards.seeds import rng_for
from train.curriculum import Size, Stage
from train.feeding.corpus import Corpus
from train.feeding.crops import Cut
from train.feeding.streams import Stream

NEXT_ROWS = 16  # looked up at a time


def lacking(corpus: Corpus, stage: Stage) -> tuple[str, ...]:
    """The optional components of a stage of which the corpus has no row."""
    return tuple(name for name in stage.optional if not corpus.matches(name).any())


def check_fits(corpus: Corpus, stages: Sequence[Stage]) -> None:
    """Raise ValueError for the first stage with a component of which no image holds one of its crops: known before
    the first step, not after days."""
    known = set()
    for stage in stages:
        for component in sorted(set(stage.components) - set(lacking(corpus, stage))):
            for size in stage.sizes:
                if (component, size) not in known:
                    fitting_rows(corpus, stage, component, size)
                    known.add((component, size))


def fitting_rows(corpus: Corpus, stage: Stage, component: str, size: Size) -> NDArray[np.bool_]:
    """(n,) The rows of a component that hold a crop. Raises ValueError where there are none."""
    drawn = corpus.matches(component) & (corpus.weight > 0)
    fitting = drawn & corpus.fits(size)
    if fitting.any():
        return fitting
    wanted = f"stage {stage.name!r}: {component!r} has a share in mix, but no image"
    if not drawn.any():
        there = ", ".join(f"{name} ({count:,})" for name, count in corpus.counts().items())
        raise ValueError(
            f"{wanted} in the data, which holds {there or 'none'}: name a folder of such images, or take it out of mix"
        )
    widths, heights = corpus.width_px[drawn], corpus.height_px[drawn]
    largest = int(np.argmax(np.minimum(widths, heights)))
    raise ValueError(
        f"{wanted} of its {drawn.sum():,} holds a crop of {size[1]}x{size[0]} px (the largest is {widths[largest]}x"
        f"{heights[largest]}): add larger images, lower resolution_px, leave out that aspect, or take it out of mix"
    )


def _taken(stream: Stream, positions: range) -> Iterator[int]:
    """The rows at some positions, looked up a few at a time."""
    for first in range(positions.start, positions.stop, NEXT_ROWS):
        yield from map(int, stream.take(first, min(NEXT_ROWS, positions.stop - first)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The images of one step, over all ranks."""

    planner: "Planner"
    step: int
    size: Size
    components: tuple[str, ...]  # (n,)
    streams: NDArray[np.int64]  # (n,) number of each one's stream
    positions: NDArray[np.int64]  # (n,) in it
    rows: NDArray[np.int64]  # (n,)
    groups: NDArray[np.int64]  # (n,) row group of each
    state: dict[str, Any]  # after this step

    def candidates(self, number: int) -> Iterator[int]:
        """The row of an image, then those that stand in for it where it cannot be used: the others of its window,
        from a place that is by chance and evenly apart for the images of a step, which so hardly meet at one; then what
        comes behind the window, on and on."""
        row, stream = int(self.rows[number]), self.planner.streams[int(self.streams[number])]
        yield row
        window = stream.window_at(int(self.positions[number]))
        rng = rng_for(self.planner.seed, "stand-in", self.planner.stage_index, self.step)
        start = window[int((rng.random() + number / len(self.rows)) % 1 * len(window))]
        for part in (range(start, window.stop), range(window.start, start)):
            yield from (other for other in _taken(stream, part) if other != row)
        for first in count(window.stop, NEXT_ROWS):
            yield from _taken(stream, range(first, first + NEXT_ROWS))

    def cut(self, number: int, row: int) -> Cut:
        """The crop of a row as image `number` of this step."""
        planner = self.planner
        rng = rng_for(planner.seed, "crop", planner.stage_index, self.step, number)
        general = self.components[number] == "general"
        native = planner.stage.native_general if general else planner.stage.native_text
        return Cut.draw(rng, self.size, native=native, mirror=bool(planner.corpus.mirrored[row]))


class Planner:
    """Plans the steps of a stage in order, from the first or behind a state."""

    def __init__(
        self, corpus: Corpus, stage: Stage, stage_index: int, seed: int, state: dict[str, Any] | None = None
    ) -> None:
        self.corpus, self.stage, self.stage_index, self.seed = corpus, stage, stage_index, seed
        self.left_out = lacking(corpus, stage)
        self._components = tuple(name for name in stage.components if name not in self.left_out)
        shares = np.array([stage.mix[name] for name in self._components])
        self._shares = np.cumsum(shares) / shares.sum()
        self.streams: list[Stream] = []
        self._names: list[str] = []
        self._stream_of = {name: self._open_streams(name) for name in self._components}
        self._step, self._positions = 0, np.zeros(len(self.streams), np.int64)
        if state is not None:
            self._resume(state)

    @property
    def num_window_groups(self) -> int:
        """Row groups that are drawn from at a time."""
        return sum(stream.window_groups for stream in self.streams)

    def _open_streams(self, component: str) -> list[int]:
        """The number of the stream of each size. Sizes that the same rows fit share one, so that an image comes once
        an epoch over all of them."""
        numbers: list[int] = []
        before: list[NDArray[np.bool_]] = []
        for size in self.stage.sizes:
            fitting = fitting_rows(self.corpus, self.stage, component, size)
            same = next((number for number, mask in zip(numbers, before, strict=True) if (mask == fitting).all()), None)
            if same is None:
                same = len(self.streams)
                address = (self.stage_index, same)
                self.streams.append(Stream(self.corpus, np.flatnonzero(fitting), self.seed, address))
                self._names.append(f"{component} {size[1]}x{size[0]}")
            numbers.append(same)
            before.append(fitting)
        return numbers

    def next(self) -> Plan | None:
        """The plan of the next step; None behind the last."""
        if self._step == self.stage.num_steps:
            return None
        address = (self.stage_index, self._step)
        place = int(rng_for(self.seed, "bucket", *address).integers(len(self.stage.sizes)))
        names = self._mixed(address)
        streams = np.array([self._stream_of[name][place] for name in self._components])[names]
        positions, rows = np.zeros_like(streams), np.zeros_like(streams)
        for stream in np.unique(streams):
            here = np.flatnonzero(streams == stream)
            positions[here], rows[here] = self._take(int(stream), len(here))
        plan = Plan(
            planner=self,
            step=self._step,
            size=self.stage.sizes[place],
            components=tuple(self._components[name] for name in names),
            streams=streams,
            positions=positions,
            rows=rows,
            groups=self.corpus.groups_of(rows),
            state=self.state(1),
        )
        self._step += 1
        return plan

    def _mixed(self, address: tuple[int, int]) -> NDArray[np.int64]:
        """The component of each image of a step: shares exact, or within one image where they do not come out even."""
        rng = rng_for(self.seed, "mix", *address)
        ticks = (np.arange(self.stage.batch_size) + rng.random()) / self.stage.batch_size
        return rng.permutation(np.searchsorted(self._shares[:-1], ticks, side="right"))

    def _take(self, stream: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions and rows of a stream's next images; those of a row group side by side, so that a rank among many
        reads few groups."""
        first = int(self._positions[stream])
        self._positions[stream] += count
        rows = self.streams[stream].take(first, count)
        order = np.argsort(self.corpus.groups_of(rows), kind="stable")
        return first + order, rows[order]

    def state(self, steps_ahead: int = 0) -> dict[str, Any]:
        """What goes on from here, as JSON."""
        return {
            "stage": self.stage.name,
            "seed": self.seed,
            "corpus": self.corpus.identity,
            "step": self._step + steps_ahead,
            "positions": dict(zip(self._names, self._positions.tolist(), strict=True)),
        }

    def _resume(self, state: dict[str, Any]) -> None:
        for name, mine in self.state().items():
            theirs = state.get(name)
            if name == "positions":
                mine, theirs = self._names, list(theirs or {})
            if name != "step" and mine != theirs:
                raise ValueError(
                    f"the loader's {name} was {theirs!r} and is {mine!r} now: go back to the same data, recipe and "
                    "seed, or begin a new run"
                )
        self._step = int(state["step"])
        self._positions = np.array([state["positions"][name] for name in self._names], np.int64)
