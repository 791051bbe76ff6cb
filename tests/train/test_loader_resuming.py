"""The loader goes on exactly where it was, and gives the same images to any number of ranks and workers."""

from itertools import islice

import numpy as np
import pytest
import torch

from tests.train.loading import MIXED, curriculum, load, same
from train.data import Loader


@pytest.mark.parametrize("num_ranks", [2, 4])
def test_ranks_share_out_the_batch_of_one(corpus, num_ranks):
    stages = curriculum(**MIXED)
    whole = load(corpus, stages)
    shares = [load(corpus, stages, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]

    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert torch.equal(torch.cat([part.images for part in parts]), batch.images)
        assert np.concatenate([part.ids for part in parts]).tolist() == batch.ids.tolist()
        assert sum((part.components for part in parts), ()) == batch.components


def test_resume_is_exact_with_any_number_of_workers_and_ranks(corpus):
    stages = curriculum(**MIXED)
    whole = load(corpus, stages, num_workers=2)
    with Loader(corpus, stages, 0, seed=3, num_workers=2) as loader:
        first = list(islice(loader, 5))
        state = loader.state

    assert state["step"] == 5
    assert all(map(same, first, whole[:5]))
    for num_workers in (0, 1, 2):
        rest = load(corpus, stages, num_workers=num_workers, state=state)
        assert len(rest) == 7
        assert all(map(same, rest, whole[5:]))
    half = load(corpus, stages, rank=1, num_ranks=2, state=state)
    assert all(torch.equal(part.images, batch.images[4:]) for part, batch in zip(half, whole[5:], strict=True))


def test_the_state_is_of_the_batches_handed_out_not_of_those_read_ahead(corpus):
    stages = curriculum(**MIXED)
    with Loader(corpus, stages, 0, seed=3, num_workers=2) as ahead, Loader(corpus, stages, 0, seed=3) as plain:
        for _ in range(4):
            next(ahead)
            next(plain)
            assert ahead.state == plain.state
    assert ahead.state["positions"] == {"general 64x64": 16, "text 64x64": 8, "synthetic 64x64": 8}


def test_another_corpus_stage_or_seed_does_not_go_on(corpus, only_pages):
    stages = curriculum(mix="synthetic")
    with Loader(only_pages, stages, 0, seed=3, num_workers=0) as loader:
        next(loader)
        state = loader.state

    with pytest.raises(ValueError, match=r"the loader's corpus was .* and is .* now: go back to the same data"):
        Loader(corpus, stages, 0, seed=3, state=state)
    with pytest.raises(ValueError, match=r"the loader's seed was 3 and is 4 now"):
        Loader(only_pages, stages, 0, seed=4, state=state)
    with pytest.raises(ValueError, match=r"the loader's positions was \['synthetic 64x64'\] and is"):
        Loader(only_pages, curriculum(mix="synthetic", resolution_px=32), 0, seed=3, state=state)
