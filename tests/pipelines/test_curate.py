"""Curation end to end, as a user runs it: every input gets its row, what cannot be done is told before it is begun."""

import json
import shutil
from pathlib import Path

import pytest

from pipelines.curation.choosing import columns_to_come
from pipelines.curation.scoretable import ScoreTable
from pipelines.curation.settings import Measures
from tests.pipelines.curation import (
    NUM_GOOD,
    NUM_SHARDS,
    RULES,
    SCORERS,
    curate,
    digests,
    rows,
    write_bad,
    write_good,
    write_odd,
    write_tar,
)
from tests.pipelines.small_job import sidecars


def test_every_bad_input_has_a_row_that_says_why_and_nothing_else_suffers(tmp_path, capfd):
    source = tmp_path / "source"
    bad = write_bad(source / "bad")
    write_odd(source / "odd")
    write_good(source / "good", 4)
    code = curate("score", tmp_path / "out", source)
    said = capfd.readouterr().out
    found = rows(tmp_path / "out")
    outcomes = {name: (row["status"], row["reason"]) for name, row in found.items() if row["status"] != "ok"}
    well = {name for name, row in found.items() if row["status"] == "ok"}
    counts = [json.loads(path.read_text())["counts"] for path in sidecars(tmp_path / "out/scores")]

    assert code == 0
    assert outcomes == {f"0/bad/{name}": outcome for name, outcome in bad.items()}
    assert len(well) == 4 + 6 + 2  # the good, the odd, and a whole member of each tar
    assert sum(n for part in counts for name, n in part.items() if name.startswith("fault/")) == len(bad)
    assert all(found[name][column] is not None for name in well for column in ("entropy_bits", "sha256"))
    assert all(found[f"0/bad/{name}"]["entropy_bits"] is None for name in bad)
    assert f"{len(found)} listed, {len(well)} scored" in said
    assert "fault    2 too many pixels" in said
    assert "0/bad/huge.png: 169000000 pixels: over the 128000000 allowed" in said


def test_names_that_come_twice_in_a_tar_stay_apart(tmp_path, good):
    data = [path.read_bytes() for path in sorted(good.glob("*.png"))[:2]]
    (tmp_path / "source").mkdir()
    write_tar(tmp_path / "source/t.tar", {"a.png": data[0], "./a.png": data[1]})
    curate("score", tmp_path / "out", tmp_path / "source")
    found = rows(tmp_path / "out")

    assert len(found) == 2
    assert len({row["sha256"] for row in found.values()}) == 2


def test_another_recipe_is_refused_with_the_difference(good, scored, tmp_path, capfd):
    before = digests(scored)
    other = write_good(tmp_path / "other", 2)
    codes = [curate("score", scored, good, "--scorers", "sanity"), curate("score", scored, other)]
    codes.append(curate("score", scored, good, "--max-mpx", "1"))
    said = capfd.readouterr().err

    assert codes == [1, 1, 1]
    assert "was begun by another job (there -> now):" in said
    assert '--scorers, their versions (fingerprint): "' in said
    assert '--source (0): "' in said
    assert "--max-mpx, in pixels: 128000000 -> 1000000" in said
    assert "identity." not in said
    assert digests(scored) == before


def test_images_that_came_after_the_list_are_told(tmp_path, good, scored, capfd):
    source = Path(shutil.copytree(good, tmp_path / "source"))
    curate("score", tmp_path / "out", source)
    shutil.copy(source / "00.png", source / "new.png")
    code = curate("score", tmp_path / "out", source)
    said = capfd.readouterr()

    assert code == 0
    assert f"{source} has changed since it was listed: {NUM_GOOD} images then, {NUM_GOOD + 1} now" in said.err
    assert f"{NUM_GOOD} listed, {NUM_GOOD} scored" in said.out


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path, good, capfd):
    rules = tmp_path / "mine.yaml"
    rules.write_text(RULES)
    code = curate("run", tmp_path / "out", good, "--dry-run", "--rules", str(rules))
    said = capfd.readouterr().out

    assert code == 0
    assert f"would score {NUM_GOOD} images in {NUM_SHARDS} shards into {tmp_path}/out" in said
    assert "ms an image" in said
    assert "would select and pack sharp" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_run_whose_rules_need_another_scorer_is_refused_before_scoring(tmp_path, good, capfd, more):
    code = curate("run", tmp_path / "out", good, "--rules", "general", *more)

    assert code == 1
    assert "reads 'clarity', a column of scorer sharpness: add sharpness to --scorers" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_columns_to_come_are_those_that_come(scored):
    measures = Measures(scorers=SCORERS, ocr="none")

    assert set(columns_to_come(measures, str(scored))) == set(ScoreTable(str(scored)).schema.names)


def test_what_is_no_image_is_told(tmp_path, capfd):
    source = write_good(tmp_path / "source", 2)
    for name in ("a.txt", "b.txt", ".hidden.png"):
        (source / name).write_text("none")
    codes = [curate("score", tmp_path / "out", source) for _ in range(2)]
    said = capfd.readouterr().out

    assert codes == [0, 0]
    assert said.count("images   2 listed, 2 scored\nskipped  2 .txt, 1 hidden\n") == 2


def test_a_selection_tells_what_drops_most(tmp_path, good, scored, capfd):
    rules = tmp_path / "mine.yaml"
    bounds = "".join(f"    - {{column: width_px, at_least: {96 + 2 * step}}}\n" for step in range(1, 8))
    rules.write_text(f"wide:\n  rules:\n{bounds}")
    out = Path(shutil.copytree(scored, tmp_path / "out"))
    code = curate("select", out, None, "--rules", str(rules))
    lines = capfd.readouterr().out.splitlines()

    assert code == 0
    assert lines[0] == "wide         10 of 24 kept (41.7%)"
    assert lines[1:6] == [f"  dropped    2 width_px under {96 + 2 * step}" for step in range(1, 6)]
    assert lines[6:] == ["  dropped    4 by 2 other rules"]


def test_an_empty_source_is_refused(tmp_path, capfd):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/notes.txt").write_text("none")
    codes = [curate("score", tmp_path / "out", tmp_path / "source"), curate("score", tmp_path / "out", tmp_path / "no")]
    said = capfd.readouterr().err

    assert codes == [1, 1]
    assert f"no image in {tmp_path / 'source'} (1 skipped (.txt)): " in said
    assert f"photos {tmp_path}/no: no such folder or file" in said


def test_run_scores_selects_and_packs(tmp_path, good, capfd):
    rules = tmp_path / "mine.yaml"
    rules.write_text(RULES)
    code = curate("run", tmp_path / "out", good, "--rules", str(rules))
    said = capfd.readouterr().out

    assert code == 0
    assert f"sharp        {NUM_GOOD} of {NUM_GOOD} kept (100.0%)" in said
    assert "dropped" not in said
    assert f"sharp        {NUM_GOOD} images, " in said
    assert (tmp_path / "out/packed/sharp/README.md").exists()
