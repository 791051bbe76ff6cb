"""The plan of a mix: facts of all rows -> sides -> how many of each part -> the rows themselves, in their order.

A plan is a folder. facts/ depends on the inputs alone, so that other ratios take seconds. choice/ holds
held.parquet, copies.parquet, sides/ (as facts/ a row for each input row, in its order), orders/SPLIT/CONFIG, and
plan.json, written last. Nothing is read but a few columns of numbers, a shard at a time.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, zip_longest
from typing import Any

from pipelines.mixture.copies import COPIES_FILE, write_copies
from pipelines.mixture.facts import FactsJob
from pipelines.mixture.held import HELD_FILE, hold_out, read_held
from pipelines.mixture.inputs import Input, config_of, config_order, row_groups, stretches
from pipelines.mixture.orders import Cell, Taking
from pipelines.mixture.prints import ABSENT
from pipelines.mixture.ratios import check_ratios, members, targets
from pipelines.mixture.settings import Mixture
from pipelines.mixture.sides import COPY, NEAR, TEST, TRAIN, SidesJob
from pipelines.runner import run
from pipelines.shards.files import read_manifest, sum_counts
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE, claim_anew
from render.mix import Mix

PLAN_FILE = "plan.json"
MAX_LOOKED_AT = 64  # shards, one after the other, for the configurations there are
SPLITS = (TRAIN, TEST)
SIDES_A_WORKER = 64  # shards that make up for the start of a process


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a mix will hold. `near`: rows left out because they are near a held-out source; `copies`: because another
    row holds the same file; `unprinted`: rows of each input whose source could not be fingerprinted, so that only the
    same file is found again."""

    cells: tuple[Cell, ...]
    near: int
    num_held: int
    unprinted: dict[str, int]
    copies: int

    @property
    def untested(self) -> tuple[str, ...]:
        """The configurations that the train split has and the test split, where there is one, has not."""
        taken = {split: [cell.config for cell in self.cells if cell.split == split and cell.images] for split in SPLITS}
        has_test = any(cell.split == TEST for cell in self.cells)
        return tuple(config for config in taken[TRAIN] if has_test and config not in taken[TEST])


def make_plan(
    inputs: Sequence[Input], mixture: Mixture, url: str, *, num_workers: int = 0, backend: str = "inline"
) -> Plan:
    """Plan a mix, or what is missing of it. Raises ValueError, before any image is read, for a ratio of which the
    inputs hold nothing."""
    facts = identity_of(inputs, mixture)
    claim_anew(Folder(f"{url}/facts"), facts)
    claim_anew(Folder(f"{url}/choice"), facts | mixture.identity())
    if has_plan(url):
        return read_plan(url)
    if (there := configs_there(inputs, mixture.ratios.names)) is not None:
        check_ratios(mixture.ratios, there)
    make_facts = partial(FactsJob, inputs, mixture)
    run(
        make_facts,
        len(stretches(inputs)),
        f"{url}/facts",
        num_workers=workers_for(len(stretches(inputs)), num_workers, 1),
        backend=backend,
        unit="rows fingerprinted",
    )
    return plan_from_facts(inputs, mixture, url, num_workers=num_workers, backend=backend)


def configs_there(inputs: Sequence[Input], names: Sequence[str]) -> set[str] | None:
    """The configurations of the inputs, of two short columns, until each name has one: the first shard of each input,
    then the second ones. None where MAX_LOOKED_AT shards do not tell, which is then known once all rows are read."""
    found: set[str] = set()
    rounds = zip_longest(*([(one, shard) for shard in one.shards] for one in inputs))
    for number, (one, shard) in enumerate(filter(None, chain.from_iterable(rounds))):
        if number == MAX_LOOKED_AT:
            return None
        for table in row_groups(one, shard, ["kind", "band"]):
            found |= {config_of(**row) for row in table.group_by(["kind", "band"]).aggregate([]).to_pylist()}
        if all(members(name, found) for name in names):
            break
    return found


