import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from curate.rulesfile import parse_rules
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.selecting import (
    GROUP_ROWS,
    Selected,
    load_rules,
    read_cuts,
    regrouped,
    select,
    select_from,
    selected_batches,
    selected_rows,
    selection_names,
)
from pipelines.shards.folder import Folder
from tests.pipelines.scored import NUM_IMAGES, make_scored, make_selected

AMOUNTS = ("width_px", "height_px", "clarity", "blockiness", "noise_sigma", "entropy_bits", "flat_share")
MORE = ("dark_share", "light_share", "border_share", "aspect", "jpeg_quality", "upscale", "aesthetics")


class Table:
    """Random scores in memory, in batches of any size."""

    def __init__(self, num_rows: int, seed: int = 0, batch_rows: int = 1000) -> None:
        rng = np.random.default_rng(seed)
        columns: dict[str, Any] = {name: rng.random(num_rows).astype(np.float32) for name in (*AMOUNTS, *MORE)}
        columns |= {name: rng.integers(200, 4000, num_rows) for name in ("width_px", "height_px")}
        columns |= {"jpeg_quality": 100 * columns["jpeg_quality"], "entropy_bits": 8 * columns["entropy_bits"]}
        columns["aspect"] = columns["width_px"] / columns["height_px"]
        names: dict[str, Any] = {"id": [f"0/{i}" for i in range(num_rows)], "status": ["ok"] * num_rows}
        self._batch = pa.RecordBatch.from_pydict(names | columns)
        self.schema, self.num_rows, self._batch_rows = self._batch.schema, num_rows, batch_rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for first in range(0, self.num_rows, self._batch_rows):
            yield self._batch.slice(first, self._batch_rows).select(columns)


@pytest.fixture(scope="module")
def selected(tmp_path_factory):
    return make_selected(make_scored(tmp_path_factory.mktemp("selected")))


def kept(folder: str, name: str) -> NDArray[np.bool_]:
    return np.concatenate([batch.column("keep").to_numpy(False) for batch in selected_batches(Folder(folder), name)])


def test_shipped_stages_are_nested_and_each_smaller(tmp_path):
    stages = list(load_rules("stages").values())
    select_from(Table(20_000), stages, str(tmp_path))
    keeps = [kept(str(tmp_path), stage.name) for stage in stages]

    assert all(not (inner & ~outer).any() for outer, inner in pairwise(keeps))
    assert [keep.sum() for keep in keeps] == sorted((keep.sum() for keep in keeps), reverse=True)
    assert keeps[0].sum() > keeps[2].sum() > 0


def test_shipped_general_rules_fit_the_columns(tmp_path):
    [done] = select_from(Table(5000), list(load_rules("general").values()), str(tmp_path))

    assert done.num_rows == 5000
    assert 0 < done.num_kept < 5000


def test_rows_are_those_of_the_scores_in_their_order(tmp_path):
    table = Table(GROUP_ROWS + 10)
    rules = "a: {rules: [{column: clarity, at_least: 25%}]}"
    select_from(table, list(parse_rules(rules, "here").values()), str(tmp_path))
    file = pq.ParquetFile(tmp_path / "selections/a/rows.parquet")
    rows = file.read()

    assert rows.column("id").to_pylist() == [f"0/{i}" for i in range(table.num_rows)]
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [GROUP_ROWS, 10]
    assert selected_rows(Folder(str(tmp_path)), "a", range(GROUP_ROWS - 3, GROUP_ROWS + 4)).equals(
        rows.slice(GROUP_ROWS - 3, 7)
    )
    assert selected_rows(Folder(str(tmp_path)), "a", range(7, 7)).num_rows == 0
    assert rows.column("keep").to_pylist().count(False) == int(0.25 * table.num_rows - 1e-9)


def test_the_same_bytes_whatever_the_batches(tmp_path):
    rules = list(load_rules("general").values())
    for name, batch_rows in (("a", 7), ("b", 5000)):
        select_from(Table(5000, batch_rows=batch_rows), rules, str(tmp_path / name))
    files = [
        [(tmp_path / x / "selections/general" / f).read_bytes() for x in "ab"] for f in ("rows.parquet", "cuts.json")
    ]

    assert all(first == second for first, second in files)


