"""Texts made at random, for the readers of annotations, recipes and rules: they are read, or their fault is named."""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from curate.omnidoc import AnnotationError, blocks_of, read_annotations
from curate.rulesfile import dump_rules, parse_rules
from pipelines.curation import curating
from pipelines.mixture import mixing
from pipelines.settings import load_settings
from tests.fuzzing import JSON, LAUGHS, NESTED, NUMBERS, few, outcome, values_of
from train.command_line import load_run

ROOT = Path(__file__).parents[1]
MAX_MESSAGE = 20_000  # characters
RUN_ME = "!!python/object/apply:os.system [true]"
IMAGE_PATHS = ["a.jpg", "../up.jpg", "/etc/passwd", "x/./b.png", "\\\\host\\c.png", ""]
PARTS = values_of(
    {
        "category_type": st.sampled_from(["text_block", "figure"]),
        "poly": st.lists(NUMBERS, min_size=7, max_size=9),
        "text": st.text(max_size=20),
        "ignore": st.booleans(),
        "attribute": values_of({"text_rotate": st.sampled_from(["normal", "rotate90"])}),
    }
)
INFO = {
    "image_path": st.sampled_from(IMAGE_PATHS),
    "page_attribute": values_of({"data_source": st.text(max_size=5)}),
}
PAGES = values_of({"page_info": values_of(INFO), "layout_dets": st.lists(PARTS | JSON, max_size=4)})


@few(250)
@given(st.lists(PAGES | JSON, max_size=3) | JSON)
def test_annotations_are_read_or_named(pages: Any):
    found, fault = outcome(lambda: read_annotations(json.dumps(pages).encode()), AnnotationError)

    assert (found is None) == bool(fault)
    for page in found or []:
        assert page.fault or not {"..", ""} & set(page.image.split("/"))
        kept, skipped = blocks_of(page.parts, 300, 200)
        assert len(kept) + skipped.total() == len(page.parts)
        assert all(0 <= one.box.left < one.box.right <= 300 and one.box.bottom <= 200 for one in kept)


@few(100)
@given(st.binary(max_size=60))
@example(NESTED.encode())
@example(b'[{"page_info": "\\ud800"}]')
def test_annotations_that_are_no_json_are_named(data: bytes):
    found, fault = outcome(lambda: read_annotations(data), AnnotationError)

    assert fault or all(page.image for page in found or [])


def read_mix(path: str) -> object:
    return mixing.parse_settings(["--recipe", path, "--inputs", "x"])


def read_run(path: str) -> object:
    return load_run(path).curriculum()


READERS: dict[str, tuple[Callable[[str], object], str, dict[str, Any]]] = {  # each with a recipe, and more fields
    "render": (load_settings, "pipelines/recipes/f16.yaml", {"bands": "5-7=1", "seed": 1, "photos": ["x"]}),
    "curate": (curating.load_parts, "pipelines/recipes/curate/default.yaml", {"source": ["x"], "shuffle_seed": 1}),
    "mix": (read_mix, "pipelines/recipes/mix/default.yaml", {"ratios": "general=1", "seed": 1}),
    "train": (read_run, "train/recipes/tiny.yaml", {}),
}


@cache
def known_values(reader: str) -> dict[str, Any]:
    _, recipe, more = READERS[reader]
    return more | yaml.safe_load((ROOT / recipe).read_text())


def fault_in(reader: str, folder: Path, text: str) -> str:
    """What is wrong with a recipe, "" where it is read."""
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return outcome(lambda: READERS[reader][0](str(path)), ValueError, SystemExit)[1]


@pytest.mark.parametrize("reader", READERS)
def test_recipes_are_read_or_named(reader: str, tmp_path: Path):
    known, fault = known_values(reader), partial(fault_in, reader, tmp_path)
    assert fault(yaml.safe_dump(known)) == ""
    names = st.sampled_from(sorted(known))

    @few(40)
    @given(st.dictionaries(names, JSON | st.just([{}]) | st.just({"general": -1}), min_size=1, max_size=2))
    def check(changes: dict[str, Any]) -> None:
        assert len(fault(yaml.safe_dump(known | changes))) < MAX_MESSAGE

    check()


NO_VALUES = [f"{LAUGHS}", "&a [*a]", "!!python/name:os.system", ".inf", "2001-01-01", "9" * 5000, "{{}: 1}"]
NO_RECIPES = [NESTED, LAUGHS, RUN_ME, "a: b: c", "\t- x", "- 1", "7", "\ud800", "? [seed]\n: 1"]


@pytest.mark.parametrize("reader", READERS)
def test_text_that_is_no_recipe_is_named(reader: str, tmp_path: Path):
    name = sorted(known_values(reader))[0]
    for text in NO_RECIPES + [f"{name}: {value}" for value in NO_VALUES]:
        assert 0 < len(fault_in(reader, tmp_path, text)) < MAX_MESSAGE, text[:40]


RULE = values_of(
    {
        "column": st.sampled_from(["clarity", "min(width_px, 3)", "((("]),
        "at_least": st.sampled_from([1, 0.5, "10%", "200%"]),
        "where": st.sampled_from(["a > 1", 'matches(path, "*")', "__import__('os')"]),
        "missing": st.sampled_from(["keep", "drop"]),
    }
)
CATEGORY = values_of({"name": st.text(max_size=4), "share": NUMBERS, "where": st.just("a > 1")})
SELECTION = values_of(
    {
        "kind": st.sampled_from(["general", "text"]),
        "rules": st.lists(RULE, max_size=3),
        "extends": st.sampled_from(["a", "b"]),
        "weight": values_of({"column": st.just("clarity"), "at": NUMBERS, "exponent": NUMBERS}),
        "categories": st.lists(CATEGORY, max_size=2),
    }
)


@few(200)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), SELECTION | JSON, max_size=3) | JSON)
def test_rules_are_read_or_named(values: Any):
    found, fault = outcome(lambda: parse_rules(yaml.safe_dump(values), "fuzz.yaml"), ValueError)

    assert fault.startswith("rules fuzz.yaml: ") or found is not None
    assert not found or parse_rules(dump_rules(found), "again").keys() == found.keys()


NO_RULES = [
    NESTED,
    RUN_ME,
    f"a: {LAUGHS}",
    f"a: {{rules: {LAUGHS}}}",
    f"a: {{rules: [{LAUGHS}]}}",
    f"a: {{rules: [{{column: {LAUGHS}}}]}}",
    "a: &a {extends: *a}",
    "a: {rules: [{column: '" + "(" * 5000 + "'}]}",
    "a: {rules: [{column: '" + "-" * 5000 + "x', at_least: 1}]}",
    "a: {rules: [{column: '" + "x + " * 5000 + "x', at_least: 1}]}",
]


@pytest.mark.parametrize("text", NO_RULES)
def test_text_that_is_no_rules_file_is_named(text: str):
    with pytest.raises(ValueError, match=r"^rules fuzz\.yaml: ") as caught:
        parse_rules(text, "fuzz.yaml")

    assert len(str(caught.value)) < MAX_MESSAGE
