"""Sources taken out of a mix again: every row of theirs goes, nothing else does, and the dataset still loads."""

import json
import shutil
from pathlib import Path

import pytest
from datasets import get_dataset_config_names, load_dataset

from pipelines.mixture.settings import Mixture
from pipelines.mixture.without import Asked
from pipelines.shards.files import sidecars
from pipelines.shards.folder import Folder
from tests.digests import digests
from tests.pipelines.mixed import (
    document_of,
    mix,
    rows,
)


def test_without_takes_a_photo_out_wherever_it_is(inputs, mixed, train, tmp_path, capfd):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    before = digests(out)
    row = next(row for row in train if row["kind"] == "synthetic" and row["source"])
    gone = [one for one in train if one["source_sha256"] == row["source_sha256"]]
    held = {str(Path(one["file"]).relative_to(mixed)) for one in gone}
    code = mix("--out", str(out), "--without", row["source"])
    said = capfd.readouterr().out
    after = digests(out)

    assert code == 0
    assert {one["kind"] for one in gone} == {"synthetic", "general"} or len(gone) > 1
    assert f"{len(gone)} rows of {row['source']} went:" in said
    assert all(one["id"] in said for one in gone)
    assert sorted(one["id"] for one in rows(out, "train")) == sorted(
        {one["id"] for one in train} - {o["id"] for o in gone}
    )
    assert {name for name in before if name.endswith(".parquet") and after.get(name) != before[name]} == held
    assert [json.loads(line)["id"] for line in (out / "removed.jsonl").read_text().splitlines()]
    assert f"| {row['source']} | train | {len(gone)} |" in (out / "README.md").read_text()
    assert row["source"] not in [one["source"] for one in rows(out, "*")]
    for folder in out.glob("*/*/manifest"):
        assert all(info.num_rows for info in sidecars(Folder(str(folder.parent))))


@pytest.mark.parametrize(
    ("source", "pattern", "fits"),
    [
        ("a/img1.png", "a/img[1].png", False),
        ("a/img[1].png", "a/img[1].png", True),
        ("a/img[1].png", "a/img[*", True),
        ("a/b/c.png", "a/*", True),
        ("b/a/c.png", "a/*", False),
        ("p.pdf#page=3", "p.pdf", True),
    ],
)
def test_a_source_means_itself_and_a_star_anything(source, pattern, fits):
    row = {"source": source, "origin": "set", "source_sha256": "0", "id": "7"}

    assert Asked([pattern], Mixture().document).match(row) == pattern * fits
    assert Asked(["set/7"], Mixture().document).match(row) == "set/7"


def test_without_knows_the_documents_of_the_mix(mixed, train, capfd):
    book = document_of(next(row["source"] for row in train if row["kind"] == "text"))
    pages = [row["id"] for row in train if row["source"].startswith(f"{book}/")]
    code = mix("--out", str(mixed), "--without", book, "--dry-run")
    said = capfd.readouterr().out

    assert code == 0
    assert len(pages) > 1
    assert all(page in said for page in pages)


def test_without_goes_on_where_it_was_stopped_and_is_not_undone(inputs, mixed, train, tmp_path, capfd):
    once, out = (Path(shutil.copytree(mixed, tmp_path / name / "out")) for name in ("once", "again"))
    book = document_of(next(row["source"] for row in train if row["kind"] == "text"))
    assert mix("--out", str(once), "--without", f"{book}/*") == 0
    assert mix("--out", str(out), "--without", f"{book}/*") == 0
    shard = next(row["file"] for row in train if row["source"].startswith(f"{book}/"))
    damaged = out / Path(shard).relative_to(mixed)
    shutil.copy(shard, damaged)  # as a stop between the sidecar's removal and the new shard leaves it
    (damaged.parents[1] / "manifest" / f"{damaged.stem}.json").unlink(missing_ok=True)
    codes = [mix("--out", str(out), "--without", f"{book}/*"), mix(*inputs.flags(out))]
    said = capfd.readouterr().err

    assert codes == [0, 1]
    assert digests(out) == digests(once)
    assert f'--without (0): "{book}/*" -> (none)' in said


def test_without_and_dry_run_tells_what_would_go_and_changes_nothing(mixed, train, capfd):
    before, source = digests(mixed), train[0]["source"]
    code = mix("--out", str(mixed), "--without", source, "--dry-run")
    said = capfd.readouterr().out

    assert code == 0
    assert f"rows of {source} would go:" in said
    assert train[0]["id"] in said
    assert digests(mixed) == before


def test_without_all_of_a_first_shard_leaves_a_dataset_that_loads(mixed, train, tmp_path):
    out, first = Path(shutil.copytree(mixed, tmp_path / "out")), str(mixed / "train/general/data/000000.parquet")
    sources = {row["source_sha256"] for row in train if row["file"] == first}
    kept = {row["id"] for row in train if row["source_sha256"] not in sources}
    code = mix("--out", str(out), "--without", *sources)
    loaded = load_dataset(str(out), split="train", streaming=True, cache_dir=str(tmp_path / "cache"))

    assert code == 0
    assert not (out / "train/general/data/000000.parquet").exists()
    assert {row["id"] for row in loaded} == kept


def test_without_a_whole_input_leaves_no_empty_shard(mixed, inputs, tmp_path):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    code = mix("--out", str(out), "--without", inputs.text.name)
    loaded = load_dataset(str(out), split="train", streaming=True, cache_dir=str(tmp_path / "cache"))

    assert code == 0
    assert not list(out.glob("*/text/*/*"))
    assert {row["kind"] for row in loaded} == {"general", "synthetic"}
    assert "text" not in get_dataset_config_names(str(out), cache_dir=str(tmp_path / "cache"))
    assert not (out / "previews/text.png").exists()


def test_without_something_unknown_changes_nothing(mixed, inputs, tmp_path, capfd):
    out = Path(shutil.copytree(mixed, tmp_path / "out"))
    before = digests(out)
    codes = [
        mix("--out", str(out), "--without", "no/such.png", inputs.text.name),
        mix(*inputs.flags(out), "--without", "x"),
        mix("--out", str(tmp_path / "none"), "--without", "x"),
    ]
    (out / "statistics.json").rename(tmp_path / "statistics.json")
    codes.append(mix("--out", str(out), "--without", inputs.text.name))
    (tmp_path / "statistics.json").rename(out / "statistics.json")
    said = capfd.readouterr().err

    assert codes == [1, 1, 1, 1]
    assert "is not finished: " in said
    assert "has no row of no/such.png: " in said
    assert "inputs and without are given together" in said
    assert "holds no mix" in said
    assert digests(out) == before
