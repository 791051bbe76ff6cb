"""The loader: which images the steps of a stage see, how often, and in what shares."""

from collections import Counter
from itertools import pairwise

import pytest
import torch

from tests.train.loading import MIXED, NUM_PAGES, NUM_PHOTOS, curriculum, load
from train.curriculum import Curriculum, read_stages
from train.data import Loader
from train.feeding.corpus import Corpus


def test_a_batch_is_what_it_says(corpus):
    stages = curriculum(resolution_px=32, aspects=["1:1", "3:1"])
    batches = load(corpus, stages)

    assert [batch.step for batch in batches] == list(range(12))
    assert {tuple(batch.images.shape) for batch in batches} == {(8, 3, 32, 32), (8, 3, 32, 64)}
    assert {batch.images.dtype for batch in batches} == {torch.uint8}
    for batch in batches:
        assert batch.images.is_contiguous()
        for row, component in zip(batch.ids.tolist(), batch.components, strict=True):
            assert corpus.matches(component)[row]


def test_every_row_once_an_epoch_and_no_other(only_pages):
    batches = load(only_pages, curriculum(mix="synthetic", num_images=390, batch_size=10))
    ids = [row for batch in batches for row in batch.ids.tolist()]
    epochs = [ids[start : start + NUM_PAGES] for start in range(0, 390, NUM_PAGES)]

    assert [sorted(epoch) for epoch in epochs] == [list(range(NUM_PAGES))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3
    neighbours = sum(abs(one - two) == 1 for one, two in pairwise(ids))
    assert neighbours < 0.1 * len(ids)


def test_an_image_comes_once_an_epoch_over_all_crops_that_it_fits(corpus):
    stages = curriculum(num_images=192, resolution_px=32, aspects=["1:1", "3:1", "1:3"], mix="general")
    batches = load(corpus, stages)
    ids = [row for batch in batches for row in batch.ids.tolist()]

    assert len({batch.images.shape for batch in batches}) == 3
    assert Counter(Counter(ids).values()) == {192 // NUM_PHOTOS: NUM_PHOTOS}


def test_weights_are_kept_within_one_of_any_number_of_epochs(folders):
    heavy = Corpus.of([folders["weighted"]])
    batches = load(heavy, curriculum(mix="synthetic", num_images=600, batch_size=10))
    counts = Counter(row for batch in batches for row in batch.ids.tolist())

    assert sum(counts.values()) == 600
    for row in range(60):
        assert abs(counts[row] - 10 * (0.25, 0.5, 1.0, 2.25)[row % 4]) <= 1.5


@pytest.mark.parametrize(
    ("mix", "counts"),
    [
        ("general=0.5,text=0.25,synthetic=0.25", {"general": 4, "text": 2, "synthetic": 2}),
        ("general=2,synthetic-5-7=1,synthetic-14-20=1", {"general": 4, "synthetic-5-7": 2, "synthetic-14-20": 2}),
    ],
)
def test_the_mix_is_exact_in_every_step(corpus, mix, counts):
    batches = load(corpus, curriculum(mix=mix, **MIXED))

    assert [Counter(batch.components) for batch in batches] == [counts] * 12
    assert len({batch.components for batch in batches}) > 6


def test_a_mix_that_does_not_come_out_even_is_within_one_and_right_on_average(only_pages):
    mix = "synthetic-5-7=0.7,synthetic-7-10=0.3"
    batches = load(only_pages, curriculum(mix=mix, num_images=1600, resolution_px=32, **MIXED))
    counts = [Counter(batch.components)["synthetic-7-10"] for batch in batches]

    assert set(counts) == {2, 3}
    assert sum(counts) == pytest.approx(480, abs=15)


def test_seeds_and_stages_see_other_images(only_pages):
    stage = {"num_images": 40, "batch_size": 8, "resolution_px": 64, "mix": "synthetic"}
    stages = Curriculum(stages=read_stages([stage | {"name": name} for name in "ab"]))

    def ids(seed: int, index: int) -> list[int]:
        with Loader(only_pages, stages, index, seed=seed, num_workers=0) as loader:
            return [row for batch in loader for row in batch.ids.tolist()]

    assert ids(3, 0) == ids(3, 0)
    assert len({tuple(ids(seed, index)) for seed in (3, 4) for index in (0, 1)}) == 4
