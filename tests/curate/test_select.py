from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curate.rules import Category, Percentile, Rule, Selection
from curate.rulesfile import parse_rules
from curate.select import Reasons, columns_of, resolve, select


def scores(**columns: Any) -> pa.RecordBatch:
    count = len(next(iter(columns.values())))
    plain: dict[str, Any] = {"id": [f"0/{i}" for i in range(count)], "status": ["ok"] * count}
    return pa.RecordBatch.from_pydict(plain | columns)


def decide(batch: pa.RecordBatch, *rules: Rule, **options: Any) -> tuple[list[str | None], Reasons]:
    selection = Selection(name="s", rules=rules, **options)
    reasons = select(batch, resolve(selection, batch.schema.names, lambda: [batch]))
    return reasons.array().to_pylist(), reasons


def test_keeps_or_names_the_first_failing_rule():
    batch = scores(a=[1.0, 0.2, 0.9, 0.1], b=[5, 5, 9, 9])
    found, reasons = decide(batch, Rule(column="a", at_least=0.5), Rule(column="b", at_most=6))

    assert found == [None, "a under 0.5", "b over 6", "a under 0.5"]
    assert reasons.failing == {"a under 0.5": 2, "b over 6": 2}


def test_a_bound_itself_is_kept():
    batch = scores(a=pa.array([0.1, 0.7], pa.float32()))

    assert decide(batch, Rule(column="a", at_least=0.1), Rule(column="a", at_most=0.7))[0] == [None, None]


def test_a_fault_comes_first_and_then_a_duplicate():
    batch = scores(a=[1.0, None, 1.0, 0.0], duplicate_of=[None, None, "0/0", "0/0"])
    batch = batch.set_column(1, "status", pa.array(["ok", "truncated", "ok", "ok"]))
    rule = Rule(column="a", at_least=0.5)

    assert decide(batch, rule)[0] == [None, "truncated", "duplicate", "duplicate"]
    assert decide(batch, rule, keep_duplicates=True)[0] == [None, "truncated", None, "a under 0.5"]


def test_the_first_duplicate_that_passes_stands_in_for_an_original_that_does_not():
    originals = [None, "0/0", "0/0", "0/0", None, "0/4", None, "0/6"]
    batch = scores(a=[0.1, 0.2, 0.9, 0.8, 0.7, 0.9, 0.3, 0.4], duplicate_of=originals)
    rule = Rule(column="a", at_least=0.5)
    low, twice = "a under 0.5", "duplicate"

    assert decide(batch, rule)[0] == [low, twice, None, twice, None, twice, low, twice]
    reasons = decide(batch.take(pa.array([7, 6, 5, 4, 3, 2, 1, 0])), rule)[0]
    assert reasons == [twice, low, twice, None, None, twice, twice, low]


def test_a_part_of_a_selection_takes_no_stand_ins_of_its_own():
    text = """
    wide: {rules: [{column: a, at_least: 0.5}]}
    narrow: {extends: wide, rules: [{column: b, at_least: 0.5}]}
    """
    batch = scores(a=[0.9, 0.9, 0.1, 0.9], b=[0.1, 0.9, 0.9, 0.9], duplicate_of=[None, "0/0", None, "0/2"])
    wide, narrow = (
        decide(batch, *one.rules, inherited=one.inherited, widest_rules=one.widest_rules)[0]
        for one in parse_rules(text, "here").values()
    )

    assert [wide[row] is None for row in range(4)] == [True, False, False, True]
    assert [narrow[row] is None for row in range(4)] == [False, False, False, True]


def test_tells_kinds_of_duplicates_apart():
    batch = scores(duplicate_of=["0/1", None, "0/1"], duplicate_kind=["near", None, "exact"])

    assert decide(batch)[0] == ["duplicate (near)", None, "duplicate (exact)"]


def test_a_rule_holds_where_it_says():
    batch = scores(a=[0.1, 0.1, 0.9], width_px=[100, 900, 900])

    assert decide(batch, Rule(column="a", at_least=0.5, where="width_px > 500"))[0] == [
        None,
        "a under 0.5 where width_px > 500",
        None,
    ]