def workers_for(num_shards: int, num_workers: int, shards_a_worker: int) -> int:
    """Workers worth starting for so many shards, or -1 as it was, for as many as a cluster holds; fewer than two are
    none, and this process does the work."""
    worth = num_shards // shards_a_worker
    if worth < 2 or num_workers in (0, 1):
        return 0
    return min(num_workers, worth)


def identity_of(inputs: Sequence[Input], mixture: Mixture) -> dict[str, Any]:
    """What the facts depend on."""
    return {"inputs": [one.digest for one in inputs], "seed": mixture.seed, "document": mixture.document}


def has_plan(url: str) -> bool:
    """Whether a plan was made whole."""
    return Folder(f"{url}/choice").exists(PLAN_FILE)


def has_this_plan(url: str, inputs: Sequence[Input], mixture: Mixture) -> bool:
    """Whether it is the plan of this mix."""
    choice = Folder(f"{url}/choice")
    there = json.loads(choice.read(JOB_FILE))["identity"] if has_plan(url) else None
    return bool(there == identity_of(inputs, mixture) | mixture.identity())


def plan_from_facts(
    inputs: Sequence[Input], mixture: Mixture, url: str, *, num_workers: int = 0, backend: str = "inline"
) -> Plan:
    """The plan from facts that are there."""
    choice, facts = Folder(f"{url}/choice"), Folder(f"{url}/facts")
    if not choice.exists(HELD_FILE):
        hold_out(facts, choice, mixture.test_share)
    if not mixture.keep_duplicates and not choice.exists(COPIES_FILE):
        write_copies(facts, choice, read_held(choice), mixture.ratios)
    num_shards = len(read_manifest(facts))
    run(
        partial(SidesJob, url),
        num_shards,
        f"{url}/choice/sides",
        num_workers=workers_for(num_shards, num_workers, SIDES_A_WORKER),
        backend=backend,
        unit="rows compared",
    )
    cells = _cells(mixture, sum_counts(Folder(f"{url}/choice/sides")))
    taken = Taking(url, cells).write_orders(inputs, mixture.seed)
    counts = sum_counts(Folder(f"{url}/choice/sides"))
    plan = Plan(
        cells=tuple(taken),
        near=sum(_available(counts, NEAR).values()),
        copies=sum(_available(counts, COPY).values()),
        num_held=len(read_held(choice).hashes),
        unprinted={key.partition("/")[2]: n for key, n in sum_counts(facts).items() if key.startswith(ABSENT) and n},
    )
    choice.put(PLAN_FILE, json.dumps(asdict(plan), indent=1, ensure_ascii=False).encode())
    return plan


def read_plan(url: str) -> Plan:
    """A plan that was made."""
    values = json.loads(Folder(f"{url}/choice").read(PLAN_FILE))
    return Plan(**values | {"cells": tuple(Cell(**cell) for cell in values["cells"])})


def _cells(mixture: Mixture, counts: Counter[str]) -> list[Cell]:
    """What each split takes of each configuration."""
    there = {split: _available(counts, split) for split in SPLITS}
    configs = sorted({config for known in there.values() for config in known}, key=config_order)
    check_ratios(mixture.ratios, configs)
    cells = []
    for split in SPLITS if mixture.test_share else (TRAIN,):
        known = {config: there[split].get(config, 0) for config in configs}
        wanted = targets(mixture.ratios, known, mixture.num_images if split == TRAIN else 0)
        if split == TRAIN and not wanted:
            raise ValueError(_nothing_to_train_on(mixture.ratios, known))
        cells += [
            Cell(split=split, config=config, available=known[config], images=wanted.get(config, 0))
            for config in configs
            if known[config]
        ]
    return cells


def _nothing_to_train_on(ratios: Mix, known: Mapping[str, int]) -> str:
    bare = [name for name in ratios.names if not sum(known[config] for config in members(name, known))]
    return (
        f"the train split would be empty: ratios {ratios} ask for {', '.join(bare)}, of which all images are held out "
        "for the test split, a source of each kind at least; give more sources of it, --ratios all, or --test-share 0"
    )


def _available(counts: Mapping[str, int], split: str) -> dict[str, int]:
    parts = ((key.split("/"), n) for key, n in counts.items())
    return {path[1]: n for path, n in parts if path[0] == split and path[2] == "images"}
