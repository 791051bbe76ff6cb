"""What the report of a curation shows, gathered in two passes over its scores: counts, histograms, and the
numbers of rows worth a picture. Memory does not grow with the corpus."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.categories import CATEGORY, with_category
from curate.expressions import expression
from curate.rules import Weight
from curate.rulesfile import parse_rules
from curate.select import ALWAYS, DUPLICATE_KIND, DUPLICATE_OF, ID, OK, STATUS, Stream, Values
from pipelines.curation.score_bins import Bins, Key, empty_bins, shown_expressions
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import selected_batches, spooled
from pipelines.shards.folder import Folder

NUM_NEAR, NUM_KEPT, NUM_PAIRS, MAX_NAMED = 3, 6, 12, 20
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Closest:
    """The rows of smallest distance in a stream, the first of equal ones."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._found: list[tuple[float, int]] = []

    def add(self, distances: NDArray[np.floating], rows: Numbers) -> None:
        """Offer rows by number, with their distances (n,)."""
        if len(rows) > self._count:
            nearest = np.argsort(distances, kind="stable")[: self._count]
            distances, rows = distances[nearest], rows[nearest]
        offered = zip(distances.tolist(), rows.tolist(), strict=True)
        self._found = sorted([*self._found, *offered])[: self._count]

    @property
    def rows(self) -> list[int]:
        """Nearest first."""
        return [row for _, row in self._found]


@dataclass(slots=True, kw_only=True)
class Around:
    """Rows on both sides of a rule's bound: those that fail it, first or not, and those kept."""

    rule: Mapping[str, Any]
    dropped: Closest = field(default_factory=lambda: Closest(NUM_NEAR))
    kept: Closest = field(default_factory=lambda: Closest(NUM_NEAR))


