"""The table of scores: parts joined row by row, images read by their place, unfinished parts refused."""

from functools import partial

import pytest

from pipelines.curation.scoretable import LIST, SCORES, TEXT, ScoreTable, images_of, part_of
from pipelines.curation.scoring import TextJob
from pipelines.runner import run
from pipelines.shards.identity import claim_folder
from tests.pipelines.curation import curate, picture, rows, write_good
from tests.pipelines.toy_reading import TOY


def test_the_place_of_a_row_leads_back_to_its_image(read):
    table = ScoreTable(str(read))
    numbers = {row["id"]: number for number, row in table.take(range(table.num_rows), ("id",))}

    assert table.num_rows == len(rows(read))
    assert table.image(numbers["0/good/00.png"]) == picture(0)
    assert table.image(numbers["0/bad/short.tar/a.png"]) == picture(2)


def test_columns_are_joined_and_described(read):
    table = ScoreTable(str(read))
    batches = list(table.batches(("ocr_chars", "id", "entropy_bits")))

    assert table.schema.field("entropy_bits").metadata[b"about"]
    assert [batch.schema.names for batch in batches] == [["ocr_chars", "id", "entropy_bits"]] * table.num_shards
    assert sum(len(batch) for batch in batches) == table.num_rows
    with pytest.raises(ValueError, match="has no column nothing; it has id, "):
        list(table.batches(("nothing",)))


def test_sources_that_end_alike_are_told_apart(tmp_path):
    sources = [write_good(tmp_path / name / "photos", 1) for name in ("a", "b")]
    curate("score", tmp_path / "out", sources[0], "--source", *map(str, [*sources, sources[0]]))
    table = ScoreTable(str(tmp_path / "out"))
    [batch] = table.batches(["path"])
    paths = batch.column("path").to_pylist()

    assert paths == ["photos/00.png", "photos-2/00.png", "photos/00.png"]
    assert [table.source_name(row) for _, row in table.take([0, 1, 2], ["source", "name"])] == paths


def test_unfinished_scores_are_refused(tmp_path, read):
    images = images_of(str(read))
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in (LIST, SCORES):
        (copy / part).symlink_to(read / part)
    claim_folder(part_of(str(copy), TEXT), {"engine": "toy"})
    run(partial(TextJob, images, str(read / SCORES), str(copy / TEXT), TOY), 1, str(copy / TEXT), num_workers=0)

    with pytest.raises(ValueError, match=r"copy/text has 8 of \d+ rows: give the same `curate.py score` again"):
        ScoreTable(str(copy))
    with pytest.raises(ValueError, match="holds no curation"):
        ScoreTable(str(tmp_path / "nothing"))