def test_what_was_not_measured_is_dropped_unless_told():
    batch = scores(a=[None, 0.9])

    assert decide(batch, Rule(column="a", at_least=0.5))[0] == ["a not measured", None]
    assert decide(batch, Rule(column="a", at_least=0.5, missing="keep"))[0] == [None, None]


def test_a_percentile_is_of_sound_rows_that_are_no_duplicates():
    rng = np.random.default_rng(1)
    values = rng.permutation(100).astype(np.float32)
    batch = scores(a=np.concatenate([values, np.zeros(100, np.float32)]), duplicate_of=[None] * 100 + ["0/0"] * 100)
    found, _ = decide(batch, Rule(column="a", at_least=Percentile(percent=10)))

    assert found.count("a under 10%") == 9  # the tenth smallest is the bound
    assert found.count(None) == 91


def test_percentiles_by_bucket():
    batch = scores(a=[1.0, 2, 3, 4, 10, 20, 30, 40], large=[0] * 4 + [1] * 4)
    rules = [Rule(column="a", at_least=Percentile(percent=50), where=f"large == {i}") for i in (0, 1)]
    cuts = resolve(Selection(name="s", rules=tuple(rules)), batch.schema.names, lambda: [batch])

    assert [cut.value for cut in cuts.cuts] == [2, 20]


def test_percentiles_by_category():
    batch = scores(a=[1.0, 2, 10, 20], path=["x/1", "x/2", "y/1", "y/2"])
    rule = Rule(column="a", at_least=Percentile(percent=100), where='category == "x"')
    categories = (Category(name="x", where='matches(path, "x/*")'), Category(name="rest"))

    assert decide(batch, rule, categories=categories)[0] == ['a under 100% where category == "x"', None, None, None]


def test_decides_the_same_batch_by_batch():
    rng = np.random.default_rng(2)
    batch = scores(a=rng.normal(size=500), b=rng.normal(size=500))
    parts = [batch.slice(i, 37) for i in range(0, 500, 37)]
    selection = Selection(
        name="s", rules=(Rule(column="a", at_least=Percentile(percent=30)), Rule(column="b", at_most=1))
    )
    cuts = resolve(selection, batch.schema.names, lambda: reversed(parts))
    found = [reason for part in parts for reason in select(part, cuts).array().to_pylist()]

    assert found == decide(batch, *selection.rules)[0]


def test_leaves_optional_rules_out_and_refuses_unknown_columns():
    batch = scores(a=[1.0])
    selection = Selection(name="s", rules=(Rule(column="b", at_least=1, optional=True),))

    assert resolve(selection, batch.schema.names, lambda: [batch]).skipped == selection.rules
    with pytest.raises(ValueError, match="names 'clarty', which is no column"):
        decide(batch, Rule(column="clarty", at_least=1))


def test_reads_no_more_columns_than_it_needs():
    rules = (Rule(column="a * b", at_least=1, where="c > 1"),)
    selection = Selection(name="s", rules=rules, categories=(Category(name="x", where='matches(d, "*")'),))

    assert columns_of(selection, ["id", "status", "a", "b", "c", "d", "e"]) == ["status", "a", "b", "c", "d"]


def test_a_part_of_a_selection_keeps_a_part_of_its_images():
    text = """
    wide: {rules: [{column: a, at_least: 20%}]}
    middle: {extends: wide, rules: [{column: a, at_least: 10%}, {column: b, at_most: 0.5}]}
    narrow: {extends: middle, rules: [{column: b, at_least: 5%, where: a > 0}]}
    """
    rng = np.random.default_rng(3)
    batch = scores(a=rng.normal(size=300), b=rng.normal(size=300))
    keeps = [
        select(batch, resolve(selection, batch.schema.names, lambda: [batch])).keep
        for selection in parse_rules(text, "here").values()
    ]

    assert keeps[0].sum() > keeps[1].sum() > keeps[2].sum() > 0
    assert not (keeps[1] & ~keeps[0]).any()
    assert not (keeps[2] & ~keeps[1]).any()
