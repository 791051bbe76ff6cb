"""Inputs of a mix: copies, names that meet and photos that are gone are dealt with; what cannot be mixed is refused."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.digests import sha256
from tests.pipelines.mixed import (
    mix,
    pack,
    rows,
)


def test_a_train_split_that_would_be_empty_is_refused(inputs, tmp_path, capfd):
    one_document = [
        "--document",
        r".*(p)_\d+\.png",
        "--test-share",
        "0.5",
    ]  # the hash of "p" is among the held-out ones
    flags = ["--inputs", str(inputs.general), str(inputs.text), *one_document]
    code = mix(*flags, "--ratios", "general=1,text=1", "--out", str(tmp_path / "out"))
    said = capfd.readouterr().err

    assert code == 1
    assert "the train split would be empty" in said
    assert "--ratios all" in said


def test_photos_that_are_gone_are_told(inputs, tmp_path, capfd):
    copy = Path(shutil.copytree(inputs.rendered, tmp_path / "rendered"))
    (copy / "sources.json").write_text(json.dumps({"photo_index": str(tmp_path / "none")}))
    flags = ["--inputs", str(copy), "--ratios", "all", "--test-share", str(inputs.test_share)]
    code = mix(*flags, "--out", str(tmp_path / "out"))
    said = capfd.readouterr().out
    shas = [{row["source_sha256"] for row in rows(tmp_path / "out", split)} for split in ("train", "test")]

    assert code == 0
    assert re.search(r"rendered: the photos of \d+ rows cannot be fingerprinted", said)
    assert shas[0] & shas[1] <= {""}
    assert shas[1]


def test_what_cannot_be_mixed_is_refused(inputs, tmp_path, capfd):
    out = str(tmp_path / "out")
    codes = [
        mix("--out", out),
        mix("--out", out, "--inputs", str(inputs.general.parents[1])),
        mix("--out", out, "--inputs", str(inputs.general)),
        mix("--out", out, "--inputs", str(inputs.general), "--ratios", "gen"),
        mix(*inputs.flags(out + "2"), "--num-images", "1000"),
        mix("--out", out + "3", "--inputs", str(inputs.rendered), "--ratios", "synthetic=1,synthetic-5-7=1"),
    ]
    said = capfd.readouterr().err

    assert codes == [1, 1, 1, 1, 1, 1]
    assert mix("--out", out, "--inputs", str(inputs.general), "--ratios", "general") == 0  # nothing was begun there
    assert "inputs is empty: name rendered datasets" in said
    assert f"holds no whole shard: name {inputs.general}" in said
    assert "name 'text', 'synthetic', of which the inputs hold no image: they have general;" in said
    assert "ratios gen=1 name 'gen', of which" in said
    assert re.search(r"num_images is 1,000: .*text has \d+ of the 250 that .*; give at most \d+\n", said)
    assert "both take synthetic-5-7" in said
    for flags in (["--test-share", "0.9"], ["--document", "("], ["--document", "x"], ["--seed", "-1"]):
        with pytest.raises(SystemExit):
            mix("--out", out, "--inputs", "x", *flags)


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_default_ratios_that_cannot_be_had_are_refused_before_a_row_is_fingerprinted(inputs, tmp_path, capfd, flags):
    out = tmp_path / "out"
    code = mix("--inputs", str(inputs.general), str(inputs.rendered), "--out", str(out), *flags)
    said = capfd.readouterr()

    assert code == 1
    assert not list(tmp_path.rglob("*.parquet"))
    assert "fingerprinted" not in said.out + said.err
    assert "ratios general=0.4,text=0.3,synthetic=0.3 (the default, as no others are given) name 'text'" in said.err
    assert "they have general, synthetic-5-7, synthetic-7-10," in said.err, "by size"
    assert said.err.endswith("leave it out: --ratios general=0.571,synthetic=0.429\n"), "to copy"


@pytest.mark.parametrize("share", [0.5, 1e-9])
def test_what_the_test_split_lacks_is_told_in_a_line_and_on_the_card(inputs, tmp_path, capfd, share):
    out = tmp_path / "out"
    flags = ["--inputs", str(inputs.general), str(inputs.rendered), "--test-share", str(share), "--ratios", "all"]
    code = mix(*flags, "--out", str(out))
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("mix.py: warning: ")]
    train, test = ({path.name for path in (out / split).iterdir()} for split in ("train", "test"))

    assert code == 0
    assert len(said) == bool(train - test) == (share < 0.1)
    named = said[0].partition("no image of ")[2].partition(", which the")[0].split(", ") if said else []
    assert set(named) == train - test
    assert ("the test split has no image of" in (out / "README.md").read_text()) == bool(said)


def test_inputs_of_other_columns_are_joined_and_of_other_types_refused(inputs, tmp_path, capfd):
    table = pq.read_table(inputs.general / "data/000000.parquet")
    at = table.schema.get_field_index("entropy_bits")
    copy = Path(shutil.copytree(inputs.general, tmp_path / "other"))
    for path in (copy / "data").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.set_column(at, "entropy_bits", table.column(at).cast("double")), path)
        sidecar = copy / f"manifest/{path.stem}.json"
        sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"num_bytes": path.stat().st_size}))
    code = mix("--out", str(tmp_path / "out"), "--inputs", str(inputs.general), str(copy), "--ratios", "all")

    assert code == 1
    assert "column entropy_bits is double in" in capfd.readouterr().err


@pytest.mark.parametrize("text_first", [False, True])
def test_a_file_is_taken_once_and_rather_as_text(inputs, tmp_path, capfd, text_first):
    text, again = (pack(inputs.photos, kind, tmp_path / f"{kind}-curated") for kind in ("text", "general"))
    names = [str(text), str(inputs.general), str(again)] if text_first else [str(inputs.general), str(again), str(text)]
    flags = ["--inputs", *names, "--ratios", "all", "--test-share", "0"]
    codes = [
        mix(*flags, "--out", str(tmp_path / "once")),
        mix(*flags, "--out", str(tmp_path / "all"), "--keep-duplicates"),
    ]
    said = capfd.readouterr().out
    once, everything = rows(tmp_path / "once", "train"), rows(tmp_path / "all", "train")
    photos = {sha256(path.read_bytes()) for path in inputs.photos.iterdir()}

    assert codes == [0, 0]
    assert len(everything) == pq.read_table(inputs.general / "data").num_rows + 2 * len(photos)
    assert len({row["source_sha256"] for row in once}) == len(once) == len(everything) - 2 * len(photos)
    assert {row["source_sha256"] for row in once if row["kind"] == "text"} == photos
    assert {row["origin"] for row in once} == {"general", "text"}
    assert f"copies of a file that another row holds: {2 * len(photos)} rows" in said
    assert f"{2 * len(photos)} rows were left out because another row" in (tmp_path / "once/README.md").read_text()


def test_two_inputs_of_one_name_are_told_apart(inputs, tmp_path):
    other = pack(inputs.photos, "general", tmp_path / "curated")
    flags = ["--inputs", str(inputs.general), str(other), "--ratios", "all", "--test-share", "0", "--keep-duplicates"]
    code = mix(*flags, "--out", str(tmp_path / "out"))
    both = rows(tmp_path / "out", "train")
    codes = [code, mix("--out", str(tmp_path / "out"), "--without", "general-2")]
    left = rows(tmp_path / "out", "train")

    assert codes == [0, 0]
    assert {row["origin"] for row in both} == {"general", "general-2"}
    assert len({row["id"] for row in both}) < len(both)  # ids are of their own input
    assert [row["id"] for row in left] == [row["id"] for row in both if row["origin"] == "general"]
    assert not (tmp_path / "out/test").exists()
