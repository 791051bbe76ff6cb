"""The loader: rows that cannot be used are counted and named, and others stand in for them."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from pipelines.shards.codec import decode
from tests.train.loading import BROKEN, curriculum, load
from tests.train.shards import noise, pages, write
from train.data import Loader
from train.feeding.corpus import Corpus


def test_broken_rows_are_counted_named_and_replaced_by_the_next(folders, only_pages):
    broken = Corpus.of([folders["broken"]])
    stages = curriculum(mix="synthetic", num_images=130, batch_size=10)
    whole = [row for batch in load(only_pages, stages) for row in batch.ids.tolist()]
    with Loader(broken, stages, 0, seed=3, num_workers=2) as loader:
        found = list(loader)
    ids = [row for batch in found for row in batch.ids.tolist()]
    causes = {name.removeprefix(f"{folders['broken']}/data/"): count for name, count in loader.faults.items()}

    assert causes == {
        "000000.parquet#7: no bytes": 1,
        "000001.parquet#10: no image that can be read": 1,
        "000001.parquet#11: truncated": 1,
        "000003.parquet#10: damaged": 1,
    }
    assert len(ids) == 130
    assert not set(ids) & set(BROKEN)
    assert sum(one != two for one, two in zip(whole, ids, strict=True)) == len(BROKEN)
    pixels = {row: decode(noise(row, 64)) for row in ids}
    for batch in found:
        for image, row in zip(batch.images, batch.ids.tolist(), strict=True):
            assert np.array_equal(image.numpy(), pixels[row].transpose(2, 0, 1))


def test_a_replacement_does_not_depend_on_ranks_or_workers(folders):
    broken = Corpus.of([folders["broken"]])
    stages = curriculum(mix="synthetic", num_images=130, batch_size=10)
    whole = load(broken, stages, num_workers=2)
    shares = [load(broken, stages, rank=rank, num_ranks=2) for rank in (0, 1)]

    for one, two, batch in zip(*shares, whole, strict=True):
        assert torch.equal(torch.cat([one.images, two.images]), batch.images)


def test_rows_without_end_that_cannot_be_used_stop_the_run(tmp_path):
    corpus = Corpus.of([write(pages(40, instead=dict.fromkeys(range(40), b"?")), tmp_path / "set")])

    with pytest.raises(
        ValueError, match=r"stage 'only': of 'synthetic' 64 rows one after the other cannot be used, 0 of .*#"
    ):
        load(corpus, curriculum(mix="synthetic"))


def test_images_of_unknown_size_that_are_too_small_are_replaced(folders, tmp_path):
    images = [noise(number, 48 if number % 3 == 0 else 96) for number in range(12)]
    pq.write_table(pa.table({"image": images}), tmp_path / "plain.parquet")
    corpus = Corpus.of([f"{tmp_path}=synthetic"])
    with Loader(corpus, curriculum(mix="synthetic", num_images=24), 0, seed=3, num_workers=1) as loader:
        ids = {row for batch in loader for row in batch.ids.tolist()}

    assert ids == {number for number in range(12) if number % 3}
    assert {name.partition("#")[2] for name in loader.faults} == {
        f"{number}: 48x48 px: smaller than a crop of 64x64" for number in (0, 3, 6, 9)
    }
    assert min(loader.faults.values()) == 2  # once an epoch, more where it follows another


def test_images_of_a_step_have_stand_ins_of_their_own(tmp_path):
    """One in twenty is tall: if each place took the next tall one, a step of tall crops would show it many times."""
    images = [landscape(number, tall=number % 20 == 0) for number in range(600)]
    pq.write_table(pa.table({"image": images}), tmp_path / "plain.parquet", row_group_size=100)
    corpus = Corpus.of([f"{tmp_path}=general"])
    stages = curriculum(mix="general", resolution_px=64, aspects=("1:2",), num_images=160, batch_size=16)

    batches = load(corpus, stages)

    assert all(row % 20 == 0 for batch in batches for row in batch.ids.tolist())
    assert min(len(set(batch.ids.tolist())) for batch in batches) >= 12
    assert len({row for batch in batches for row in batch.ids.tolist()}) >= 25


def landscape(number, *, tall):
    pixels = noise(number, 128)
    size = (64, 128) if tall else (128, 64)
    file = io.BytesIO()
    Image.open(io.BytesIO(pixels)).resize(size).save(file, "JPEG")
    return file.getvalue()


def test_few_images_of_unknown_size_that_hold_a_crop_are_found_among_many_that_do_not(tmp_path):
    images = [noise(number, 40 if number % 150 else 96) for number in range(300)]
    pq.write_table(pa.table({"image": images}), tmp_path / "plain.parquet")
    corpus = Corpus.of([f"{tmp_path}=synthetic"])

    batches = load(corpus, curriculum(mix="synthetic", resolution_px=64, num_images=16))

    assert sum(len(batch.ids) for batch in batches) == 16
    assert {row % 150 for batch in batches for row in batch.ids.tolist()} == {0}
