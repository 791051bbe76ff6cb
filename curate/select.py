"""Decides from score columns alone: rules with their bounds resolved -> kept, or the first failing rule."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.categories import CATEGORY, with_category
from curate.expressions import expression
from curate.rules import Percentile, Rule, Selection
from curate.sketch import Quantile

Mask = NDArray[np.bool_]
Stream = Callable[[], Iterable[pa.RecordBatch]]  # the same batches at each call
ID, STATUS, DUPLICATE_OF, DUPLICATE_KIND = "id", "status", "duplicate_of", "duplicate_kind"
OK, DUPLICATE = "ok", "duplicate"
ALWAYS = (STATUS, DUPLICATE_OF, DUPLICATE_KIND)  # read wherever the scores have them


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A rule with its bound as a number: nan where no row was there to take a percentile from."""

    rule: Rule
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """A selection with resolved bounds. `skipped`: optional rules whose column the scores do not have; `stand_ins`:
    by the id of an image that is not kept, which of its duplicates is."""

    selection: Selection
    cuts: tuple[Cut, ...]
    skipped: tuple[Rule, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)


class Reasons:
    """Names the first reason that was marked for each row."""

    def __init__(self, num_rows: int) -> None:
        self.names: list[str] = []
        self.codes = np.full(num_rows, -1, np.int32)  # -1: none
        self.failing: Counter[str] = Counter()  # sound rows that fail a rule, whether or not it is the first

    def mark(self, rows: Mask, name: str) -> None:
        """Give the rows (n,) that have no reason yet this one."""
        new = rows & (self.codes < 0)
        if new.any():
            if name not in self.names:
                self.names.append(name)
            self.codes[new] = self.names.index(name)

    @property
    def keep(self) -> Mask:
        """Rows without a reason (n,)."""
        return self.codes < 0

    def array(self) -> pa.DictionaryArray:
        """The reasons (n,), null for kept rows."""
        return pa.DictionaryArray.from_arrays(pa.array(self.codes, mask=self.keep), pa.array(self.names, pa.string()))


class Values:
    """What expressions come to for a batch, each computed once."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._numbers: dict[str, NDArray[np.float32]] = {}
        self._holds: dict[str, Mask] = {"": np.ones(len(batch), bool)}

    def numbers(self, text: str) -> NDArray[np.float32]:
        """Values (n,), nan where not measured."""
        if text not in self._numbers:
            self._numbers[text] = expression(text).numbers(self._batch)
        return self._numbers[text]

    def holds(self, text: str) -> Mask:
        """Where a condition holds (n,); "" everywhere."""
        if text not in self._holds:
            self._holds[text] = expression(text).holds(self._batch)
        return self._holds[text]


def usable_rules(selection: Selection, names: Sequence[str]) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """The rules that the score columns of these names allow, and the optional ones they do not.

    Raises ValueError for a column that is neither there nor optional.
    """
    known = [*names, *([CATEGORY] if selection.categories else [])]
    absent = tuple(rule for rule in selection.rules if rule.optional and not set(rule.columns) <= set(known))
    used = tuple(rule for rule in selection.rules if rule not in absent)
    for text in (text for rule in used for text in (rule.column, rule.where) if text):
        expression(text).check_columns(known)
    for text in _priority_texts(selection):
        expression(text).check_columns(names)
    return used, absent


def columns_of(selection: Selection, names: Sequence[str]) -> list[str]:
    """The score columns that deciding reads, in the order of `names`."""
    used, _ = usable_rules(selection, names)
    wanted = {name for rule in used for name in rule.columns} | set(ALWAYS)
    wanted |= {name for text in _priority_texts(selection) for name in expression(text).columns}
    return [name for name in names if name in wanted]


def _priority_texts(selection: Selection) -> list[str]:
    """The expressions that categories and the weight need."""
    texts = [category.where for category in selection.categories if category.where]
    return texts + ([selection.weight.column] if selection.weight else [])


def sound(batch: pa.RecordBatch, *, keep_duplicates: bool, stand_ins: Mapping[str, str] | None = None) -> Reasons:
    """The reasons that no rule gives: the row's fault by its status, or that it is a duplicate and no stand-in."""
    reasons = Reasons(len(batch))
    if not pc.all(pc.equal(batch.column(STATUS), OK)).as_py():
        statuses = batch.column(STATUS).to_numpy(zero_copy_only=False)
        for status in sorted({str(status) for status in statuses} - {OK}):
            reasons.mark(statuses == status, status)
    if not keep_duplicates and DUPLICATE_OF in batch.schema.names:
        _mark_duplicates(batch, reasons, stand_ins or {})
    return reasons