class SelectionFacts:
    """What is shown of a selection. `cuts`: what its cuts.json holds."""

    def __init__(self, cuts: Mapping[str, Any], parent: Mapping[str, Any] | None) -> None:
        self.cuts = cuts
        self.selection = parse_rules(cuts["rules_file"], "of a selection")[cuts["selection"]]
        self.weight: Weight | None = self.selection.weight
        known = {rule["rule"] for rule in parent["rules"]} if parent else set()
        new = (
            rule
            for rule in cuts["rules"]
            if rule["rule"] not in known and rule["failing"] and rule["value"] is not None and is_stored(rule["column"])
        )
        self.around = [Around(rule=rule) for rule in new]
        self.densest = Closest(NUM_KEPT)
        num_kept = cuts["counts"]["kept"]
        self._ranks = {i * num_kept // NUM_KEPT for i in range(min(NUM_KEPT, num_kept))}
        self._num_kept = 0
        self.kept: list[int] = []  # evenly spread over those kept

    @property
    def columns(self) -> set[str]:
        """The columns that its categories and its weight read."""
        texts = [category.where for category in self.selection.categories if category.where]
        texts += [self.weight.column] if self.weight else []
        return {name for text in texts for name in expression(text).columns}

    def add(self, values: Values, rows: Numbers, sound: Mask, keep: Mask) -> None:
        """Take in a batch: row numbers (n,), which of them have no fault, and which are kept."""
        for around in self.around:
            rule = around.rule
            numbers, bound = values.numbers(rule["column"]), np.float32(rule["value"])
            distances = np.abs(numbers - bound)
            beyond = numbers > bound if rule["side"] == "at_most" else numbers < bound
            holds = values.holds(rule["where"]) & ~np.isnan(distances)
            for closest, there in ((around.dropped, beyond & sound & holds), (around.kept, keep & holds)):
                closest.add(distances[there], rows[there])
        if self.weight:
            self.densest.add(-np.nan_to_num(values.numbers(self.weight.column))[keep], rows[keep])
        ranks = self._num_kept + np.arange(keep.sum())
        self.kept += rows[keep][np.isin(ranks, list(self._ranks))].tolist()
        self._num_kept += len(ranks)


@dataclass(slots=True, kw_only=True)
class Facts:
    """All that is gathered. `pairs`: (kind, number of the original, number of its duplicate)."""

    num_rows: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    duplicates: Counter[str] = field(default_factory=Counter)
    pairs: list[tuple[str, int, int]] = field(default_factory=list)
    bins: dict[Key, Bins] = field(default_factory=dict)
    selections: dict[str, SelectionFacts] = field(default_factory=dict)


def gather(table: ScoreTable, folder: Folder, cuts: Mapping[str, Mapping[str, Any]]) -> Facts:
    """The facts of a curation with these selections, by name."""
    keys = [key for key in shown_expressions(table.schema, cuts) if is_stored(key[1])]
    texts = [text for _, text in keys]
    texts += [rule[key] for cut in cuts.values() for rule in cut["rules"] for key in ("column", "where") if rule[key]]
    wanted = {name for text in texts for name in expression(text).columns} | {ID, "reason", *ALWAYS}
    facts = Facts(selections={name: SelectionFacts(cut, _parent(cut, cuts)) for name, cut in cuts.items()})
    for selection in facts.selections.values():
        wanted |= selection.columns
    with spooled(table.batches([name for name in table.schema.names if name in wanted])) as stream:
        facts.bins = empty_bins(keys, stream, cuts)
        pairs = _add_all(facts, stream, folder)
        facts.pairs = _numbered(pairs, stream)
    return facts


def is_stored(text: str) -> bool:
    """Whether an expression comes from the scores alone: a row's category differs from selection to selection."""
    return CATEGORY not in expression(text).columns


def _parent(cut: Mapping[str, Any], cuts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return cuts.get(cut["part_of"][-1]) if cut["part_of"] else None


def _add_all(facts: Facts, stream: Stream, folder: Folder) -> list[tuple[str, str, int]]:
    """The second pass; the first pairs of each kind of duplicate, as (kind, id of the original, number)."""
    decisions = [selected_batches(folder, name, ["keep"]) for name in facts.selections]
    pairs: list[tuple[str, str, int]] = []
    for batch, *decided in zip(stream(), *decisions, strict=True):
        rows = np.arange(facts.num_rows, facts.num_rows + len(batch))
        facts.num_rows += len(batch)
        values = Values(batch)
        sound = batch.column(STATUS).to_numpy(zero_copy_only=False) == OK
        keeps = {
            name: part.column("keep").to_numpy(zero_copy_only=False)
            for name, part in zip(facts.selections, decided, strict=True)
        }
        for name, selection in facts.selections.items():
            own = Values(with_category(batch, selection.selection)) if selection.selection.categories else values
            selection.add(own, rows, sound, keeps[name])
        for (name, text), bins in facts.bins.items():
            keep = keeps.get(name, sound)
            failing = sound & ~keep & _failing(facts.selections.get(name), text, values)
            bins.add(values.numbers(text), keep, failing, sound & ~keep & ~failing)
        _add_faults(facts, batch, sound)
        pairs += _duplicates(facts, batch, rows)
    return pairs


def _failing(selection: SelectionFacts | None, text: str, values: Values) -> Mask:
    """The rows that are beyond a bound which the selection has on this expression, be it the first they fail or not."""
    numbers = values.numbers(text)
    beyond = np.zeros(len(numbers), bool)
    for rule in selection.cuts["rules"] if selection else ():
        if rule["column"] == text and rule["value"] is not None and (not rule["where"] or is_stored(rule["where"])):
            bound = np.float32(rule["value"])
            beyond |= (numbers > bound if rule["side"] == "at_most" else numbers < bound) & values.holds(rule["where"])
    return beyond


def _add_faults(facts: Facts, batch: pa.RecordBatch, sound: NDArray[np.bool_]) -> None:
    facts.statuses[OK] += int(sound.sum())
    for row in batch.select([ID, STATUS, "reason"]).filter(pa.array(~sound)).to_pylist():
        facts.statuses[row[STATUS]] += 1
        if len(facts.faults[row[STATUS]]) < MAX_NAMED:
            facts.faults[row[STATUS]].append((row[ID], row["reason"]))


def _duplicates(facts: Facts, batch: pa.RecordBatch, rows: Numbers) -> Iterator[tuple[str, str, int]]:
    if DUPLICATE_OF not in batch.schema.names:
        return
    twice = batch.column(DUPLICATE_OF).is_valid().to_numpy(zero_copy_only=False)
    originals = batch.column(DUPLICATE_OF).filter(pa.array(twice)).to_pylist()
    has_kind = DUPLICATE_KIND in batch.schema.names
    kinds = batch.column(DUPLICATE_KIND).filter(pa.array(twice)).to_pylist() if has_kind else ["" for _ in originals]
    for kind, original, row in zip(kinds, originals, rows[twice].tolist(), strict=True):
        facts.duplicates[kind] += 1
        if facts.duplicates[kind] <= NUM_PAIRS // 2:
            yield kind, original, row


def _numbered(pairs: Sequence[tuple[str, str, int]], stream: Stream) -> list[tuple[str, int, int]]:
    """The pairs with the originals by number."""
    wanted = pa.array({original for _, original, _ in pairs}, pa.string())
    numbers: dict[str, int] = {}
    first = 0
    for batch in stream() if pairs else ():
        there = np.flatnonzero(pc.is_in(batch.column(ID), wanted))
        numbers |= dict(zip(batch.column(ID).take(pa.array(there)).to_pylist(), (there + first).tolist(), strict=True))
        first += len(batch)
    return [(kind, numbers[original], row) for kind, original, row in pairs if original in numbers]
