"""The batches of a stage: which images a step sees is a function of corpus, stage, seed and step alone, never of ranks,
workers or what came before a resume. Threads read and decode a few steps ahead."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from train.curriculum import Curriculum, Stage
from train.feeding.corpus import Corpus
from train.feeding.crops import BadImage, Unfit, crop
from train.feeding.parquet import BadGroup
from train.feeding.plan import Plan, Planner, check_fits

STEPS_AHEAD = 3
READERS = 2  # threads that fetch row groups
MAX_TRIES = 64  # rows tried for one place in a batch that turn out to be broken
MAX_UNFIT = 20_000  # and rows that are known to be of no use before they are decoded
MAX_NAMED = 1000  # faults told apart
MORE_FAULTS = "further rows that could not be used"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """This rank's share of a step: n images of one size."""

    images: torch.Tensor  # (n, 3, h, w) uint8, RGB
    ids: NDArray[np.int64]  # (n,) row numbers of the corpus
    components: tuple[str, ...]  # of the mix
    step: int  # of the stage, from 0


class Loader:
    """Iterates over the batches of one stage that are left.

    Rank r of R takes the r-th of R equal parts of each step's images. A row that cannot be used is counted in `faults`
    under its name and cause, and another row of its stream, near it, stands in for it. After each batch, `state` is
    what resumes behind it: with any number of ranks and workers.

    pin_memory: batches lie where a GPU can copy them from by itself.
    Raises ValueError for a component without images that fit and for a batch that the ranks cannot share, now or in a
    later stage, and for the state of another corpus, stage or seed.
    """

    def __init__(
        self,
        corpus: Corpus,
        curriculum: Curriculum,
        stage_index: int,
        *,
        seed: int,
        rank: int = 0,
        num_ranks: int = 1,
        num_workers: int = 2,
        state: dict[str, Any] | None = None,
        pin_memory: bool = False,
    ) -> None:
        self.stage = curriculum.stages[stage_index]
        check_shares(curriculum.stages[stage_index:], rank, num_ranks)
        if num_workers < 0:
            raise ValueError(f"num_workers is {num_workers}: give at least 0")
        check_fits(corpus, curriculum.stages[stage_index:])
        self._planner = Planner(corpus, self.stage, stage_index, seed, state)
        self.left_out = self._planner.left_out  # optional components that the corpus lacks
        self.state = self._planner.state()
        self.faults: Counter[str] = Counter()
        self.waited_s = 0.0  # seconds that the last batch was waited for
        share = self.stage.batch_size // num_ranks
        self._part = slice(rank * share, (rank + 1) * share)
        self._corpus, self._ahead = corpus, STEPS_AHEAD if num_workers else 0
        self._pin_memory = pin_memory
        self._pools: tuple[Executor, Executor] = (
            (ThreadPoolExecutor(num_workers), ThreadPoolExecutor(READERS)) if num_workers else (Inline(), Inline())
        )
        self._groups = GroupCache(corpus.read_group, self._planner.num_window_groups + 2, self._pools[1])
        self._begun: deque[_Begun] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads; batches that were begun are dropped."""
        self._begun.clear()
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        asked = monotonic()
        while len(self._begun) <= self._ahead and (plan := self._planner.next()) is not None:
            self._begun.append(self._begin(plan))
        if not self._begun:
            raise StopIteration
        begun = self._begun.popleft()
        ids = []
        for place in begun.places:
            row, faults = place.result()
            ids.append(row)
            for fault in faults:
                self.faults[fault if fault in self.faults or len(self.faults) < MAX_NAMED else MORE_FAULTS] += 1
        self.state, self.waited_s = begun.plan.state, monotonic() - asked
        return Batch(
            images=begun.images,
            ids=np.array(ids, np.int64),
            components=begun.plan.components[self._part],
            step=begun.plan.step,
        )

    def _begin(self, plan: Plan) -> "_Begun":
        numbers = range(len(plan.rows))[self._part]
        images = torch.empty((len(numbers), 3, *plan.size), dtype=torch.uint8, pin_memory=self._pin_memory)
        groups = {int(group): self._groups.get(int(group)) for group in np.unique(plan.groups[self._part])}
        places = [
            self._pools[0].submit(self._fill, images[place].numpy(), plan, number, groups)
            for place, number in enumerate(numbers)
        ]
        return _Begun(plan=plan, images=images, places=places)

    def _fill(
        self, place: NDArray[np.uint8], plan: Plan, number: int, groups: dict[int, Future[pa.Array]]
    ) -> tuple[int, list[str]]:
        """Put image `number` of a step in its place (3, h, w); its row, and the faults of those it stands in for."""
        faults: list[str] = []
        num_unfit = 0
        for row in plan.candidates(number):
            try:
                pixels = crop(self._image(row, groups), plan.cut(number, row))
            except BadImage as fault:
                faults.append(f"{self._corpus.name_of(row)}: {fault}")
                num_unfit += isinstance(fault, Unfit)
            else:
                place[:] = pixels.transpose(2, 0, 1)
                return row, faults
            if len(faults) - num_unfit == MAX_TRIES or num_unfit == MAX_UNFIT:
                break
        raise ValueError(
            f"stage {self.stage.name!r}: of {plan.components[number]!r} {len(faults)} rows one after the other cannot "
            f"be used, {num_unfit} of them without a look at the image, the first is {faults[0]}: pack the set they "
            "are in anew, or begin another run without it, from the last checkpoint: --init CHECKPOINT --out ANOTHER"
        )

    def _image(self, row: int, groups: dict[int, Future[pa.Array]]) -> bytes:
        """An encoded image. Raises Unfit where its row group is damaged."""
        group = int(self._corpus.groups_of(np.array([row]))[0])
        read = groups.get(group) or self._groups.get(group)
        if isinstance(fault := read.exception(), BadGroup):
            raise Unfit(str(fault))  # not the kept one, whose traceback would grow with each row and hold its frames
        images = read.result()
        return images[row - int(self._corpus.group_starts[group])].as_py() or b""


def check_shares(stages: Sequence[Stage], rank: int, num_ranks: int) -> None:
    """Raise ValueError for a stage whose batches the ranks cannot share equally."""
    for stage in stages:
        if stage.batch_size % num_ranks or not 0 <= rank < num_ranks:
            raise ValueError(
                f"stage {stage.name!r}: batch_size is {stage.batch_size} on {num_ranks} ranks (this one is "
                f"{rank}): make it a multiple of the number of ranks"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Begun:
    """A step that is being read and decoded."""

    plan: Plan
    images: torch.Tensor
    places: list[Future[tuple[int, list[str]]]]


class GroupCache:
    """The row groups used last, each read once however many ask for it."""

    def __init__(self, read: Callable[[int], pa.Array], capacity: int, pool: Executor) -> None:
        self._read, self._capacity, self._pool = read, capacity, pool
        self._kept: OrderedDict[int, Future[pa.Array]] = OrderedDict()
        self._lock = Lock()

    def get(self, group: int) -> Future[pa.Array]:
        """The images of a group, as soon as they are there."""
        with self._lock:
            if group not in self._kept:
                self._kept[group] = self._pool.submit(self._read, group)
            self._kept.move_to_end(group)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
            return self._kept[group]


class Inline(Executor):
    """Does at once what it is given, in the same thread."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # given on by `result`, as a thread's would be
            future.set_exception(error)
        return future