def _mark_duplicates(batch: pa.RecordBatch, reasons: Reasons, stand_ins: Mapping[str, str]) -> None:
    twice = batch.column(DUPLICATE_OF).is_valid().to_numpy(zero_copy_only=False)
    if stand_ins:
        pairs = _pairs(batch.filter(pa.array(twice)))
        twice[twice] = [stand_ins.get(original) != name for name, original in pairs]
    if DUPLICATE_KIND not in batch.schema.names:
        reasons.mark(twice, DUPLICATE)
        return
    kinds = batch.column(DUPLICATE_KIND).to_numpy(zero_copy_only=False)
    for kind in sorted({str(kind) for kind in kinds[twice]}):
        reasons.mark(twice & (kinds == kind), f"{DUPLICATE} ({kind})")


def resolve(selection: Selection, names: Sequence[str], stream: Stream) -> Cuts:
    """Bounds as numbers; percentiles by reading the stream twice, nothing where there are none.

    Raises ValueError for a column that the scores do not have.
    """
    used, skipped = usable_rules(selection, names)
    sketches = {rule: Quantile(rule.bound.percent / 100) for rule in used if isinstance(rule.bound, Percentile)}
    for _ in range(Quantile.NUM_PASSES if sketches else 0):
        for batch in stream():
            _count(with_category(batch, selection), sketches)
        for sketch in sketches.values():
            sketch.advance()
    cuts = []
    for rule in used:
        value = sketches[rule].value if isinstance(rule.bound, Percentile) else rule.bound
        cuts.append(Cut(rule=rule, value=value))
    found = Cuts(selection=selection, cuts=tuple(cuts), skipped=skipped)
    if selection.keep_duplicates or DUPLICATE_OF not in names:
        return found
    return replace(found, stand_ins=_stand_ins(found, stream))


def _stand_ins(cuts: Cuts, stream: Stream) -> dict[str, str]:
    """For images that the rules drop, the first of their duplicates that they keep, by id; two readings.

    A part of another selection is left with what that one keeps. An id for each group of duplicates is held.
    """
    selection = cuts.selection
    rules = selection.widest_rules if selection.inherited else selection.rules
    cuts = replace(
        cuts,
        selection=replace(selection, keep_duplicates=True),
        cuts=tuple(cut for cut in cuts.cuts if cut.rule in rules),
    )
    found: dict[str, str] = {}
    for batch in stream():
        for name, original in _kept_pairs(batch.filter(batch.column(DUPLICATE_OF).is_valid()), cuts):
            found.setdefault(original, name)
    for batch in stream() if found else ():
        originals = [name in found for name in batch.column(ID).to_pylist()]
        for name, _ in _kept_pairs(batch.filter(pa.array(originals, pa.bool_())), cuts):
            found.pop(name, None)
    return found


def _pairs(batch: pa.RecordBatch) -> Iterable[tuple[str, str]]:
    """The id of each row and of the image it repeats."""
    return zip(batch.column(ID).to_pylist(), batch.column(DUPLICATE_OF).to_pylist(), strict=True)


def _kept_pairs(batch: pa.RecordBatch, cuts: Cuts) -> Iterable[tuple[str, str]]:
    return _pairs(batch.filter(pa.array(select(batch, cuts).keep)))


def _count(batch: pa.RecordBatch, sketches: dict[Rule, Quantile]) -> None:
    candidates, values = sound(batch, keep_duplicates=False).keep, Values(batch)
    for rule, sketch in sketches.items():
        sketch.add(values.numbers(rule.column)[candidates & values.holds(rule.where)])


def select(batch: pa.RecordBatch, cuts: Cuts) -> Reasons:
    """What becomes of each row: its fault, its being a duplicate, the first rule it fails, or nothing (kept)."""
    reasons = sound(batch, keep_duplicates=cuts.selection.keep_duplicates, stand_ins=cuts.stand_ins)
    candidates, values = reasons.keep, Values(with_category(batch, cuts.selection))
    for cut in cuts.cuts:
        rule, bound = cut.rule, np.float32(cut.value)
        inside = candidates & values.holds(rule.where)
        numbers = values.numbers(rule.column)
        beyond = inside & (numbers > bound if rule.at_least is None else numbers < bound)
        reasons.mark(beyond, str(rule))
        missing = inside & np.isnan(numbers) if rule.missing == "drop" else np.zeros_like(inside)
        reasons.mark(missing, f"{rule.column} not measured")
        reasons.failing[str(rule)] = int((beyond | missing).sum())
    return reasons
