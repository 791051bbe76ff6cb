from pathlib import Path

import pytest

import pipelines
from curate.rules import Percentile, Rule, Weight
from curate.rulesfile import dump_rules, parse_rules

SHIPPED = sorted((Path(pipelines.__file__).parent / "rules").glob("*.yaml"))
NESTED = """
wide:
  rules:
    - {column: a, at_least: 1}
narrow:
  extends: wide
  rules:
    - {column: b, at_most: 5%, where: a > 2, missing: keep}
"""


def test_reads_bounds_and_percentiles():
    narrow = parse_rules(NESTED, "here")["narrow"]

    assert narrow.rules == (
        Rule(column="a", at_least=1.0),
        Rule(column="b", at_most=Percentile(percent=5), where="a > 2", missing="keep"),
    )
    assert narrow.inherited == ("wide",)
    assert str(narrow.rules[1]) == "b over 5% where a > 2"
    assert narrow.rules[1].columns == ("a", "b")


def test_writes_what_it_reads():
    for path in SHIPPED:
        selections = parse_rules(path.read_text(), path.name)

        assert parse_rules(dump_rules(selections, "a note\nof two lines"), "again") == selections


def test_ships_general_text_rich_and_six_stages():
    names = [name for path in SHIPPED for name in parse_rules(path.read_text(), path.name)]
    stages = parse_rules((SHIPPED[0].parent / "stages.yaml").read_text(), "stages")

    assert {"general", "text-rich"} < set(names)
    assert list(stages) == [f"stage-{px}" for px in (256, 512, 768, 1024, 1536, 2048)]
    assert [len(stage.inherited) for stage in stages.values()] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write `name:` and under it"),
        ("- a", "write `name:`"),
        ("a: {rules: [{column: x}]}", "rule on 'x': give either at_least or at_most"),
        ("a: {rules: [{column: x, at_least: 1, at_most: 2}]}", "give either"),
        ("a: {rules: [{column: x, at_leest: 1}]}", "no field 'at_leest'; did you mean 'at_least'?"),
        ("a: {rules: [{column: x, at_least: ten}]}", "bound is 'ten': write a number, or a percentile such as 10%"),
        ("a: {rules: [{column: x, at_least: 101%}]}", "percentile is 101.0: use 0 to 100"),
        ("a: {rules: [{column: x, at_least: .nan}]}", "its bound is nan: write a number"),
        ("a: {rules: []}\nb: {}\na: {}", "'a' is there twice"),
        ("a: {rules: [{column: x, at_least: 1, at_least: 2}]}", "'at_least' is there twice"),
        ("a: {rules: [{column: x, at_least: [1]}]}", "selection 'a', rules"),
        ("a: {rules: {column: x}}", "rules is a dict: write a list"),
        ("a: sharp", "selection 'a' is 'sharp': write `rules:`"),
        ("a: {rules: [x]}", "'x' is no mapping"),
        ("a: {rules: [{column: 'x y', at_least: 1}]}", "expression 'x y' cannot be read"),
        ("a: {rules: [{column: x, at_least: 1, missing: maybe}]}", "missing is 'maybe': use drop or keep"),
        ("a: {kind: photos}", "kind is 'photos': use general or text"),
        ("a/b: {}", "selection 'a/b': name it with letters"),
        ("a: {extends: b}", "selection 'a' extends 'b', which is not in the file"),
        ("a: {extends: b}\nb: {extends: a}", "extends itself"),
        ("a: {keep_duplicates: true, extends: b}\nb: {}", "keeps duplicates, which 'b' drops"),
        ("a: {categories: [{name: x, share: 0.7}, {name: y, share: 0.7}]}", "shares of its categories exceed 1"),
        ("a: {categories: [{name: x}, {name: x}]}", "name each once"),
        ("a: {categories: [{name: x, max_images: 3}]}", "max_images needs a weight"),
        ("a: {weight: {column: x, at: 0}}", "use at > 0"),
        ("a: [", "rules here: while parsing"),
    ],
)
def test_says_what_is_wrong_with_a_file(text, message):
    with pytest.raises(ValueError, match=r"^rules here: ") as error:
        parse_rules(text, "here")

    assert message in str(error.value)


def test_reads_merges_within_merges():
    found = parse_rules(
        "a: &a\n  rules: [&r {<<: &b {column: x, at_least: 1}, at_least: 2}]\nb: {rules: [{<<: *r, missing: keep}]}\n",
        "here",
    )

    assert [str(rule) for rule in found["b"].rules] == ["x under 2"]


def test_refuses_a_part_of_a_limited_selection():
    text = "a: {weight: {column: x, at: 1}, categories: [{name: c, max_images: 2}]}\nb: {extends: a}"

    with pytest.raises(ValueError, match="'b' extends 'a', whose max_images would not hold for it"):
        parse_rules(text, "here")


def test_a_weight_states_its_formula_in_defaults():
    assert Weight(column="x", at=10) == Weight(column="x", at=10, exponent=0.5, low=0.25, high=4)
