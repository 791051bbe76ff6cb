"""The loader refuses at the start what would fail later: crops, batches, components that cannot be."""

import pytest

from tests.train.loading import MIXED, curriculum
from train.curriculum import Curriculum, read_stages
from train.data import Loader


def test_a_crop_that_no_image_holds_is_refused(corpus, only_pages):
    with pytest.raises(
        ValueError,
        match=r"stage 'only': 'synthetic' has a share in mix, but no image of its 130 holds a crop of 96x96 px \(the "
        r"largest is 64x64\): add larger images, lower resolution_px",
    ):
        Loader(corpus, curriculum(resolution_px=96, **MIXED), 0, seed=3)
    with pytest.raises(ValueError, match=r"no image in the data, which holds synthetic \(130\).*take it out of mix"):
        Loader(only_pages, curriculum(**MIXED), 0, seed=3)


def test_a_later_stage_that_lacks_images_is_refused_at_the_start(only_pages):
    stage = {"num_images": 8, "batch_size": 8, "mix": "synthetic"}
    sides = {"small": 32, "same": 64, "large": 96}
    stages = Curriculum(
        stages=read_stages([stage | {"name": name, "resolution_px": side_px} for name, side_px in sides.items()])
    )

    with pytest.raises(ValueError, match=r"stage 'large': 'synthetic' has .* holds a crop of 96x96 px"):
        Loader(only_pages, stages, 0, seed=3)


def test_a_later_stage_whose_batch_does_not_part_evenly_is_refused_at_the_start(only_pages):
    stage = {"num_images": 24, "mix": "synthetic", "resolution_px": 32}
    sizes = {"even": 6, "odd": 8}
    stages = Curriculum(stages=read_stages([stage | {"name": name, "batch_size": n} for name, n in sizes.items()]))

    with pytest.raises(ValueError, match="stage 'odd': batch_size is 8 on 3 ranks"):
        Loader(only_pages, stages, 0, seed=3, num_ranks=3)


def test_optional_components_may_be_lacking(only_pages):
    stages = curriculum(mix="general=0.75,synthetic=0.25", optional=["general"], **MIXED)
    with Loader(only_pages, stages, 0, seed=3, num_workers=0) as loader:
        batches = list(loader)

    assert loader.left_out == ("general",)
    assert {name for batch in batches for name in batch.components} == {"synthetic"}


def test_a_batch_must_part_evenly(corpus):
    with pytest.raises(ValueError, match=r"batch_size is 8 on 3 ranks .*make it a multiple of the number of ranks"):
        Loader(corpus, curriculum(**MIXED), 0, seed=3, num_ranks=3)