def test_counts_add_up(selected):
    cuts = read_cuts(Folder(str(selected)), "general")

    assert cuts["counts"]["rows"] == NUM_IMAGES == cuts["counts"]["kept"] + sum(cuts["counts"]["dropped"].values())
    assert cuts["counts"]["dropped"]["duplicate (exact)"] == cuts["counts"]["dropped"]["not an image"] == 1
    assert cuts["counts"]["kept"] == kept(str(selected), "general").sum()
    assert [rule["column"] for rule in cuts["rules"]] == ["min(width_px, height_px)", "clarity"]
    assert cuts["rules"][1]["value"] > 0
    assert list(parse_rules(cuts["rules_file"], "cuts")) == ["general"]


def test_text_rich_images_have_weights_and_categories(selected):
    rows = pa.Table.from_batches(selected_batches(Folder(str(selected)), "text-rich")).to_pylist()
    cuts = read_cuts(Folder(str(selected)), "text-rich")

    assert all((row["weight"] > 0) == row["keep"] for row in rows)
    assert {row["category"] for row in rows if "rocket" in row["id"]} == {"rockets"}
    assert sum(part["share_of_weight"] for part in cuts["categories"]) == pytest.approx(1)
    assert cuts["kind"] == "text"


def test_replaces_a_selection_and_leaves_the_others(selected, tmp_path):
    folder, other = Folder(str(selected)), kept(str(selected), "general")
    rules = tmp_path / "again.yaml"
    rules.write_text("stage-512: {rules: []}\nanother: {}")

    assert [done.num_kept for done in select(ScoreTable(str(selected)), str(rules), ["stage-512"])] == [NUM_IMAGES - 2]
    assert "another" not in selection_names(folder)
    assert (kept(str(selected), "general") == other).all()
    assert list(folder.list("selections/stage-512")) == [
        "selections/stage-512/cuts.json",
        "selections/stage-512/rows.parquet",
    ]
    make_selected(selected)


def test_an_unfinished_selection_is_none(selected, tmp_path):
    folder = Folder(str(tmp_path))
    folder.put("selections/half/rows.parquet", b"cut off")
    folder.put("selections/whole/cuts.json", json.dumps({}).encode())

    assert selection_names(folder) == ["whole"]
    with pytest.raises(ValueError, match=r"no whole selection 'half'; there are \['whole'\]"):
        next(selected_batches(folder, "half"))


def test_a_wrong_rule_leaves_what_is_there(selected, tmp_path):
    rules = tmp_path / "wrong.yaml"
    rules.write_text("general: {rules: [{column: clarty, at_least: 1}]}")
    before = kept(str(selected), "general")

    with pytest.raises(ValueError, match="did you mean 'clarity'"):
        select(ScoreTable(str(selected)), str(rules))
    assert (kept(str(selected), "general") == before).all()


@pytest.mark.parametrize(
    ("rules", "names", "error", "message"),
    [
        ("nowhere", (), FileNotFoundError, "neither a file nor one of: demo, general, stages, text-rich"),
        ("general", ("sharp",), ValueError, "selection 'sharp' is not in the rules; they have general"),
    ],
)
def test_says_which_rules_there_are(selected, rules, names, error, message):
    with pytest.raises(error, match=message):
        select(ScoreTable(str(selected)), rules, names)


def test_regroups_rows():
    batch = pa.RecordBatch.from_pydict({"a": list(range(10))})
    parts = [batch.slice(0, 1), batch.slice(1, 7), batch.slice(8)]

    assert [part.column("a").to_pylist() for part in regrouped(parts, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(regrouped([], 4)) == []


def test_nothing_is_selected_from_no_rows(tmp_path):
    selections = list(parse_rules("a: {rules: [{column: clarity, at_least: 10%}]}", "here").values())
    [done] = select_from(Table(0), selections, str(tmp_path))

    assert done == Selected(name="a", num_rows=0, num_kept=0, dropped={}, seconds=done.seconds)
    assert read_cuts(Folder(str(tmp_path)), "a")["rules"][0]["value"] is None
